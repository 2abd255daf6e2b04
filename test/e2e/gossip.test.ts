// Real nodes on loopback: what one takes in, all have.
import { describe, expect, it } from 'vitest';
import {
  attachEverywhere,
  attachMany,
  attachTo,
  openNetwork,
  settled,
  tipsOf,
  untilHeld,
  untilOffered,
  untilHealthy,
} from '../support/network.ts';
import type { Shape } from '../support/network.ts';

const line: Shape = [[], [0], [1], [2], [3]];
const ring: Shape = [[], [0], [1], [2], [3, 0]];
const star: Shape = [[], [0], [0], [0], [0]];

const sorted = (...parts: string[][]): string[] => parts.flat().toSorted();

describe('five nodes', () => {
  it.each<[string, Shape]>([
    ['in a line', line],
    ['in a ring', ring],
    ['in a star', star],
  ])('%s all have what each of them took in', async (_, shape) => {
    await using network = await openNetwork(shape);
    const { nodes } = network;
    await Promise.all(nodes.map(untilHealthy));
    const ids = await attachEverywhere(nodes, 'hello');
    expect(await settled(nodes, ids.length)).toEqual(nodes.map(() => ids.toSorted()));
  });

  it('are five again after one was killed and started anew, and six when one joins late', async () => {
    await using network = await openNetwork([...ring, [2]], { late: ring.length });
    const { nodes } = network;
    const isEverywhere = async (ids: readonly string[]) =>
      expect(await settled(nodes, ids.length)).toEqual(nodes.map(() => ids.toSorted()));
    await Promise.all(nodes.map(untilHealthy));
    const ids = await attachEverywhere(nodes, 'before');
    await nodes[1]!.kill();
    await Promise.all([nodes[0]!, nodes[2]!].map((node) => node.logged('a neighbour is gone')));
    ids.push(...(await attachMany(nodes[4]!, 20, 'while it was away')));
    await network.restart(1);
    await isEverywhere(ids);
    await network.restart(5);
    expect(nodes).toHaveLength(6);
    await isEverywhere(ids);
    await Promise.all(nodes.map(untilHealthy));
    await isEverywhere([...ids, ...(await attachEverywhere(nodes, 'after'))]);
  });

  it.each(['stopped', 'alone'])(
    'build on the same tips when one was %s for longer than parents may be named',
    async (how) => {
      const maxParentAgeMs = 5_000;
      await using network = await openNetwork([[], [0]], {
        settingsOf: () => ({ 'tangle.max-parent-age-ms': maxParentAgeMs }),
      });
      const { nodes } = network;
      await Promise.all(nodes.map(untilHealthy));
      const [parent = ''] = await attachEverywhere(nodes, 'parent');
      await attachEverywhere(nodes, 'child');
      if (how === 'stopped') await nodes[1]!.stop();
      else await network.part(0, 1);
      const stoppedAtMs = Date.now();
      // As from a client that was given its parents before.
      const sibling = await attachTo(nodes[0]!, [parent], 'sibling');
      await attachTo(nodes[0]!, [sibling, ...(await tipsOf(nodes[0]!))], 'of both');
      let meanwhile = sibling;
      while (Date.now() - stoppedAtMs <= maxParentAgeMs) {
        [meanwhile = ''] = await attachMany(nodes[0]!, 1, 'meanwhile');
      }
      if (how === 'stopped') await network.restart(1);
      else await network.join(0, 1);
      await untilHeld(nodes[1]!, meanwhile);
      const [last = ''] = await attachMany(nodes[0]!, 1, 'last');
      const offered = await Promise.all(nodes.map((node) => untilOffered(node, last)));
      expect(offered).toEqual([last, last]);
    },
  );

  it('that were parted into two Tangles are one again', async () => {
    await using network = await openNetwork(line);
    const { nodes } = network;
    await Promise.all(nodes.map(untilHealthy));
    const together = await attachEverywhere(nodes, 'together');
    await network.part(1, 2);
    await nodes[1]!.logged('a neighbour is gone');
    const here = await attachMany(nodes[0]!, 10, 'on this side');
    const there = await attachMany(nodes[4]!, 10, 'on that side');
    const [left, right] = [nodes.slice(0, 2), nodes.slice(2)];
    expect(await settled(left, 15)).toEqual(left.map(() => sorted(together, here)));
    expect(await settled(right, 15)).toEqual(right.map(() => sorted(together, there)));
    await network.join(1, 2);
    expect(await settled(nodes, 25)).toEqual(nodes.map(() => sorted(together, here, there)));
  });
});
