// Everything between the door and the neighbours, opened in order and joined: the host, gossip, catch-up,
// and the fetcher of missing parents.
import { systemTimer } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { errorTable } from '../errors.ts';
import type { Logger } from '../log.ts';
import { messageIdHex, networkIdOf } from '../protocol/ids.ts';
import type { MessageId } from '../protocol/ids.ts';
import type { Store } from '../storage/store.ts';
import type { Absence } from '../tangle/absence.ts';
import { Fetcher } from '../tangle/fetcher.ts';
import type { Intake } from '../tangle/intake.ts';
import { Discovery } from './discovery.ts';
import type { DiscoveryDeps, DiscoveryMethod } from './discovery.ts';
import { dialablePeers } from './exchange.ts';
import type { CatchUp } from './catch-up.ts';
import { openGossip } from './gossip.ts';
import type { Gossip, GossipOptions, NeighbourEvent } from './gossip.ts';
import type { SolidMessage } from './streams.ts';
import { openHost } from './host.ts';
import type { Host } from './host.ts';
import { peerIdsOf } from './peers.ts';
import { syncStatus } from './in-sync.ts';
import type { SyncStatus } from './in-sync.ts';
import { openCatchUp } from './sync-streams.ts';

/** An owner of one address block can open so many of the connections that unknown nodes get. */
const maxUnknownPerBlock = 2;

export interface NetworkOptions {
  readonly dataDir: string;
  readonly networkName: string;
  readonly bind: readonly string[];
  readonly announce: readonly string[];
  readonly neighbours: readonly string[];
  /** Peer ids, or addresses that end in one. */
  readonly trusted: readonly string[];
  readonly maxUnknownNeighbours: number;
  readonly maxBytesPerSecond: number;
  readonly maxConnections: number;
  readonly discovery: readonly DiscoveryMethod[];
  readonly bootstrap: readonly string[];
}

