import { describe, expect, it } from 'vitest';
import { InTurn } from '../src/in-turn.ts';

describe('work in turn', () => {
  it('begins when what was asked for before has ended, also when that failed', async () => {
    const inTurn = new InTurn();
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const told: string[] = [];
    const piece = (name: string, done: Promise<void>) => async () => {
      told.push(`${name} begins`);
      await done;
      return name;
    };
    const failing = inTurn.run(piece('first', first.promise));
    const going = inTurn.run(piece('second', second.promise));
    const ended = inTurn.ended().then(() => told.push('all ended'));
    first.reject(new Error('the first'));
    await expect(failing).rejects.toThrow('the first');
    second.resolve();
    expect(await going).toBe('second');
    await ended;
    expect(told).toEqual(['first begins', 'second begins', 'all ended']);
  });
});
