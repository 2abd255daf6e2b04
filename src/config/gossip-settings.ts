// The settings of gossip.
import { Type } from 'typebox';
import { GiB, MiB, multiaddr } from './leaves.ts';

// Only the shapes: whether the parts make sense is seen when they are used.
const host = '(ip4/[0-9.]{7,15}|ip6/[0-9a-fA-F:.]{2,45}|dns[46]?/[A-Za-z0-9.-]{1,253})';
const listenPattern = '^/(ip4/[0-9.]{7,15}|ip6/[0-9a-fA-F:.]{2,45})/tcp/[0-9]{1,5}$';
const addressPattern = `^/${host}/tcp/[0-9]{1,5}$`;
const peerIdPattern = '[1-9A-HJ-NP-Za-km-z]{46,64}';
const neighbourPattern = `^/${host}/tcp/[0-9]{1,5}/p2p/${peerIdPattern}$`;
const trustedPattern = `^(/${host}/tcp/[0-9]{1,5}/p2p/)?${peerIdPattern}$`;

export const gossipSettings = Type.Object(
  {
    bind: Type.Array(multiaddr(listenPattern, 'addresses such as /ip4/0.0.0.0/tcp/15600'), {
      description: 'Addresses that neighbours reach this node at. Port 0 asks for a free one.',
      default: ['/ip4/127.0.0.1/tcp/15600'],
      maxItems: 16,
    }),
    announce: Type.Array(multiaddr(addressPattern, 'addresses such as /dns4/HOST/tcp/15600'), {
      description: 'Addresses to tell neighbours instead, when this node is behind a router.',
      default: [],
      maxItems: 16,
    }),
    neighbours: Type.Array(
      multiaddr(neighbourPattern, 'addresses such as /ip4/192.0.2.1/tcp/15600/p2p/PEER-ID'),
      {
        description:
          'Neighbours to connect to; without any, and without discovery, no others are let in. The own address is passed over.',
        default: [],
        maxItems: 100,
      },
    ),
    trusted: Type.Array(multiaddr(trustedPattern, 'peer ids, alone or at the end of an address'), {
      description:
        'Peer ids of neighbours that are believed when they have pruned what is missing here: which messages their logs build on. An address with a peer id is taken too.',
      default: [],
      maxItems: 100,
    }),
    discovery: Type.Array(Type.Enum(['mdns', 'bootstrap', 'exchange']), {
      description:
        'How to find nodes that nobody named: on the local network, through gossip.bootstrap, by asking neighbours. Then unknown ones are let in.',
      default: [],
      maxItems: 3,
    }),
    bootstrap: Type.Array(
      multiaddr(neighbourPattern, 'addresses such as /ip4/192.0.2.1/tcp/15600/p2p/PEER-ID'),
      {
        description: 'Nodes through which others are found, with gossip.discovery bootstrap.',
        default: [],
        maxItems: 100,
      },
    ),
    maxConnections: Type.Integer({
      description: 'Most connections with other nodes, whatever they are used for.',
      default: 256,
      minimum: 1,
      maximum: 10_000,
    }),
    maxUnknownNeighbours: Type.Integer({
      description: 'Neighbours that nobody named, found by discovery or come by themselves.',
      default: 4,
      minimum: 0,
      maximum: 100,
    }),
    maxBytesPerSecond: Type.Integer({
      description: 'Most that is read from one neighbour.',
      default: 8 * MiB,
      // One frame at least.
      minimum: 64 * 1024,
      maximum: GiB,
    }),
  },
  { title: 'Gossip' },
);