export interface NetworkDeps {
  readonly intake: Pick<Intake, 'submit' | 'tellWaiting' | 'restoreSoon'>;
  readonly store: Store;
  readonly absence: Pick<Absence, 'found' | 'lost'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Network extends AsyncDisposable {
  readonly host: Host;
  readonly gossip: Gossip;
  readonly catchUp: CatchUp;
  readonly fetcher: Fetcher;
  readonly sync: () => SyncStatus;
  /** For the door: these are solid now. */
  readonly announce: (messages: readonly SolidMessage[]) => void;
}

/** Throws TangleError IDENTITY_INVALID, ADDRESS_IN_USE, NEIGHBOUR_INVALID. */
export async function openNetwork(options: NetworkOptions, deps: NetworkDeps): Promise<Network> {
  const { intake, store, clock } = deps;
  const log = deps.log.child({ component: 'gossip' });
  const common = {
    submit: (bytes: Uint8Array, source: `peer:${string}`) => intake.submit(bytes, source),
    clock,
    setTimer: systemTimer,
    log,
  };
  await using opening = new AsyncDisposableStack();
  const host = opening.use(await openHost({ ...options, mdnsName: mdnsNameOf(options) }));
  // Gossip dials and is asked for its neighbours before it is known here.
  let opened: Gossip | undefined;
  const fetcher = opening.use(
    new Fetcher({
      ...common,
      request: (peerId, id) => opened?.requestMessage(peerId, id) === true,
      neighbours: () => opened?.connectedPeerIds ?? [],
      onRested: () => intake.tellWaiting(),
    }),
  );
  const isConfigured = (peerId: string): boolean => opened?.isConfigured(peerId) === true;
  const catchUp = opening.use(
    await openSync(options, { ...deps, log, host, gossip: () => gossip, isConfigured }),
  );
  const discovery = opening.use(
    await openDiscovery(options, {
      ...common,
      host,
      connected: () => opened?.connectedPeerIds ?? [],
    }),
  );
  const gossip: Gossip = opening.use(
    await openGossip(gossipOptions(options), {
      ...common,
      host,
      discovery,
      readMessage: (id) => readMessage(id, { store, log }),
      onNeighbour: listenerOf({ ...deps, catchUp }),
      onDropped: (peerId) => void catchUp.nudge(peerId),
    }),
  );
  opened = gossip;
  const owned = opening.move();
  return {
    host,
    gossip,
    catchUp,
    fetcher,
    sync: () => syncStatus(catchUp.state(), (peerId) => gossip.isConfigured(peerId)),
    announce: (messages) => {
      fetcher.arrived(messages.map(({ id }) => id));
      gossip.forward(messages);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface SyncParts extends NetworkDeps {
  readonly host: Host;
  /** Opened after catch-up, and before anything is read. */
  readonly gossip: () => Gossip;
  readonly isConfigured: (peerId: string) => boolean;
}

function openSync(options: NetworkOptions, parts: SyncParts): Promise<CatchUp> {
  const { dataDir, networkName } = options;
  const { host, intake, gossip, isConfigured, ...deps } = parts;
  const trusted = peerIdsOf(options.trusted);
  return openCatchUp(
    { networkId: networkIdOf(networkName), dataDir },
    {
      ...deps,
      libp2p: host.libp2p,
      setTimer: systemTimer,
      submit: (bytes, source) => {
        gossip().heard(bytes, source);
        return intake.submit(bytes, source);
      },
      isTrusted: (peerId) => trusted.has(peerId),
      isNamed: (peerId) => trusted.has(peerId) || isConfigured(peerId),
      // Entry points came or went, so what waits may be solid and the tips may be others.
      onBoundary: (tipFloorSeq) => intake.restoreSoon(tipFloorSeq),
      onMisbehaviour: (peerId, { code }) => {
        if (errorTable[code].blame === 'sender') gossip().punish(peerId, code);
      },
    },
  );
}

function openDiscovery(
  { discovery: methods, bootstrap, networkName }: NetworkOptions,
  deps: Omit<DiscoveryDeps, 'dialable'> & { readonly connected: () => readonly string[] },
): Promise<Discovery> {
  const networkId = networkIdOf(networkName);
  const { libp2p } = deps.host;
  const dialable = () => dialablePeers(libp2p, deps.connected(), networkId);
  return Discovery.open({ methods, networkId, bootstrap }, { ...deps, dialable });
}

/** Networks do not hear of each other. */
function mdnsNameOf({ discovery, networkName }: NetworkOptions): string | undefined {
  if (!discovery.includes('mdns')) return undefined;
  return `_midge-${networkIdOf(networkName).toString(36)}._udp.local`;
}

/** What is damaged is as good as not held: a neighbour asks elsewhere. */
function readMessage(
  id: MessageId,
  { store, log }: Pick<NetworkDeps, 'store' | 'log'>,
): Uint8Array | undefined {
  try {
    return store.get(id)?.bytes;
  } catch (error) {
    log.error({ err: error, messageId: messageIdHex(id) }, 'a message cannot be read');
    return undefined;
  }
}

function listenerOf({
  absence,
  catchUp,
}: Pick<NetworkDeps, 'absence'> & { readonly catchUp: CatchUp }) {
  const connected = new Set<string>();
  return ({ kind, peerId }: NeighbourEvent): void => {
    if (kind === 'up') {
      connected.add(peerId);
      if (connected.size === 1) absence.found();
      catchUp.follow(peerId);
    } else {
      connected.delete(peerId);
      if (connected.size === 0) absence.lost();
      catchUp.leave(peerId);
    }
  };
}

function gossipOptions(options: NetworkOptions): GossipOptions {
  const { dataDir, neighbours, maxUnknownNeighbours, maxBytesPerSecond } = options;
  return {
    networkId: networkIdOf(options.networkName),
    dataDir,
    neighbours,
    admission: { maxUnknown: maxUnknownNeighbours, maxUnknownPerBlock },
    maxBytesPerSecond,
  };
}
