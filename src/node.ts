// The composition root: builds every part in order and hands each the few functions it needs. Closing is
// the same list backwards.
import { resolve } from 'node:path';
import { ApiCounts } from './api/counts.ts';
import { openMqtt } from './api/mqtt/open.ts';
import type { MqttService } from './api/mqtt/open.ts';
import { openApi } from './api/server.ts';
import type { Api, ApiDeps, HealthCheck } from './api/server.ts';
import { openTls } from './api/tls.ts';
import type { Tls } from './api/tls.ts';
import { openTokens } from './api/tokens.ts';
import type { Tokens } from './api/tokens.ts';
import { openWaiting } from './api/waiting.ts';
import { openTellers } from './balance/open.ts';
import type { TellersDeps } from './balance/open.ts';
import type { Spare } from './balance/spare.ts';
import { SpareWatch } from './balance/watch.ts';
import { Archive } from './backup/archive.ts';
import { writeBackup } from './backup/write.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/schema.ts';
import { startEventLoopWatch } from './event-loop.ts';
import type { EventLoopWatch } from './event-loop.ts';
import type { SyncStatus } from './gossip/in-sync.ts';
import { openNetwork } from './gossip/network.ts';
import type { Network } from './gossip/network.ts';
import { healthChecks } from './health.ts';
import type { Logger } from './log.ts';
import { startMemoryKeeper } from './memory.ts';
import { makeMeterAnswer, meteredMine, samplesOf } from './meters.ts';
import { Metrics } from './registry.ts';
import { openPowService } from './pow/service.ts';
import type { PowService } from './pow/service.ts';
import { verifyWork } from './pow/verify.ts';
import { StartProgress } from './start-progress.ts';
import { openWithBallast } from './pruning/ballast.ts';
import { databaseStatus } from './pruning/forecast.ts';
import { openPruning } from './pruning/open.ts';
import type { Pruner } from './pruning/pruner.ts';
import type { Store } from './storage/store.ts';
import { nodeInfo, summaryOf } from './summary.ts';
import type { NodeSummary } from './summary.ts';
import { Absence } from './tangle/absence.ts';
import { makeAttach } from './tangle/attach.ts';
import type { Attach } from './tangle/attach.ts';
import { SolidFeed } from './tangle/events.ts';
import { Intake } from './tangle/intake.ts';
import type { IntakeDeps } from './tangle/intake.ts';
import { RateMeter } from './tangle/rate.ts';
import { TipPool } from './tangle/tips.ts';
import { explain } from './tangle/why.ts';
import {
  archiveOptions,
  intakeOptions,
  networkOptions,
  pruningOptions,
  storeOptions,
  tlsFiles,
} from './wiring.ts';

export interface NodeDeps {
  readonly log: Logger;
  /** Called once when the node cannot go on; it should be closed then. */
  readonly onFatal: (error: unknown) => void;
  readonly clock?: Clock;
}

export interface Node extends AsyncDisposable {
  readonly info: NodeSummary;
  /** How far it is in fetching what it missed. */
  readonly sync: () => SyncStatus;
  /** Looks for a new certificate now, not only once a minute. Never rejects; what is wrong is logged. */
  readonly renewCertificate: () => Promise<void>;
}

