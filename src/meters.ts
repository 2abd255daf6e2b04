// What every part counts, brought to the table of metrics when somebody scrapes them.
import type { ApiCounts } from './api/counts.ts';
import type { MqttBroker, MqttStatus } from './api/mqtt/broker.ts';
import type { Answered, HealthCheck } from './api/server.ts';
import type { Tls } from './api/tls.ts';
import type { Spare } from './balance/spare.ts';
import type { EventLoopWatch } from './event-loop.ts';
import { countFiles } from './open-files.ts';
import { TangleError } from './errors.ts';
import type { Network } from './gossip/network.ts';
import type { NeighbourMetrics } from './gossip/neighbour.ts';
import type { Labels, MetricName, Sample } from './metrics.ts';
import type { PowService } from './pow/service.ts';
import type { Add, Metrics } from './registry.ts';
import type { PowStatus } from './pow/status.ts';
import type { Pruner } from './pruning/pruner.ts';
import type { Store } from './storage/store.ts';
import { version } from './summary.ts';
import type { Mine } from './tangle/attach.ts';
import type { Intake } from './tangle/intake.ts';
import type { RateMeter } from './tangle/rate.ts';
import type { TipPool } from './tangle/tips.ts';

export interface Meters {
  readonly mqtt: { readonly broker: Pick<MqttBroker, 'status'> } | undefined;
  readonly tls: Pick<Tls, 'expiresAtMs'> | undefined;
  readonly loop: Pick<EventLoopWatch, 'maxDelayMs'>;
  readonly store: Pick<
    Store,
    'messageCount' | 'entryPointCount' | 'lastSeq' | 'cutSeq' | 'state' | 'pinTotals'
  >;
  readonly pruner: Pick<Pruner, 'status'>;
  readonly tips: Pick<TipPool, 'size'>;
  readonly intake: Pick<Intake, 'counts' | 'pendingCount' | 'queued'>;
  /** Of the API. */
  readonly counts: ApiCounts;
  readonly rate: Pick<RateMeter, 'perSecond'>;
  readonly pow: Pick<PowService, 'status'> | undefined;
  readonly network: {
    readonly gossip: Pick<
      Network['gossip'],
      'neighbours' | 'totals' | 'banned' | 'queuedBytes' | 'tallies'
    >;
    readonly fetcher: Pick<Network['fetcher'], 'wantedCount' | 'counts'>;
    readonly catchUp: Pick<
      Network['catchUp'],
      'state' | 'readings' | 'takenMessages' | 'toldBytes'
    >;
  };
  readonly health: () => readonly HealthCheck[];
  readonly spare: () => Spare;
}

export function* samplesOf(meters: Meters): Generator<Sample, void, undefined> {
  yield* nodeSamples(meters);
  yield* storeSamples(meters);
  yield* pruningSamples(meters);
  if (meters.pow !== undefined) yield* powSamples(meters.pow.status());
  yield* apiSamples(meters.counts);
  if (meters.tls !== undefined) {
    yield ['midge_api_certificate_end_time_seconds', meters.tls.expiresAtMs / 1_000];
  }
  if (meters.mqtt !== undefined) yield* mqttSamples(meters.mqtt.broker.status());
  yield* gossipSamples(meters.network);
}

function* nodeSamples(meters: Meters): Generator<Sample, void, undefined> {
  const { loop, rate, tips, network } = meters;
  const checks = meters.health();
  const { user, system } = process.cpuUsage();
  yield ['iota_node_app_info', 1, { name: 'Midge', version }];
  yield ['iota_node_health', Number(checks.every(({ ok }) => ok))];
  for (const { name, ok } of checks) yield ['midge_health_check', Number(ok), { check: name }];
  yield ['iota_node_messages_per_second', rate.perSecond()];
  yield ['iota_node_tip_count', tips.size, { type: 'nonlazy' }];
  yield ['iota_node_request_count', network.fetcher.wantedCount, { type: 'pending' }];
  yield ['midge_event_loop_delay_seconds', loop.maxDelayMs() / 1_000];
  const { api, pow } = meters.spare();
  yield ['midge_spare_compute_ratio', api, { pool: 'api' }];
  yield ['midge_spare_compute_ratio', pow, { pool: 'pow' }];
  yield ['process_cpu_seconds_total', (user + system) / 1e6];
  yield ['process_resident_memory_bytes', process.memoryUsage.rss()];
  yield* fileSamples();
  yield ['process_start_time_seconds', Date.now() / 1_000 - process.uptime()];
}

/** Only where /proc is. */
function* fileSamples(): Generator<Sample, void, undefined> {
  const { openCount, maxCount } = countFiles();
  if (openCount !== undefined) yield ['process_open_fds', openCount];
  if (maxCount !== undefined) yield ['process_max_fds', maxCount];
}

