import { describe, expect, it } from 'vitest';
import type { PeerInfo } from '../../../src/api/routes/peers.ts';
import { TangleError } from '../../../src/errors.ts';
import { asAdmin, ask, errorOf, openTestApi } from '../harness.ts';

const metrics = {
  newMessages: 1,
  knownMessages: 2,
  receivedMessages: 3,
  receivedMessageRequests: 4,
  receivedMilestoneRequests: 5,
  receivedHeartbeats: 6,
  sentMessages: 7,
  sentMessageRequests: 8,
  sentMilestoneRequests: 9,
  sentHeartbeats: 10,
  droppedPackets: 11,
};
const away: PeerInfo = {
  id: '12D3away',
  multiAddresses: ['/ip4/192.0.2.1/tcp/15600/p2p/12D3away'],
  alias: undefined,
  relation: 'known',
  connected: false,
  gossip: undefined,
};
const here: PeerInfo = {
  ...away,
  id: '12D3here',
  alias: 'cellar',
  connected: true,
  gossip: { heartbeat: null, metrics },
};

function withPeers(calls: unknown[] = []) {
  return openTestApi({
    peers: {
      neighbours: () => [away, here],
      addNeighbour: (...asked) => {
        calls.push(asked);
        if (asked[0] === 'nonsense') return Promise.reject(new TangleError('NEIGHBOUR_INVALID'));
        return Promise.resolve(away);
      },
      removeNeighbour: (id) => {
        calls.push(id);
        return id === here.id
          ? Promise.resolve()
          : Promise.reject(new TangleError('NEIGHBOUR_UNKNOWN'));
      },
    },
  });
}

const shownAway = {
  id: away.id,
  multiAddresses: away.multiAddresses,
  relation: 'known',
  connected: false,
};
const shownHere = {
  ...shownAway,
  id: here.id,
  alias: 'cellar',
  connected: true,
  gossip: { heartbeat: null, metrics },
};

describe('neighbours', () => {
  it('are listed, and shown one by one, as the field does', async () => {
    await using api = await withPeers();
    const all = await ask(api, { path: '/api/v1/peers', headers: asAdmin });
    expect(all.json).toEqual({ data: [shownAway, shownHere] });
    const one = await ask(api, { path: '/api/v1/peers/12D3here', headers: asAdmin });
    expect(one.json).toEqual({ data: shownHere });
    const none = await ask(api, { path: '/api/v1/peers/12D3none', headers: asAdmin });
    expect([none.status, errorOf(none).reason]).toEqual([404, 'neighbour_unknown']);
  });

  it('are added with 200', async () => {
    const calls: unknown[] = [];
    await using api = await withPeers(calls);
    const add = (body: object) =>
      ask(api, {
        method: 'POST',
        path: '/api/v1/peers',
        headers: { ...asAdmin, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const added = await add({ multiAddress: '/ip4/1', alias: 'cellar' });
    expect([added.status, added.json]).toEqual([200, { data: shownAway }]);
    expect(calls).toEqual([['/ip4/1', 'cellar']]);
    expect((await add({ multiAddress: 'nonsense' })).status).toBe(400);
    expect((await add({})).status).toBe(400);
    expect((await add({ multiAddress: '/ip4/1', other: 1 })).status).toBe(400);
  });

  it('are removed with 204', async () => {
    await using api = await withPeers();
    const remove = (id: string) =>
      ask(api, { method: 'DELETE', path: `/api/v1/peers/${id}`, headers: asAdmin });
    const removed = await remove(here.id);
    expect([removed.status, removed.bytes.length]).toEqual([204, 0]);
    expect((await remove('12D3none')).status).toBe(404);
  });
});
