import { expect, it } from 'vitest';
import { Tally } from '../../src/gossip/tally.ts';

it('counts by name, and tells the names it was given before anything was counted', () => {
  const tally = new Tally<'good' | 'bad'>(['good']);
  tally.add('bad');
  tally.add('bad', 2);
  expect([...tally.counts]).toEqual([
    ['good', 0],
    ['bad', 3],
  ]);
});