function* storeSamples({ store, intake }: Meters): Generator<Sample, void, undefined> {
  for (const [outcome, count] of Object.entries(intake.counts)) {
    yield ['midge_intake_outcomes_total', count, { outcome }];
  }
  yield ['midge_intake_queued_messages', intake.queued.messages];
  yield ['midge_intake_queued_bytes', intake.queued.bytes];
  yield ['midge_intake_pending_messages', intake.pendingCount];
  yield ['midge_store_messages', store.messageCount];
  yield ['midge_store_last_seq', store.lastSeq];
  yield ['midge_store_cut_seq', store.cutSeq];
  yield ['midge_store_writable', Number(store.state().writable)];
}

function* pruningSamples({ store, pruner }: Meters): Generator<Sample, void, undefined> {
  const status = pruner.status();
  yield ['midge_pruning_runs_total', status.runs];
  yield ['midge_pruning_messages_total', status.prunedMessages];
  yield ['midge_pruning_bytes_total', status.prunedBytes];
  yield ['midge_pruning_last_time_seconds', (status.lastPrunedAtMs ?? 0) / 1_000];
  yield ['midge_pruning_blocked', Number(status.isBlocked)];
  yield ['midge_pruning_paused', Number(status.state === 'paused')];
  yield ['midge_store_entry_points', store.entryPointCount];
  const { keptCount, usedBytes, missedCount } = store.pinTotals;
  yield ['midge_store_kept_messages', keptCount];
  yield ['midge_store_pinned_bytes', usedBytes];
  yield ['midge_store_pinned_limit_bytes', status.limits.maxPinnedBytes];
  yield ['midge_pruning_missed_pins_total', missedCount];
  yield ['midge_disk_folder_bytes', status.disk.folderBytes];
  yield ['midge_disk_limit_bytes', status.limits.maxSizeBytes ?? 0];
  yield ['midge_disk_free_bytes', status.disk.freeBytes];
  yield ['midge_disk_reserve_bytes', status.limits.reserveDiskBytes];
  yield ['midge_intake_slowed', Number(status.slowedMs > 0)];
}

function* powSamples(status: PowStatus): Generator<Sample, void, undefined> {
  yield ['midge_pow_cpu_budget_ratio', status.cpuBudget];
  yield ['midge_pow_cpu_used_ratio', status.usedShare];
  yield ['midge_pow_cpu_seconds_total', status.cpuMs / 1_000];
  yield ['midge_pow_hashes_total', status.hashes];
  yield ['midge_pow_hashes_per_second', status.hashesPerSecond];
  yield ['midge_pow_running_jobs', status.running];
  yield ['midge_pow_queued_jobs', status.queued];
  yield ['midge_pow_queue_size_jobs', status.queueSize];
  yield ['midge_pow_queued_hashes', status.queuedHashes];
  yield ['midge_pow_backing_off', Number(status.isBackingOff)];
}

function* apiSamples(counts: ApiCounts): Generator<Sample, void, undefined> {
  yield ['midge_api_connections', counts.connections];
  yield ['midge_api_connections_limit', counts.maxConnections];
  for (const [stream, count] of Object.entries(counts.listeners)) {
    yield ['midge_events_listeners', count, { stream }];
  }
  for (const [reason, count] of counts.cut) {
    yield ['midge_api_cut_connections_total', count, { reason }];
  }
  for (const [code, count] of counts.refused) {
    yield ['midge_api_refused_total', count, { reason: code.toLowerCase() }];
  }
}

function* mqttSamples(status: MqttStatus): Generator<Sample, void, undefined> {
  yield ['midge_mqtt_clients', status.clients];
  yield ['midge_mqtt_subscriptions', status.subscriptions];
  yield ['midge_mqtt_skipped_messages_total', status.skippedMessages];
  for (const [reason, count] of status.cutOffs) {
    yield ['midge_mqtt_cut_off_total', count, { reason }];
  }
}

function* gossipSamples(network: Meters['network']): Generator<Sample, void, undefined> {
  const { gossip, catchUp } = network;
  yield* countsOf(gossip.totals(), 'iota_gossip_node', {});
  yield* talliedSamples(network);
  yield ['midge_gossip_queued_bytes', gossip.queuedBytes];
  yield ['midge_gossip_banned_peers', gossip.banned.peers];
  yield ['midge_gossip_banned_blocks', gossip.banned.blocks];
  const connected = { known: 0, unknown: 0, autopeered: 0 };
  for (const { id, alias = '', multiAddresses, relation, ...peer } of gossip.neighbours()) {
    const labels = { address: multiAddresses[0] ?? '', alias, id };
    if (peer.connected) connected[relation] += 1;
    yield ['iota_gossip_peers_connected_count', Number(peer.connected), labels];
    if (peer.gossip) yield* countsOf(peer.gossip.metrics, 'iota_gossip_peers', labels);
  }
  for (const [relation, count] of Object.entries(connected)) {
    yield ['midge_gossip_neighbours', count, { relation }];
  }
  for (const { peerId, behindMessages, behindMs } of catchUp.state().neighbours) {
    yield ['midge_sync_behind_messages', behindMessages, { id: peerId }];
    yield ['midge_sync_behind_seconds', behindMs / 1_000, { id: peerId }];
  }
}

