// Nodes that have pruned, and one that comes late to them: real processes on logs that were really cut.
import { expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { networkIdOf } from '../../src/protocol/ids.ts';
import { openStore } from '../../src/storage/open.ts';
import {
  attachEverywhere,
  attachMany,
  openNetwork,
  settled,
  untilHealthy,
} from '../support/network.ts';
import type { NodeProcess } from '../support/node-process.ts';

const networkName = 'midge-private';
const keptCount = 15;

/** As pruning does, on the folder of a node that is stopped. */
async function prune(dataDir: string): Promise<void> {
  const network = { name: networkName, id: networkIdOf(networkName) };
  await using store = await openStore(
    { dataDir, network, durability: 'power-loss', cacheBytes: 8 * 1024 * 1024 },
    { log: silentLogger },
  );
  await store.cut({ upToSeq: store.lastSeq - keptCount });
}

interface Health {
  readonly data: {
    readonly checks: readonly { readonly name: string; readonly reason?: string }[];
  };
}

async function whyNotInSync({ url }: NodeProcess): Promise<string | undefined> {
  const { data } = (await (await fetch(`${url}/api/midge/v1/health`)).json()) as Health;
  return data.checks.find(({ name }) => name === 'catch-up')?.reason;
}

it('a node that comes late has what its pruned neighbours have, once it trusts one of them', async () => {
  let trusted: readonly string[] = [];
  await using network = await openNetwork([[], [0], [0, 1]], {
    late: 2,
    settingsOf: () => ({ 'network.name': networkName, 'gossip.trusted': trusted }),
  });
  const { nodes, folders, peerIds } = network;
  await Promise.all(nodes.map(untilHealthy));
  const ids = await attachMany(nodes[0]!, 40, 'old');
  await settled(nodes, ids.length);
  for (const [number, node] of [...nodes].entries()) {
    await node.stop();
    await prune(folders[number]!);
  }
  for (const number of [0, 1]) await network.restart(number);
  await Promise.all(nodes.map(untilHealthy));
  const kept = ids.slice(-keptCount);
  expect(await settled(nodes, keptCount)).toEqual(nodes.map(() => kept.toSorted()));

  await network.restart(2);
  await nodes[2]!.logged('what is missing here was pruned there');
  expect(await whyNotInSync(nodes[2]!)).toContain('gossip.trusted');
  expect((await fetch(`${nodes[2]!.url}/health`)).status).toBe(503);
  await nodes[2]!.stop();

  trusted = [peerIds[0]!];
  await network.restart(2);
  expect(await settled(nodes, keptCount)).toEqual(nodes.map(() => kept.toSorted()));
  await Promise.all(nodes.map(untilHealthy));
  const fresh = await attachEverywhere(nodes, 'fresh');
  const all = [...kept, ...fresh].toSorted();
  expect(await settled(nodes, all.length)).toEqual(nodes.map(() => all));

  await nodes[2]!.kill();
  await network.restart(2);
  await Promise.all(nodes.map(untilHealthy));
  const last = await attachEverywhere(nodes.toReversed(), 'after a crash');
  expect(await settled(nodes, all.length + last.length)).toEqual(
    nodes.map(() => [...all, ...last].toSorted()),
  );
});
