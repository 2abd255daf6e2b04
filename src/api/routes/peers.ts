// The neighbours of the node, as the field's API shows and changes them.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { TangleError } from '../../errors.ts';
import { dataOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

const index = Type.Integer({ minimum: 0 });
const count = Type.Integer({ minimum: 0 });

const gossipSchema = Type.Object({
  heartbeat: Type.Union([
    Type.Null({ description: 'none has come yet' }),
    Type.Object({
      solidMilestoneIndex: index,
      prunedMilestoneIndex: index,
      latestMilestoneIndex: index,
      connectedNeighbors: count,
      syncedNeighbors: count,
    }),
  ]),
  metrics: Type.Object({
    newMessages: count,
    knownMessages: count,
    receivedMessages: count,
    receivedMessageRequests: count,
    receivedMilestoneRequests: count,
    receivedHeartbeats: count,
    sentMessages: count,
    sentMessageRequests: count,
    sentMilestoneRequests: count,
    sentHeartbeats: count,
    droppedPackets: count,
  }),
});

const peerSchema = Type.Object({
  id: Type.String({ description: 'peer id' }),
  multiAddresses: Type.Array(Type.String()),
  alias: Type.Optional(Type.String()),
  relation: Type.Enum(['known', 'unknown', 'autopeered']),
  connected: Type.Boolean(),
  gossip: Type.Optional(gossipSchema),
});

const params = Type.Object({ peerId: Type.String({ description: 'peer id' }) });

const bodySchema = Type.Object(
  {
    multiAddress: Type.String({
      description: 'with the peer id: /ip4/192.0.2.1/tcp/15600/p2p/12D3…',
    }),
    alias: Type.Optional(Type.String({ description: 'a name for people, up to 64 characters' })),
  },
  { additionalProperties: false },
);

type Peer = Static<typeof peerSchema>;

/** As gossip tells of it. */
export interface PeerInfo extends Readonly<
  Omit<Peer, 'multiAddresses' | 'alias' | 'gossip' | 'relation'>
> {
  readonly relation: Peer['relation'];
  readonly multiAddresses: readonly string[];
  readonly alias?: string | undefined;
  readonly gossip?: Readonly<NonNullable<Peer['gossip']>> | undefined;
}

export interface PeersDeps {
  readonly peers: {
    readonly neighbours: () => readonly PeerInfo[];
    /** Kept over restarts when it resolves. Throws NEIGHBOUR_INVALID. */
    readonly addNeighbour: (address: string, alias?: string) => Promise<PeerInfo>;
    /** Throws NEIGHBOUR_UNKNOWN. */
    readonly removeNeighbour: (peerId: string) => Promise<void>;
  };
}

export function peersRoutes(app: ApiServer, { peers }: PeersDeps): void {
  app.route({
    method: 'GET',
    url: '/api/v1/peers',
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'the neighbours',
      response: { 200: dataOf(Type.Array(peerSchema)), ...problems },
    },
    handler: () => ({ data: peers.neighbours().map(peerView) }),
  });

  app.route({
    method: 'GET',
    url: '/api/v1/peers/:peerId',
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'one of the neighbours',
      params,
      response: { 200: dataOf(peerSchema), ...problems },
    },
    handler: ({ params: { peerId } }) => {
      const found = peers.neighbours().find(({ id }) => id === peerId);
      if (found === undefined) throw new TangleError('NEIGHBOUR_UNKNOWN');
      return { data: peerView(found) };
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/peers',
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'connect with a neighbour, kept over restarts',
      body: bodySchema,
      response: { 200: dataOf(peerSchema), ...problems },
    },
    handler: async ({ body: { multiAddress, alias } }) => ({
      data: peerView(await peers.addNeighbour(multiAddress, alias)),
    }),
  });

  app.route({
    method: 'DELETE',
    url: '/api/v1/peers/:peerId',
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'part from a neighbour',
      params,
      response: { 204: Type.Null(), ...problems },
    },
    handler: async ({ params: { peerId } }, reply) => {
      await peers.removeNeighbour(peerId);
      return reply.code(204).send(null);
    },
  });
}

function peerView({ alias, gossip, multiAddresses, ...peer }: PeerInfo): Peer {
  return {
    ...peer,
    multiAddresses: [...multiAddresses],
    ...(alias === undefined ? {} : { alias }),
    ...(gossip === undefined ? {} : { gossip }),
  };
}
