import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Bans } from '../../src/gossip/bans.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';

const hourMs = 3_600_000;

describe('bans', () => {
  it('last longer each time, up to a day, and are forgotten after a quiet week', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const bans = await Bans.open(folder.path, clock);
    const durations = Array.from({ length: 8 }, () => bans.add('peer'));
    expect(durations.slice(0, 3)).toEqual([60_000, 240_000, 960_000]);
    expect(durations.at(-1)).toBe(24 * hourMs);
    clock.advance(24 * hourMs - 1);
    expect(bans.has('peer')).toBe(true);
    clock.advance(1);
    expect(bans.has('peer')).toBe(false);
    clock.advance(7 * 24 * hourMs + 1);
    expect(bans.add('peer')).toBe(60_000);
    expect(bans.has('other')).toBe(false);
  });

  it('are there again after a restart', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const bans = await Bans.open(folder.path, clock);
    bans.add('peer');
    await Promise.all([bans.save(), bans.save()]);
    const again = await Bans.open(folder.path, clock);
    expect(again.has('peer')).toBe(true);
    expect(again.add('peer')).toBe(240_000);
  });

  it('are bounded: the oldest make room', async () => {
    await using folder = await aFolder();
    const bans = await Bans.open(folder.path, new HandClock());
    for (let n = 0; n < 5_000; n++) bans.add(`peer ${n}`);
    await bans.save();
    const kept: unknown = JSON.parse(await readFile(join(folder.path, 'bans.json'), 'utf8'));
    expect(Object.keys(kept as object)).toHaveLength(4_096);
    expect([bans.has('peer 0'), bans.has('peer 4999')]).toEqual([false, true]);
  });

  it.each(['', 'null', '[1]', '{"peer":{"untilMs":"x"}}', '{"peer":null}'])(
    'take a file with %j for none',
    async (text) => {
      await using folder = await aFolder();
      await writeFile(join(folder.path, 'bans.json'), text);
      expect((await Bans.open(folder.path, new HandClock())).has('peer')).toBe(false);
    },
  );
});
