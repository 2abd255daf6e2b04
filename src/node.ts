// The composition root: builds every part in order and hands each the few functions it needs. Closing is
// the same list backwards.
import { resolve } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { openApi } from './api/server.ts';
import type { Api, ApiDeps, HealthCheck, NodeInfo } from './api/server.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/schema.ts';
import { startEventLoopWatch } from './event-loop.ts';
import { openNetwork } from './gossip/network.ts';
import type { Network, NetworkOptions } from './gossip/network.ts';
import { healthChecks } from './health.ts';
import type { Logger } from './log.ts';
import { openPowService } from './pow/service.ts';
import { verifyWork } from './pow/verify.ts';
import { networkIdOf } from './protocol/ids.ts';
import { openStore } from './storage/open.ts';
import type { Store } from './storage/store.ts';
import { makeAttach } from './tangle/attach.ts';
import { Intake } from './tangle/intake.ts';
import type { IntakeDeps, IntakeOptions } from './tangle/intake.ts';
import { RateMeter } from './tangle/rate.ts';
import { TipPool } from './tangle/tips.ts';
import { explain } from './tangle/why.ts';

export const version = packageJson.version;

export interface NodeDeps {
  readonly log: Logger;
  /** Called once when the node cannot go on; it should be closed then. */
  readonly onFatal: (error: unknown) => void;
  readonly clock?: Clock;
}

/** What a person is shown at start. */
export interface NodeSummary {
  readonly version: string;
  readonly networkName: string;
  readonly minPowScore: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly isNew: boolean;
  readonly messageCount: number;
  readonly durability: string;
  readonly apiAddress: string;
  readonly apiUrl: string;
  /** What other nodes write into their settings. */
  readonly gossipAddresses: readonly string[];
  readonly neighbours: readonly string[];
  /** 0 when proof of work for clients is switched off. */
  readonly powWorkers: number;
}

export interface Node extends AsyncDisposable {
  readonly info: NodeSummary;
}

