// THE table of metrics. GET /metrics, the dashboard, the alerts and docs/metrics.md come from it. Names are the
// field's where the meaning is the same; counters are counters here.

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

const ofPeer = (row: MetricRow): MetricRow => ({ ...row, isPrivate: true });

const peer = ['address', 'alias', 'id'] as const;

export const metricsTable = {
  // The node.
  iota_node_app_info: gauge('Name and version of the node; always 1.', 'name', 'version'),
  iota_node_health: gauge('1 while every check of /health is fine, else 0.'),
  midge_health_check: gauge('1 while this check of /health is fine, else 0.', 'check'),
  iota_node_messages_per_second: gauge('Messages that became solid, over the last ten seconds.'),
  iota_node_tip_count: gauge('Tips that are offered to new messages.', 'type'),
  iota_node_request_count: gauge('Messages that are asked of neighbours.', 'type'),
  midge_event_loop_delay_seconds: gauge('Longest delay of the event loop in the last 10 to 20 s.'),
  midge_spare_compute_ratio: gauge(
    'What the node offers to proxies, 0 to 1: pool is api or pow.',
    'pool',
  ),
  midge_agent_answers_total: counter('Answers to proxies that asked for spare compute.', 'pool'),
  process_cpu_seconds_total: counter('CPU time of all threads, mining included.'),
  process_resident_memory_bytes: gauge('Memory of the process.'),
  process_open_fds: gauge('Files and sockets that are open, where the system tells (Linux).'),
  process_max_fds: gauge('Files and sockets that may be open, where the system tells (Linux).'),
  process_start_time_seconds: gauge('When the process started, as Unix time.'),

  // The door and the store.
  midge_intake_outcomes_total: counter('Messages at the door by what became of them.', 'outcome'),
  midge_intake_queued_messages: gauge('Messages that wait at the door.'),
  midge_intake_queued_bytes: gauge('Bytes of the messages that wait at the door.'),
  midge_intake_pending_messages: gauge('Messages that wait for their parents.'),
  midge_store_messages: gauge('Solid messages that are stored.'),
  midge_store_last_seq: gauge('Sequence number of the newest message.'),
  midge_store_cut_seq: gauge('Messages up to this sequence number were pruned.'),
  midge_store_writable: gauge('1 while the store can write, else 0.'),

  // Pruning and the disk.
  midge_pruning_runs_total: counter('Times that pruning began.'),
  midge_pruning_messages_total: counter('Messages that were pruned.'),
  midge_pruning_bytes_total: counter('Bytes of the messages that were pruned.'),
  midge_pruning_last_time_seconds: gauge(
    'When a message was pruned last, as Unix time; 0 if never.',
  ),
  midge_pruning_blocked: gauge('1 while the disk asks for more than may be pruned, else 0.'),
  midge_pruning_paused: gauge('1 while pruning is paused, else 0.'),
  midge_store_entry_points: gauge('Pruned messages that stored ones still name as parents.'),
  midge_store_kept_messages: gauge('Pruned messages that are readable because they are pinned.'),
  midge_store_pinned_bytes: gauge('What pinned messages take.'),
  midge_store_pinned_limit_bytes: gauge('What they may take.'),
  midge_pruning_missed_pins_total: counter(
    'Messages of a pinned index that were not kept for want of room.',
  ),
  midge_disk_folder_bytes: gauge('What the data folder takes on the disk.'),
  midge_disk_limit_bytes: gauge('What it may take; 0 without a limit.'),
  midge_disk_free_bytes: gauge('What is free on the disk.'),
  midge_disk_reserve_bytes: gauge('With less free no messages are taken.'),
  midge_intake_slowed: gauge('1 while messages are taken slower for want of room, else 0.'),

  // Proof of work.
  midge_pow_cpu_budget_ratio: gauge('Share of all cores that mining may use.'),
  midge_pow_cpu_used_ratio: gauge('Share of all cores that mining uses.'),
  midge_pow_cpu_seconds_total: counter('CPU time of mining.'),
  midge_pow_hashes_total: counter('Hashes that were tried.'),
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
    'Requests answered to the end, by route; url is its template.',
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

  midge_api_refused_total: counter(
    'Requests that were refused, by the reason of the error.',
    'reason',
  ),
  midge_api_cut_connections_total: counter(
    'Connections that were ended, or not taken, without an answer.',
    'reason',
  ),
  midge_api_connections: gauge('Connections with the API, idle ones too.'),
  midge_api_connections_limit: gauge('Most of them at a time: api.maxConnections.'),
  midge_api_certificate_end_time_seconds: gauge(
    'When the certificate of api.tls ends, as Unix time; only with TLS.',
  ),
  midge_events_listeners: gauge('Who listens to server-sent events.', 'stream'),

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
  midge_gossip_bans_total: counter(
    'Neighbours that were banned, by the code of the error.',
    'code',
  ),
  midge_gossip_drops_total: counter('Neighbours that fell silent or did not keep up.', 'reason'),
  midge_gossip_refused_total: counter('Connections that were not let in.', 'reason'),
  midge_gossip_dials_total: counter('Attempts to reach a neighbour.', 'outcome'),
  midge_gossip_fetches_total: counter('Requests for missing parents.'),
  midge_gossip_given_up_total: counter('Missing parents that were given up.', 'reason'),
  midge_sync_readings_total: counter('Readings of the logs of neighbours.', 'result'),
  midge_sync_taken_messages_total: counter('New messages from the logs of neighbours.'),
  midge_sync_told_bytes_total: counter('Bytes of the own log that neighbours read.'),
  midge_sync_first_running: gauge('1 while the first catch-up runs, else 0.'),
  midge_gossip_banned_blocks: gauge('Blocks of addresses from which no strangers are let in.'),

  // Each neighbour that is known or connected. Counts begin anew with each connection.
  iota_gossip_peers_connected_count: ofPeer(gauge('1 while it is connected, else 0.', ...peer)),
  iota_gossip_peers_message_count: ofPeer(counter('Messages on its stream.', ...peer, 'type')),
  iota_gossip_peers_request_count: ofPeer(counter('Requests on its stream.', ...peer, 'type')),
  iota_gossip_peers_heartbeat_count: ofPeer(counter('Heartbeats on its stream.', ...peer, 'type')),
  iota_gossip_peers_dropped_count: ofPeer(
    counter('Frames to it that found no room.', ...peer, 'type'),
  ),
  midge_sync_behind_messages: ofPeer(gauge('Messages of its log that are missing here.', 'id')),
  midge_sync_behind_seconds: ofPeer(gauge('Since its log was last read to the end.', 'id')),
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof metricsTable;
export type Labels = Readonly<Record<string, string | number>>;
/** A value of a gauge, or of a counter that somebody else counts. */
export type Sample = readonly [name: MetricName, value: number, labels?: Labels];

export function metricNames(): readonly MetricName[] {
  return Object.keys(metricsTable).filter((name): name is MetricName => name in metricsTable);
}

/** Shown to the owner only. */
export function isPrivate(name: MetricName): boolean {
  const row: MetricRow = metricsTable[name];
  return row.isPrivate === true;
}
