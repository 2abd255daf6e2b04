import type { Connection } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { Bans } from '../../src/gossip/bans.ts';
import { Gatekeeper } from '../../src/gossip/gatekeeper.ts';
import { Peers } from '../../src/gossip/peers.ts';
import { silentLogger } from '../../src/log.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';

const friend = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8';
const at = (peerId: string, host: string) => ({ peerId, address: multiaddr(`${host}/tcp/1`) });

async function openGate(dataDir: string, clock: HandClock) {
  const configured = [`/ip4/203.0.113.1/tcp/1/p2p/${friend}`];
  const peers = await Peers.open({ dataDir, configured, ownPeerId: 'own' });
  const bans = await Bans.open(dataDir, clock);
  const hungUp: string[] = [];
  const connected = new Map<string, string>();
  const libp2p = {
    getConnections: () =>
      [...connected].map(([peerId, host]) => ({
        remotePeer: { toString: () => peerId },
        remoteAddr: multiaddr(`${host}/tcp/1`),
        abort: () => hungUp.push(peerId),
      })) as unknown as Connection[],
  };
  const limits = { maxUnknown: 4, maxUnknownPerBlock: 2 };
  const deps = { libp2p, peers, bans, isDiscovering: () => false, log: silentLogger };
  return { gate: new Gatekeeper(limits, deps), bans, connected, hungUp };
}

describe('whoever did harm', () => {
  it('takes its block of addresses with it, for a time that grows with each new id', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const { gate, bans, connected, hungUp } = await openGate(folder.path, clock);
    const isOut = (guest: ReturnType<typeof at>) => gate.refusal(guest) !== undefined;
    for (const [turn, bannedMs] of [60_000, 240_000, 960_000].entries()) {
      const peerId = `attacker ${turn}`;
      expect(isOut(at(peerId, '/ip4/198.51.100.7'))).toBe(false);
      connected.set(peerId, '/ip4/198.51.100.7');
      gate.punish(peerId, 'FRAME_INVALID');
      connected.delete(peerId);
      expect(hungUp.at(-1)).toBe(peerId);
      clock.advance(bannedMs - 1);
      expect(isOut(at('another id', '/ip4/198.51.100.200'))).toBe(true);
      expect(isOut(at('another id', '/ip4/198.51.101.200'))).toBe(false);
      clock.advance(1);
      expect(isOut(at('another id', '/ip4/198.51.100.200'))).toBe(false);
    }
    gate.punish('gone already', 'FRAME_INVALID', multiaddr('/ip6/2001:db8:1::1/tcp/1'));
    expect(isOut(at('another id', '/ip6/2001:db8:1:ffff::1'))).toBe(true);
    expect(bans.counts).toEqual({ peers: 1, blocks: 1 });
    await bans.settled();
    const again = await openGate(folder.path, clock);
    expect(again.gate.refusal(at('another id', '/ip6/2001:db8:1:ffff::1'))).toMatch(/block/);
  });

  it('never keeps out whom the owner named, and none of its block when it was named itself', async () => {
    await using folder = await aFolder();
    const { gate, bans } = await openGate(folder.path, new HandClock());
    gate.punish('stranger', 'FRAME_INVALID', multiaddr('/ip4/203.0.113.66/tcp/1'));
    expect(gate.refusal(at(friend, '/ip4/203.0.113.1'))).toBeUndefined();
    gate.punish(friend, 'FRAME_INVALID', multiaddr('/ip4/192.0.2.1/tcp/1'));
    expect(gate.refusal(at(friend, '/ip4/192.0.2.1'))).toBe('banned');
    expect(gate.refusal(at('its neighbour', '/ip4/192.0.2.2'))).toBeUndefined();
    await bans.settled();
  });

  it.each(['/ip4/127.0.0.1', '/ip4/192.168.1.5', '/ip6/::1', '/ip6/fd00::5', '/dns4/a.example'])(
    'at %s is out alone: others there share a machine, a house or a name with it',
    async (host) => {
      await using folder = await aFolder();
      const { gate, bans } = await openGate(folder.path, new HandClock());
      gate.punish('stranger', 'FRAME_INVALID', multiaddr(`${host}/tcp/1`));
      expect(gate.refusal(at('stranger', host))).toBe('banned');
      expect(gate.refusal(at('another', host))).toBeUndefined();
      await bans.settled();
    },
  );
});