function* talliedSamples(network: Meters['network']): Generator<Sample, void, undefined> {
  const { gossip, catchUp, fetcher } = network;
  const { refused, banned, dropped, dials } = gossip.tallies;
  let invalidCount = 0;
  for (const [code, count] of banned) {
    if (code !== 'FRAME_INVALID') invalidCount += count;
    yield ['midge_gossip_bans_total', count, { code: code.toLowerCase() }];
  }
  yield ['iota_gossip_node_message_count', invalidCount, { type: 'invalid' }];
  for (const [reason, count] of dropped) {
    yield ['midge_gossip_drops_total', count, { reason: reason.toLowerCase() }];
  }
  for (const [reason, count] of refused) yield ['midge_gossip_refused_total', count, { reason }];
  for (const [outcome, count] of dials) yield ['midge_gossip_dials_total', count, { outcome }];
  yield ['midge_gossip_fetches_total', fetcher.counts.asked];
  yield ['midge_gossip_given_up_total', fetcher.counts.not_found, { reason: 'not_found' }];
  yield ['midge_gossip_given_up_total', fetcher.counts.below_horizon, { reason: 'below_horizon' }];
  for (const [result, count] of catchUp.readings.counts) {
    yield ['midge_sync_readings_total', count, { result }];
  }
  yield ['midge_sync_taken_messages_total', catchUp.takenMessages];
  yield ['midge_sync_told_bytes_total', catchUp.toldBytes];
  yield ['midge_sync_first_running', Number(catchUp.state().isFirstRunning)];
}

function* countsOf(
  metrics: Readonly<NeighbourMetrics>,
  space: 'iota_gossip_node' | 'iota_gossip_peers',
  labels: Labels,
): Generator<Sample, void, undefined> {
  const sample = (what: GossipCount, type: string, value: number): Sample => {
    const name: MetricName = `${space}_${what}`;
    return [name, value, { ...labels, type }];
  };
  yield sample('message_count', 'all', metrics.receivedMessages);
  yield sample('message_count', 'new', metrics.newMessages);
  yield sample('message_count', 'known', metrics.knownMessages);
  yield sample('message_count', 'sent', metrics.sentMessages);
  yield sample('request_count', 'received_message', metrics.receivedMessageRequests);
  yield sample('request_count', 'received_milestone', metrics.receivedMilestoneRequests);
  yield sample('request_count', 'sent_message', metrics.sentMessageRequests);
  yield sample('request_count', 'sent_milestone', metrics.sentMilestoneRequests);
  yield sample('heartbeat_count', 'received', metrics.receivedHeartbeats);
  yield sample('heartbeat_count', 'sent', metrics.sentHeartbeats);
  yield sample('dropped_count', 'sent', metrics.droppedPackets);
}

type GossipCount = 'message_count' | 'request_count' | 'heartbeat_count' | 'dropped_count';

/** The same work, counted. */
export function meteredMine(mine: Mine, metrics: Metrics): Mine {
  return async (job) => {
    const startMs = performance.now();
    try {
      const mined = await mine(job);
      metrics.count('iota_restapi_pow_count');
      metrics.observe('iota_restapi_pow_durations', (performance.now() - startMs) / 1_000);
      metrics.observe('iota_restapi_pow_message_sizes', job.sizeBytes);
      return mined;
    } catch (error) {
      const code = error instanceof TangleError ? error.code.toLowerCase() : 'internal';
      metrics.count('midge_pow_refused_total', { code });
      throw error;
    }
  };
}

/** Told of every answer. There are as many lines as the table of routes allows. */
export function makeMeterAnswer(metrics: Metrics): (answer: Answered) => void {
  const lines = new Map<string, AnswerLines>();
  const countError = metrics.bind('iota_restapi_http_request_error_count', {});
  return ({ method, route, status, durationMs }) => {
    const known = route === 'unknown' ? 'unknown' : method;
    const key = `${known} ${route}`;
    const line = lines.get(key) ?? new AnswerLines(metrics, { method: known, url: route });
    lines.set(key, line);
    line.add(status, durationMs / 1_000);
    if (status >= 400) countError(1);
  };
}

class AnswerLines {
  readonly #counts = new Map<number, Add>();
  readonly #observe: Add;
  readonly #countOf: (code: number) => Add;

  constructor(metrics: Metrics, labels: Labels) {
    this.#observe = metrics.bind('iota_restapi_request_duration_seconds', labels);
    this.#countOf = (code) => metrics.bind('iota_restapi_requests_total', { code, ...labels });
  }

  add(status: number, seconds: number): void {
    const count = this.#counts.get(status) ?? this.#countOf(status);
    this.#counts.set(status, count);
    count(1);
    this.#observe(seconds);
  }
}