/** Opens a node that serves at once. Throws coded errors of the store and the API; then nothing stays open. */
export async function openNode(config: Config, deps: NodeDeps): Promise<Node> {
  await using opening = new AsyncDisposableStack();
  const loop = opening.use(startEventLoopWatch());
  // Whoever the door tells of messages is opened after it.
  let neighbours: Network | undefined;
  const tangle = opening.use(
    await openTangle(config, deps, {
      announce: (messages) => neighbours?.announce(messages),
      onMissing: (blocked) => neighbours?.fetcher.want(blocked),
    }),
  );
  const pow = config.pow.enabled
    ? opening.use(
        await openPowService(
          { ...config.pow, minPowScore: config.network.minPowScore },
          { log: deps.log.child({ component: 'pow' }), clock: deps.clock ?? systemClock },
        ),
      )
    : undefined;
  const attach = makeAttach(intakeOptions(config), {
    selectTips: (count) => tangle.tips.select(count),
    readFacts: (ids) => tangle.store.facts(ids),
    intake: tangle.intake,
    verifyWork,
    mine: pow && ((job) => pow.mine(job)),
    isCatchingUp: () => neighbours?.catchUp.state().isFirstRunning ?? false,
    storeFailure: () => tangle.store.state().code,
  });
  const network = opening.use(
    await openNetwork(networkOptions(config), {
      ...tangle,
      clock: deps.clock ?? systemClock,
      log: deps.log,
    }),
  );
  neighbours = network;
  tangle.intake.tellWaiting();
  const health = (): HealthCheck[] => healthChecks({ store: tangle.store, loop, network });
  const apiDeps: ApiDeps = {
    attach,
    pow,
    store: tangle.store,
    selectTips: () => tangle.tips.select(),
    why: (id) =>
      explain(id, {
        readFacts: (ids) => tangle.store.facts(ids),
        getPending: (pendingId) => tangle.store.getPending(pendingId),
        reportOf: (missingId) => network.fetcher.why(missingId),
      }),
    info: () => nodeInfo(config, health(), tangle.rate.perSecond()),
    health,
    log: deps.log.child({ component: 'api' }),
  };
  const api = opening.use(await openApi(config.api, apiDeps));

  const owned = opening.move();
  return {
    info: summaryOf(config, { store: tangle.store, api, network }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type Listeners = Required<Pick<IntakeDeps, 'announce' | 'onMissing'>>;

interface Tangle extends AsyncDisposable {
  readonly store: Store;
  readonly tips: TipPool;
  readonly intake: Intake;
  readonly rate: RateMeter;
}

/** The node without its windows: the store, what is kept in memory of it, and the door. */
async function openTangle(config: Config, deps: NodeDeps, listeners: Listeners): Promise<Tangle> {
  const { log, clock = systemClock } = deps;
  await using opening = new AsyncDisposableStack();
  const store: Store = opening.use(
    await openStore(
      {
        dataDir: resolve(config.dataDir),
        durability: config.storage.durability,
        network: { name: config.network.name, id: networkIdOf(config.network.name) },
        cacheBytes: config.memory.budgetBytes / 2,
      },
      {
        log: log.child({ component: 'store' }),
        onReopened: () => intake.restoreSoon(),
        onFatal: deps.onFatal,
      },
    ),
  );
  const tips = new TipPool({ clock });
  const rate = new RateMeter(clock);
  const intake = opening.use(
    new Intake(intakeOptions(config), {
      store,
      tips,
      verifyWork,
      clock,
      log: log.child({ component: 'intake' }),
      announce: (messages) => {
        rate.add(messages.length);
        listeners.announce(messages);
      },
      onMissing: listeners.onMissing,
    }),
  );
  await intake.restore();
  const owned = opening.move();
  return { store, tips, intake, rate, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function networkOptions(config: Config): NetworkOptions {
  return {
    ...config.gossip,
    dataDir: resolve(config.dataDir),
    networkName: config.network.name,
  };
}

interface Parts {
  readonly store: Store;
  readonly api: Api;
  readonly network: Network;
}

function summaryOf(config: Config, { store, api, network }: Parts): NodeSummary {
  return {
    version,
    networkName: config.network.name,
    minPowScore: config.network.minPowScore,
    dataDir: resolve(config.dataDir),
    isNew: store.isNew,
    messageCount: store.messageCount,
    durability: config.storage.durability,
    apiAddress: `${api.host}:${api.port}`,
    apiUrl: api.url,
    gossipAddresses: network.host.addresses,
    neighbours: network.gossip.neighbours().map(({ id, alias }) => alias ?? id),
    powWorkers: config.pow.enabled ? config.pow.workers : 0,
  };
}

/** Everything that waits in memory or for its parents is a share of the memory budget. */
function intakeOptions(config: Config): IntakeOptions {
  const { budgetBytes } = config.memory;
  return {
    networkId: networkIdOf(config.network.name),
    minPowScore: config.network.minPowScore,
    maxParentAgeMs: config.tangle.maxParentAgeMs,
    queue: {
      maxMessagesPerSource: 2_048,
      maxBytesPerSource: budgetBytes / 16,
      maxPeerBytes: budgetBytes / 8,
    },
    // A waiting message costs about 1 KiB of memory for its place in the graph; its bytes are on disk.
    pending: { maxMessages: Math.floor(budgetBytes / 16 / 1024), maxBytes: budgetBytes / 4 },
  };
}

function nodeInfo(
  config: Config,
  checks: readonly HealthCheck[],
  messagesPerSecond: number,
): NodeInfo {
  return {
    name: 'Midge',
    version,
    isHealthy: checks.every(({ ok }) => ok),
    networkId: config.network.name,
    bech32HRP: config.network.bech32Hrp,
    minPoWScore: config.network.minPowScore,
    messagesPerSecond,
    // Nothing is referenced, pruned or dated by milestones until there are milestones.
    referencedMessagesPerSecond: 0,
    referencedRate: 0,
    latestMilestoneTimestamp: 0,
    latestMilestoneIndex: 0,
    confirmedMilestoneIndex: 0,
    pruningIndex: 0,
    features: config.pow.enabled ? ['PoW'] : [],
  };
}
