import { multiaddr } from '@multiformats/multiaddr';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Dialler } from '../../src/gossip/dialler.ts';
import { Redial } from '../../src/gossip/redial.ts';
import { silentLogger } from '../../src/log.ts';
import { HandClock } from '../support/clock.ts';
import { elsewhere } from './harness.ts';

const peerId = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8';

/** Knows one neighbour, which is never connected; what comes of a dial says the test. */
function diallerOf(clock: HandClock, dial: () => Promise<never>): Dialler {
  const address = multiaddr(elsewhere(peerId));
  return new Dialler(
    { protocol: '/test/1.0.0', maxUnknown: 0 },
    {
      libp2p: { dial },
      redial: new Redial({ clock, random: () => 0.5 }),
      discovery: undefined,
      known: () => [{ peerId, address, alias: undefined, isKept: true }],
      connectedPeerIds: () => [],
      refusal: () => undefined,
      onStream: () => {},
      log: silentLogger,
    },
  );
}

describe('a dial', () => {
  it('that takes long is waited for, however many would be due meanwhile', async () => {
    const clock = new HandClock();
    const pending: PromiseWithResolvers<never>[] = [];
    using dialler = diallerOf(clock, () => {
      pending.push(Promise.withResolvers<never>());
      return pending.at(-1)!.promise;
    });
    for (let ticks = 0; ticks < 5; ticks++) {
      dialler.tick();
      clock.advance(100_000);
    }
    expect(pending).toHaveLength(1);
    pending[0]!.reject(new Error('No answer.'));
    await setImmediate();
    dialler.tick();
    expect(pending).toHaveLength(2);
    expect(dialler.dials.counts.get('failed')).toBe(1);
  });
});
