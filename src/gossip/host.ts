// The libp2p host: TCP, noise, yamux. Knows who this node is and where it listens, and asks a gate whom to
// let in; knows no protocol of ours.
import type { PrivateKey } from '@libp2p/interface';
import { identify } from '@libp2p/identify';
import { mdns } from '@libp2p/mdns';
import { noise } from '@libp2p/noise';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import type { Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import type { Libp2p } from 'libp2p';
import { systemClock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import { boundConnections } from './connections.ts';
import { openIdentity } from './identity.ts';
import { maxConnectionsPerPeer, maxHandshakeMs } from './limits.ts';
import { boundedYamux } from './muxer.ts';

const maxPendingConnections = 32;

export interface HostOptions {
  /** Where `identity.key` lies. */
  readonly dataDir: string;
  /** Multiaddrs; port 0 asks for a free one, none at all means that this node only dials. */
  readonly bind: readonly string[];
  /** Multiaddrs that neighbours are told instead, for a node behind a router. */
  readonly announce?: readonly string[] | undefined;
  /** From one IP address. */
  readonly maxConnectionsPerSecond?: number | undefined;
  /** Of all peers together, whatever runs on them. */
  readonly maxConnections?: number | undefined;
  /** Tells the local network of this node, under this name, and hears of others. */
  readonly mdnsName?: string | undefined;
}

const defaultMaxConnections = 256;

function maxConnectionsOf({ maxConnections = defaultMaxConnections }: HostOptions): number {
  return maxConnections;
}

/** Whether a peer that proved its identity may stay. */
export type Gate = (peerId: string, address: Multiaddr) => boolean;

export interface Host extends AsyncDisposable {
  readonly peerId: string;
  /** With `/p2p/<peer id>`, as neighbours write them into their settings. */
  readonly addresses: readonly string[];
  readonly libp2p: Libp2p;
  /** Asked of every connection from now on, in either direction. Before, all are let in. */
  setGate(gate: Gate): void;
}

/** Listens when it returns. Throws TangleError IDENTITY_INVALID, ADDRESS_IN_USE. */
export async function openHost(options: HostOptions): Promise<Host> {
  const privateKey = await openIdentity(options.dataDir);
  let gate: Gate = everyone;
  const libp2p = await listen(options, privateKey, (...asked) => gate(...asked));
  boundConnections(libp2p, { max: maxConnectionsOf(options), maxPerPeer: maxConnectionsPerPeer });
  return {
    peerId: libp2p.peerId.toString(),
    get addresses() {
      return libp2p.getMultiaddrs().map(String);
    },
    libp2p,
    setGate: (newGate) => {
      gate = newGate;
    },
    [Symbol.asyncDispose]: async () => {
      await libp2p.stop();
    },
  };
}

const everyone: Gate = () => true;

async function listen(options: HostOptions, privateKey: PrivateKey, gate: Gate): Promise<Libp2p> {
  try {
    return await createLibp2p({
      privateKey,
      addresses: { listen: [...options.bind], announce: [...(options.announce ?? [])] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [boundedYamux(systemClock)],
      // Nodes of other makes ask both of everyone.
      services: { identify: identify(), ping: ping() },
      peerDiscovery: options.mdnsName === undefined ? [] : [mdns({ serviceTag: options.mdnsName })],
      // Heartbeats tell who is gone; a machine that is busy for some seconds is not.
      connectionMonitor: { abortConnectionOnPingFailure: false },
      connectionManager: {
        maxConnections: maxConnectionsOf(options),
        maxIncomingPendingConnections: maxPendingConnections,
        inboundUpgradeTimeout: maxHandshakeMs,
        inboundConnectionThreshold: options.maxConnectionsPerSecond ?? 5,
      },
      connectionGater: {
        denyInboundEncryptedConnection: (peer, { remoteAddr }) =>
          !gate(peer.toString(), remoteAddr),
        denyOutboundEncryptedConnection: (peer, { remoteAddr }) =>
          !gate(peer.toString(), remoteAddr),
      },
    });
  } catch (error) {
    throw listenError(error, options.bind);
  }
}

function listenError(error: unknown, bind: readonly string[]): unknown {
  if (!(error instanceof Error) || !/EADDRINUSE|EADDRNOTAVAIL|EACCES/.test(error.message)) {
    return error;
  }
  return new TangleError(
    'ADDRESS_IN_USE',
    `Cannot listen on ${bind.join(', ')}; stop what listens there or choose another gossip.bind.`,
    { cause: error },
  );
}
