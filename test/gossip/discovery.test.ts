// Nodes that find each other over real connections on loopback.
import { describe, expect, it } from 'vitest';
import { Discovery } from '../../src/gossip/discovery.ts';
import type { DiscoveryMethod } from '../../src/gossip/discovery.ts';
import { askForPeers, dialablePeers, exchangeProtocol } from '../../src/gossip/exchange.ts';
import type { Gossip } from '../../src/gossip/gossip.ts';
import { openHost } from '../../src/gossip/host.ts';
import { silentLogger } from '../../src/log.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';
import { testNetwork } from '../support/messages.ts';
import { openTestGossip, until } from './harness.ts';

const networkId = testNetwork.id;

/** A node whose gossip is fed by discovery. */
async function finder(methods: readonly DiscoveryMethod[], bootstrap: readonly string[] = []) {
  await using opening = new AsyncDisposableStack();
  let gossip: Gossip | undefined;
  const node = opening.use(
    await openTestGossip({
      makeDiscovery: (host, clock) =>
        Discovery.open(
          { methods, networkId, bootstrap },
          {
            host,
            clock,
            log: silentLogger,
            dialable: () => dialablePeers(host.libp2p, gossip?.connectedPeerIds ?? [], networkId),
          },
        ),
    }),
  );
  gossip = node.gossip;
  const owned = opening.move();
  return { ...node, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const relations = ({ gossip }: { readonly gossip: Gossip }) =>
  gossip.neighbours().map(({ id, relation }) => [id, relation]);

describe('discovery', () => {
  it('is off by default: who named nobody knows nobody', async () => {
    await using alone = await finder([]);
    await using other = await finder(['bootstrap'], [alone.address]);
    await until(() => other.events.length > 0 || alone.host.libp2p.getConnections().length === 0);
    expect(alone.gossip.neighbours()).toEqual([]);
  });

  it('finds nodes through one of the settings, and through what it tells', async () => {
    await using hub = await finder(['exchange']);
    await using first = await finder(['bootstrap', 'exchange'], [hub.address]);
    await until(() => hub.gossip.connectedPeerIds.includes(first.host.peerId));
    await using second = await finder(['bootstrap', 'exchange'], [hub.address]);
    await until(() => {
      // The hub tells of the first one when it knows where it listens, and is asked now and then.
      for (const { clock } of [hub, first, second]) clock.advance(1_000);
      return second.gossip.connectedPeerIds.includes(first.host.peerId);
    });
    expect(relations(second)).toContainEqual([first.host.peerId, 'autopeered']);
    expect(relations(second)).toContainEqual([hub.host.peerId, 'autopeered']);
  });

  it('hears of nodes on the local network', async () => {
    await using other = await finder(['mdns']);
    await using node = await finder(['mdns']);
    // What the mDNS service of libp2p makes of an answer; multicast is not to be had everywhere.
    const detail = {
      id: other.host.libp2p.peerId,
      multiaddrs: other.host.libp2p.getMultiaddrs(),
    };
    node.host.libp2p.dispatchEvent(new CustomEvent('peer:discovery', { detail }));
    await until(() => node.gossip.connectedPeerIds.includes(other.host.peerId));
    expect(relations(node)).toEqual([[other.host.peerId, 'autopeered']]);
    expect(relations(other)).toEqual([[node.host.peerId, 'unknown']]);
  });

  it('goes on when a node that was found sends what is wrong', async () => {
    await using folder = await aFolder();
    const bind = ['/ip4/127.0.0.1/tcp/0'];
    await using liar = await openHost({ dataDir: folder.path, bind });
    await liar.libp2p.handle(exchangeProtocol(networkId), (stream) => {
      // Only so fast as the stream takes it; the reader ends it first.
      const flood = (): void => {
        while (stream.status === 'open' && stream.send(Buffer.alloc(16_384, 97))) continue;
        if (stream.status === 'open') setImmediate(flood);
      };
      flood();
    });
    await using victimFolder = await aFolder();
    await using victim = await openHost({ dataDir: victimFolder.path, bind });
    await victim.libp2p.dial(liar.libp2p.getMultiaddrs());
    await expect(askForPeers(victim.libp2p, liar.peerId, networkId)).rejects.toThrow(
      'More was told',
    );
  });

  it('takes from a neighbour only addresses, and asks it no more than now and then', async () => {
    let asked = 0;
    await using folder = await aFolder();
    const bind = ['/ip4/127.0.0.1/tcp/0'];
    await using liar = await openHost({ dataDir: folder.path, bind });
    const clock = new HandClock();
    await liar.libp2p.handle(exchangeProtocol(networkId), (stream) => {
      const answer = (): void => {
        asked += 1;
        stream.send(Buffer.from('nonsense\n/ip4/1.2.3.4/tcp/1\n\u0000\n'.repeat(20)));
        void stream.close();
      };
      stream.addEventListener('message', answer, { once: true });
    });
    await using victimFolder = await aFolder();
    await using victim = await openHost({ dataDir: victimFolder.path, bind });
    await victim.libp2p.dial(liar.libp2p.getMultiaddrs());
    const options = { methods: ['exchange'] as const, networkId, bootstrap: [] };
    const deps = { host: victim, clock, log: silentLogger, dialable: async () => [] };
    await using discovery = await Discovery.open(options, deps);
    await discovery.look([liar.peerId]);
    await discovery.look([liar.peerId]);
    expect([asked, discovery.candidates]).toEqual([1, []]);
    clock.advance(5 * 60_000);
    await discovery.look([liar.peerId]);
    expect(asked).toBe(2);
  });
});
