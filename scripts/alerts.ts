// Alert rules for Prometheus: what an operator must know of, and what to do then. Rendered by `npm run docs`.
import { markdownTable } from '../src/config/markdown.ts';
import type { MetricName } from '../src/metrics.ts';

interface Alert {
  readonly name: string;
  /** How it is written for Prometheus; the names are checked against the table. */
  readonly expr: string;
  /** How long it must hold. */
  readonly for: string;
  readonly severity: 'critical' | 'warning';
  /** One sentence for the pager. */
  readonly summary: string;
  /** What to do. */
  readonly action: string;
}

/** A name that is not in the table does not compile. */
const metric = (name: MetricName, selector = ''): string => `${name}${selector}`;
const perNode = 'sum by (instance)';

const requests = metric('iota_restapi_requests_total');
const failed = metric('iota_restapi_requests_total', '{code=~"5.."}');
const free = metric('midge_disk_free_bytes');
const reserve = metric('midge_disk_reserve_bytes');
const neighbours = `${perNode} (${metric('midge_gossip_neighbours')})`;
const readBuckets = '_bucket{method="GET",url="/api/v1/messages/:messageId"}';
const reads = metric('iota_restapi_request_duration_seconds', readBuckets);

export const alerts: readonly Alert[] = [
  {
    name: 'MidgeDown',
    expr: 'up{job="midge"} == 0',
    for: '1m',
    severity: 'critical',
    summary: 'The node does not answer Prometheus.',
    action: 'See whether the process runs, and read the end of its log.',
  },
  {
    name: 'MidgeUnhealthy',
    expr: `${metric('midge_health_check')} == 0`,
    for: '2m',
    severity: 'critical',
    summary: 'A check of /health fails: {{ $labels.check }}.',
    action: 'Ask /api/midge/v1/health: it names the reason.',
  },
  {
    name: 'MidgeStoreNotWritable',
    expr: `${metric('midge_store_writable')} == 0`,
    for: '1m',
    severity: 'critical',
    summary: 'The store cannot write; messages are refused.',
    action: 'Look for a full or failing disk; the node goes on by itself when it can write again.',
  },
  {
    name: 'MidgeDiskLow',
    expr: `${free} < ${reserve}`,
    for: '5m',
    severity: 'critical',
    summary: 'The disk has less free than the reserve; messages are refused.',
    action:
      'Make room: the node takes messages again by itself. midge db status tells its own share.',
  },
  {
    name: 'MidgeDiskFills',
    expr: `predict_linear(${free}[6h], 86400) < ${reserve}`,
    for: '1h',
    severity: 'warning',
    summary: 'At the pace of the last six hours the disk is down to its reserve within a day.',
    action: 'See what grows. If it is the node, set or lower pruning.maxSizeBytes.',
  },
  {
    name: 'MidgePruningBlocked',
    expr: `${metric('midge_pruning_blocked')} == 1`,
    for: '15m',
    severity: 'warning',
    summary: 'The disk asks for more than may be pruned.',
    action: 'Raise pruning.maxSizeBytes, or make room: what is left are the newest messages.',
  },
  {
    name: 'MidgePruningPaused',
    expr: `${metric('midge_pruning_paused')} == 1`,
    for: '24h',
    severity: 'warning',
    summary: 'Pruning has been paused for a day.',
    action: 'Run midge prune --resume, or the limits mean nothing.',
  },
  {
    name: 'MidgePinsMissed',
    expr: `increase(${metric('midge_pruning_missed_pins_total')}[1h]) > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'Messages of a pinned index were pruned, for there was no room to keep them.',
    action: 'Raise pruning.maxPinnedBytes, or remove pins: midge pin list.',
  },
  {
    name: 'MidgeIntakeSlowed',
    expr: `${metric('midge_intake_slowed')} == 1`,
    for: '10m',
    severity: 'warning',
    summary: 'Messages come faster than the data folder can be kept to its limit.',
    action: 'Raise pruning.maxSizeBytes, or see who sends so much.',
  },
  {
    name: 'MidgeRestarts',
    expr: `changes(${metric('process_start_time_seconds')}[1h]) > 3`,
    for: '0m',
    severity: 'warning',
    summary: 'The node has started more than three times in an hour.',
    action: 'The log says why it ended, just before each start.',
  },
  {
    name: 'MidgeEventLoopLate',
    expr: `${metric('midge_event_loop_delay_seconds')} > 0.5`,
    for: '5m',
    severity: 'warning',
    summary: 'The node answers late: its event loop is held up by {{ $value }} s.',
    action: 'Give it more CPU, lower pow.cpuBudget, or send some of its clients to another node.',
  },
  {
    name: 'MidgeFilesRunOut',
    expr: `${metric('process_open_fds')} / ${metric('process_max_fds')} > 0.8`,
    for: '5m',
    severity: 'warning',
    summary: 'Most of the files and sockets that the process may open are open.',
    action: 'Raise LimitNOFILE of the service.',
  },
  {
    name: 'MidgeConnectionsRunOut',
    expr: `${metric('midge_api_connections')} / ${metric('midge_api_connections_limit')} > 0.9`,
    for: '5m',
    severity: 'warning',
    summary: 'Nearly all connections that the API takes (api.maxConnections) are open.',
    action:
      'See who holds them; a proxy in front keeps idle clients away from the node. Or raise api.maxConnections.',
  },
  {
    name: 'MidgeCertificateEnds',
    expr: `${metric('midge_api_certificate_end_time_seconds')} - time() < 14 * 86400`,
    for: '1h',
    severity: 'warning',
    summary: 'The certificate of the API ends in less than 14 days.',
    action:
      'Renew it; the node serves the new files within a minute. If they are new, its log says why not.',
  },
  {
    name: 'MidgeFailing',
    expr: `${perNode} (rate(${failed}[5m])) / ${perNode} (rate(${requests}[5m])) > 0.05`,
    for: '10m',
    severity: 'warning',
    summary: 'More than a twentieth of all requests fail for reasons of the node.',
    action: 'midge_api_refused_total says by which reasons; internal ones are in the log.',
  },
  {
    name: 'MidgeSlow',
    expr: `histogram_quantile(0.95, sum by (instance, le) (rate(${reads}[5m]))) > 0.25`,
    for: '10m',
    severity: 'warning',
    summary: 'One read of a message in twenty takes more than a quarter of a second.',
    action: 'Compare the event loop and the disk; then as for MidgeEventLoopLate.',
  },
  {
    name: 'MidgePowRefused',
    expr: `${perNode} (rate(${metric('midge_pow_refused_total', '{code=~"pow_busy|pow_deadline"}')}[10m])) > 0.1`,
    for: '10m',
    severity: 'warning',
    summary: 'Clients are refused because the queue for proof of work is full.',
    action: 'Raise pow.cpuBudget or pow.queueSize, or put another node beside this one.',
  },
  {
    name: 'MidgePowHeldBack',
    expr: `${metric('midge_pow_backing_off')} == 1`,
    for: '30m',
    severity: 'warning',
    summary: 'Mining has long kept below its budget, because the node itself is late.',
    action: 'The budget is more than this machine has to give: lower pow.cpuBudget.',
  },
  {
    name: 'MidgeAlone',
    expr: `${neighbours} == 0 and max_over_time((${neighbours})[1d:5m]) > 0`,
    for: '10m',
    severity: 'critical',
    summary: 'The node has lost all its neighbours.',
    action: 'midge peers shows when each was last seen; look at the network and the firewall.',
  },
  {
    name: 'MidgeBehind',
    expr: `${metric('midge_sync_behind_messages')} > 1000`,
    for: '10m',
    severity: 'warning',
    summary: 'Messages of a neighbour are missing here, and do not come in.',
    action:
      'If the disk and the CPU are idle, restart; the log says what is asked for and not answered.',
  },
  {
    name: 'MidgeGossipDrops',
    expr: `rate(${metric('iota_gossip_node_dropped_count')}[10m]) > 1`,
    for: '10m',
    severity: 'warning',
    summary: 'Neighbours take messages more slowly than they come.',
    action:
      'Find the slow neighbour by iota_gossip_peers_dropped_count. Nothing is lost: it catches up later.',
  },
  {
    name: 'MidgeMqttSkips',
    expr: `increase(${metric('midge_mqtt_skipped_messages_total')}[10m]) > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'MQTT clients were not told of some messages, because they came too fast.',
    action: 'Who needs every message reads the server-sent events with a cursor.',
  },
];

export function renderAlerts(): string {
  const rules = alerts.map(
    ({ name, expr, for: duration, severity, summary, action }) => `      - alert: ${name}
        expr: ${quoted(expr)}
        for: ${duration}
        labels:
          severity: ${severity}
        annotations:
          summary: ${quoted(summary)}
          description: ${quoted(action)}
`,
  );
  return `# Alert rules for Prometheus. Rendered from scripts/alerts.ts by \`npm run docs\`.
groups:
  - name: midge
    rules:
${rules.join('\n')}`;
}

export function renderAlertTable(): string {
  return markdownTable(
    ['Alert', 'Severity', 'After', 'Means', 'What to do'],
    alerts.map(({ name, severity, for: duration, summary, action }) => [
      name,
      severity,
      duration === '0m' ? 'at once' : duration,
      summary,
      action,
    ]),
  );
}

/** No rule has a single quote. */
function quoted(text: string): string {
  if (text.includes("'")) throw new Error(`a rule has a single quote: ${text}`);
  return `'${text}'`;
}
