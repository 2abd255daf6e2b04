// THE table of metrics, and the registry behind GET /metrics. Dashboards, alerts and docs/metrics.md come from the
// table. Names are the field's where the meaning is the same; counters are counters here.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricRow {
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  /** Names neighbours and their addresses: shown to the owner only. */
  readonly isPrivate?: boolean;
}

const gauge = (help: string, ...labels: string[]): MetricRow => ({ type: 'gauge', help, labels });
const counter = (help: string, ...labels: string[]): MetricRow => ({
  type: 'counter',
  help,
  labels,
});
const histogram = (help: string, buckets: readonly number[], ...labels: string[]): MetricRow => ({
  type: 'histogram',
  help,
  labels,
  buckets,
});

const ofPeer = (help: string, ...labels: string[]): MetricRow => ({
  ...gauge(help, ...labels),
  isPrivate: true,
});

const peerLabels = ['address', 'alias', 'id'] as const;

export const metricsTable = {
  // The node.
  iota_node_app_info: gauge('Name and version of the node; always 1.', 'name', 'version'),
  iota_node_health: gauge('1 while every check of /health is fine, else 0.'),
  midge_health_check: gauge('1 while this check of /health is fine, else 0.', 'check'),
  iota_node_messages_per_second: gauge('Messages that became solid, over the last ten seconds.'),
  iota_node_tip_count: gauge('Tips that are offered to new messages.', 'type'),
  iota_node_request_count: gauge('Messages that are asked of neighbours.', 'type'),
  midge_event_loop_delay_seconds: gauge('Longest delay of the event loop in the last 10 to 20 s.'),
  process_cpu_seconds_total: counter('CPU time of all threads, mining included.'),
  process_resident_memory_bytes: gauge('Memory of the process.'),
  process_start_time_seconds: gauge('When the process started, as Unix time.'),

  // The door and the store.
  midge_intake_outcomes_total: counter('Messages at the door by what became of them.', 'outcome'),
  midge_intake_pending_messages: gauge('Messages that wait for their parents.'),
  midge_store_messages: gauge('Solid messages that are stored.'),
  midge_store_last_seq: gauge('Sequence number of the newest message.'),
  midge_store_cut_seq: gauge('Messages up to this sequence number were pruned.'),
  midge_store_writable: gauge('1 while the store can write, else 0.'),

  // Proof of work.
  midge_pow_cpu_budget_ratio: gauge('Share of all cores that mining may use.'),
  midge_pow_cpu_used_ratio: gauge('Share of all cores that mining uses.'),
  midge_pow_hashes_per_second: gauge('Speed of all workers within the budget.'),
  midge_pow_running_jobs: gauge('Messages that are mined now.'),
  midge_pow_queued_jobs: gauge('Messages that wait to be mined.'),
  midge_pow_queue_size_jobs: gauge('Messages that may wait to be mined.'),
  midge_pow_queued_hashes: gauge('Work that waits, in hashes on average.'),
  midge_pow_backing_off: gauge('1 while mining rests because the node itself is late.'),
  iota_restapi_pow_count: counter('Messages that were mined for clients.'),
  midge_pow_refused_total: counter(
    'Messages that were not mined, by the code of the error.',
    'code',
  ),
  iota_restapi_pow_durations: histogram(
    'Seconds from the admission of a message to its nonce.',
    [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500],
  ),
  iota_restapi_pow_message_sizes: histogram(
    'Bytes of the messages that were mined.',
    [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 33_000],
  ),

  // The API.
  iota_restapi_requests_total: counter(
    'Requests by route; url is the template of the route.',
    'code',
    'method',
    'url',
  ),
  iota_restapi_http_request_error_count: counter('Requests that were answered with an error.'),
  iota_restapi_request_duration_seconds: histogram(
    'Seconds from the headers of a request to the end of its answer.',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 100],
    'method',
    'url',
  ),

  // MQTT.
  midge_mqtt_clients: gauge('Clients that are connected, over TCP or WebSocket.'),
  midge_mqtt_subscriptions: gauge('Topic filters of all clients together.'),
  midge_mqtt_skipped_messages_total: counter('Messages that came faster than they were told.'),
  midge_mqtt_cut_off_total: counter('Clients whose connection the node ended.', 'reason'),

  // Gossip, all neighbours since the start.
  iota_gossip_node_message_count: counter('Messages of gossip.', 'type'),
  iota_gossip_node_request_count: counter('Requests of gossip.', 'type'),
  iota_gossip_node_heartbeat_count: counter('Heartbeats.', 'type'),
  iota_gossip_node_dropped_count: counter('Frames that found no room in a send queue.', 'type'),
  midge_gossip_neighbours: gauge('Neighbours that are connected.', 'relation'),
  midge_gossip_queued_bytes: gauge('Bytes that wait in the send queues of all neighbours.'),
  midge_gossip_banned_peers: gauge('Peers that are kept out for harm they did.'),
  midge_gossip_banned_blocks: gauge('Blocks of addresses from which no strangers are let in.'),

  // Each neighbour that is known or connected.
  iota_gossip_peers_connected_count: ofPeer('1 while it is connected, else 0.', ...peerLabels),
  iota_gossip_peers_message_count: ofPeer('Messages on its stream.', ...peerLabels, 'type'),
  iota_gossip_peers_request_count: ofPeer('Requests on its stream.', ...peerLabels, 'type'),
  iota_gossip_peers_heartbeat_count: ofPeer('Heartbeats on its stream.', ...peerLabels, 'type'),
  iota_gossip_peers_dropped_count: ofPeer(
    'Frames to it that found no room.',
    ...peerLabels,
    'type',
  ),
  midge_sync_behind_messages: ofPeer('Messages of its log that are missing here.', 'id'),
  midge_sync_behind_seconds: gauge('Since its log was last read to the end.', 'id'),
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof metricsTable;
export type Labels = Readonly<Record<string, string | number>>;
/** A value of a gauge, or of a counter that somebody else counts. */
export type Sample = readonly [name: MetricName, value: number, labels?: Labels];