/** Opens a node that serves at once. Throws coded errors of the store and the API; then nothing stays open. */
export async function openNode(config: Config, deps: NodeDeps): Promise<Node> {
  await using opening = new AsyncDisposableStack();
  const loop = opening.use(startEventLoopWatch());
  opening.use(startMemoryKeeper(deps.log));
  const start = new StartProgress({ clock: deps.clock ?? systemClock, log: deps.log });
  const tls = opening.use(await openTlsOf(config, deps));
  const counts = new ApiCounts();
  const apiOptions = { ...config.api, tls };
  const metrics = new Metrics();
  const told = { counts, onAnswer: makeMeterAnswer(metrics) };
  const progress = (): string => start.sentence;
  const address = opening.use(await openWaiting(apiOptions, { ...told, progress }));
  // Whoever the door tells of messages is opened after it.
  let neighbours: Network | undefined;
  const tangle = opening.use(
    await openTangle(config, deps, {
      announce: (messages) => neighbours?.announce(messages),
      onMissing: (blocked) => neighbours?.fetcher.want(blocked),
      onProgress: start.indexing,
      hasCaughtUp: () => neighbours?.catchUp.state().isCurrent === true,
    }),
  );
  const pow = config.pow.enabled ? opening.use(await openPow(config, deps)) : undefined;
  const network = opening.use(
    await openNetwork(networkOptions(config), {
      ...tangle,
      clock: deps.clock ?? systemClock,
      log: deps.log,
    }),
  );
  neighbours = network;
  tangle.intake.tellWaiting();
  const tokens = await openTokens(resolve(config.dataDir), { clock: systemClock, ...deps });
  const mqtt = config.mqtt.enabled
    ? opening.use(await openMqttOf(config, deps, { tangle, tokens, tls }))
    : undefined;
  const health = (): HealthCheck[] => healthChecks({ ...tangle, loop, network });
  const failing = (): string[] => health().flatMap(({ name, ok }) => (ok ? [] : [name]));
  const spare = opening.use(new SpareWatch(config.api.weight, { failing, pow }));
  const telling = { ...told, metrics, health, spare };
  const parts: Parts = { loop, tangle, pow, network, mqtt, tokens, tls, ...telling };
  const api = opening.use(await openApi(apiOptions, apiDepsOf(config, deps, parts), address));
  const tellers = opening.use(await openTellers(config.api, tellersDepsOf(deps, parts, api)));

  const owned = opening.move();
  return {
    info: summaryOf(config, { ...tangle, api, mqtt, network, tellers }),
    sync: () => network.sync(),
    renewCertificate: () => tls?.renew() ?? Promise.resolve(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function openTlsOf({ api }: Config, { log, clock = systemClock }: NodeDeps) {
  return openTls(tlsFiles(api.tls), { log: log.child({ component: 'tls' }), clock });
}

function openPow({ pow, network }: Config, { log, clock = systemClock }: NodeDeps) {
  return openPowService(
    { ...pow, minPowScore: network.minPowScore },
    { log: log.child({ component: 'pow' }), clock },
  );
}

function openMqttOf(
  { mqtt, api }: Config,
  { log }: NodeDeps,
  { tangle, tokens, tls }: Pick<Parts, 'tangle' | 'tokens' | 'tls'>,
): Promise<MqttService> {
  const access = { grantOf: tokens.grantOf, publicScopes: api.publicScopes };
  const { trustedProxies, maxRequestsPerMinute } = api;
  return openMqtt(
    { ...mqtt, tls, trustedProxies, maxRequestsPerMinute },
    { ...tangle, access, log: log.child({ component: 'mqtt' }) },
  );
}

interface Parts extends Pick<ApiDeps, 'counts' | 'onAnswer'> {
  readonly loop: EventLoopWatch;
  readonly tangle: Tangle;
  readonly pow: PowService | undefined;
  readonly network: Network;
  readonly mqtt: MqttService | undefined;
  readonly tokens: Tokens;
  readonly tls: Tls | undefined;
  readonly health: () => HealthCheck[];
  readonly spare: SpareWatch;
  readonly metrics: Metrics;
}

function tellersDepsOf(
  { log, clock = systemClock }: NodeDeps,
  { spare, metrics }: Parts,
  api: Api,
): TellersDeps {
  return {
    api,
    balance: () => spare.balance(),
    onAnswer: (pool) => metrics.count('midge_agent_answers_total', { pool }),
    clock,
    log: log.child({ component: 'balance' }),
  };
}

/** What the API is handed of each part. */
function apiDepsOf(config: Config, deps: NodeDeps, parts: Parts): ApiDeps {
  const { log, clock = systemClock } = deps;
  const { loop, tangle, pow, network, mqtt, tokens, tls, counts, health, metrics } = parts;
  const { store, tips, rate, feed } = tangle;
  const spare = (): Spare => parts.spare.balance().spare;
  metrics.collectFrom(() =>
    samplesOf({ ...tangle, loop, pow, network, mqtt, tls, counts, health, spare }),
  );
  return {
    attach: attachOf(config, parts),
    pow,
    store,
    watchStored: (wake) => feed.watch(wake),
    selectTips: () => tips.select(),
    why: (id) =>
      explain(id, {
        readFacts: (ids) => store.facts(ids),
        getPending: (pendingId) => store.getPending(pendingId),
        reportOf: (missingId) => network.fetcher.why(missingId),
      }),
    info: () => nodeInfo(config, health(), rate.perSecond()),
    health,
    spare,
    peers: network.gossip,
    pruner: tangle.pruner,
    sync: () => network.sync(),
    database: () => databaseStatus({ store, ...tangle.pruner.status(), nowMs: clock.now() }),
    backup: () => writeBackup({ store, network: storeOptions(config).network, nowMs: clock.now() }),
    metrics,
    onAnswer: parts.onAnswer,
    mqtt: mqtt?.broker,
    counts,
    grantOf: tokens.grantOf,
    tokens,
    lateMs: () => loop.lateMs(),
    log: log.child({ component: 'api' }),
  };
}

function attachOf(config: Config, { tangle, pow, network, metrics }: Parts): Attach {
  const { store, tips, intake, pruner } = tangle;
  return makeAttach(intakeOptions(config), {
    selectTips: (count) => tips.select(count),
    store,
    intake,
    verifyWork,
    mine: pow && meteredMine((job) => pow.mine(job), metrics),
    isCatchingUp: () => network.catchUp.state().isFirstRunning,
    storeFailure: () => store.state().code ?? pruner.refusal(),
  });
}

type Listeners = Required<Pick<IntakeDeps, 'announce' | 'onMissing'>> & {
  readonly onProgress: (done: number, total: number) => void;
  readonly hasCaughtUp: () => boolean;
};

interface Tangle extends AsyncDisposable {
  readonly store: Store;
  readonly absence: Absence;
  readonly tips: TipPool;
  readonly intake: Intake;
  readonly pruner: Pruner;
  readonly archive: Archive | undefined;
  readonly rate: RateMeter;
  readonly feed: SolidFeed;
}

function openArchive(
  config: Config,
  store: Store,
  { log, clock = systemClock }: NodeDeps,
): Promise<Archive> | undefined {
  const options = archiveOptions(config);
  if (options === undefined) return undefined;
  return Archive.open(options, {
    logId: () => store.logId,
    now: () => clock.now(),
    log: log.child({ component: 'archive' }),
  });
}

/** The node without its windows: the store, what is kept in memory of it, and the door. */
async function openTangle(config: Config, deps: NodeDeps, listeners: Listeners): Promise<Tangle> {
  const { log, clock = systemClock } = deps;
  await using opening = new AsyncDisposableStack();
  const store: Store = opening.use(
    await openWithBallast(storeOptions(config), {
      log: log.child({ component: 'store' }),
      onProgress: listeners.onProgress,
      onReopened: () => intake.restoreSoon(),
      onFatal: deps.onFatal,
    }),
  );
  const absence = await Absence.open(intakeOptions(config), { ...listeners, store, clock });
  const tips = new TipPool({ clock });
  let pruner: Pruner | undefined;
  const rate = new RateMeter(clock);
  const feed = new SolidFeed();
  const intake = opening.use(
    new Intake(intakeOptions(config), {
      store,
      tips,
      verifyWork,
      clock,
      log: log.child({ component: 'intake' }),
      awaySinceMs: () => absence.sinceMs,
      gate: () => pruner?.gate(),
      refusal: () => pruner?.refusal(),
      announce: (messages) => {
        rate.add(messages.length);
        feed.publish(messages);
        listeners.announce(messages);
      },
      onMissing: listeners.onMissing,
    }),
  );
  await intake.restore();
  const archive = await openArchive(config, store, deps);
  if (archive !== undefined) opening.use(archive);
  pruner = opening.use(
    await openPruning(pruningOptions(config), {
      store,
      tips: () => tips.all(),
      archive: archive?.append,
      clock,
      log: log.child({ component: 'pruning' }),
    }),
  );
  const owned = opening.move();
  return {
    store,
    absence,
    tips,
    intake,
    pruner,
    archive,
    rate,
    feed,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