type Metric = Gauge | Counter | Histogram;

/** Made once for each node. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #metrics = new Map<MetricName, Metric>();
  #collect: () => Iterable<Sample> = () => [];

  constructor() {
    for (const name of metricNames()) this.#metrics.set(name, this.#make(name));
  }

  /** Asked at every scrape. Of a name that it tells it must always tell all. */
  collectFrom(collect: () => Iterable<Sample>): void {
    this.#collect = collect;
  }

  /** Adds to a counter that is counted here. */
  count(name: MetricName, labels: Labels = {}): void {
    const metric = this.#metrics.get(name);
    if (metric instanceof Counter) metric.inc({ ...labels });
  }

  /** Adds to a histogram. */
  observe(name: MetricName, value: number, labels: Labels = {}): void {
    const metric = this.#metrics.get(name);
    if (metric instanceof Histogram) metric.observe({ ...labels }, value);
  }

  /** In the text format of Prometheus; the owner sees the private ones too. */
  async text(isOwner: boolean): Promise<string> {
    const cleared = new Set<MetricName>();
    for (const [name, value, labels = {}] of this.#collect()) {
      const metric = this.#metrics.get(name);
      // Neighbours that are gone leave no lines behind.
      if (!cleared.has(name)) metric?.reset();
      cleared.add(name);
      if (metric instanceof Gauge) metric.set({ ...labels }, value);
      if (metric instanceof Counter) metric.inc({ ...labels }, value);
    }
    const shown = metricNames().filter((name) => isOwner || !isPrivate(name));
    const texts = shown.map((name) => this.#registry.getSingleMetricAsString(name));
    return `${(await Promise.all(texts)).join('\n\n')}\n`;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #make(name: MetricName): Metric {
    const { type, help, labels, buckets }: MetricRow = metricsTable[name];
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (type === 'gauge') return new Gauge(options);
    if (type === 'counter') return new Counter(options);
    return new Histogram({ ...options, buckets: [...(buckets ?? [])] });
  }
}

export function metricNames(): readonly MetricName[] {
  return Object.keys(metricsTable).filter((name): name is MetricName => name in metricsTable);
}

function isPrivate(name: MetricName): boolean {
  const row: MetricRow = metricsTable[name];
  return row.isPrivate === true;
}
