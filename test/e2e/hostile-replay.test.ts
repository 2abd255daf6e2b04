// A neighbour that kept what the shipped node has pruned, and sends it again. Before the cut it had lazy messages name what
// is oldest, so that this stays an entry point.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { genesisId } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { attachMany, findIds } from '../support/client.ts';
import { aMessage } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { RawPeer, rawFrame, rawHeartbeat } from '../support/raw-peer.ts';
import { Victim, excessOfBounded, networkId, pause } from '../support/victim.ts';

const maxParentAgeMs = 5_000;
const historyCount = 400;
/** What a prune leaves at least. */
const keptCount = 100;

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start({
    'tangle.max-parent-age-ms': maxParentAgeMs,
    'memory.budget-bytes': 32 * 1024 * 1024,
  });
});
afterAll(() => victim[Symbol.asyncDispose]());

function aChain(count: number): readonly TestMessage[] {
  const chain: TestMessage[] = [];
  for (let n = 0; n < count; n++) {
    const parents: MessageId[] = [chain.at(-1)?.id ?? genesisId];
    const data = `${n}`.padEnd(300, '.');
    chain.push(aMessage({ networkId, parents, index: 'history', data }));
  }
  return chain;
}

async function attachFresh(count: number): Promise<void> {
  let left = count;
  const oneLess = (): boolean => --left > 0;
  await attachMany(victim.node.url, { index: 'fresh', connections: 1 }, oneLess);
}

async function prune(): Promise<void> {
  const answer = await fetch(`${victim.node.url}/api/v1/control/database/prune`, {
    method: 'POST',
    headers: { ...(await victim.ownerHeaders()), 'content-type': 'application/json' },
    body: JSON.stringify({ keepMessages: keptCount }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

it('a neighbour that sends the oldest pruned history again has nothing of it stored', async () => {
  const history = aChain(historyCount);
  const frames = Buffer.concat(history.map(({ bytes }) => rawFrame(2, bytes)));
  await using enemy = await RawPeer.open();
  const stream = await enemy.connect(victim.address, networkId);
  await stream.write(Buffer.concat([rawHeartbeat, frames]));
  while (!(await victim.holds(history.at(-1)!.id))) await pause();
  const heldAtMs = Date.now();

  // Until what names its beginning is lazy.
  while (Date.now() - heldAtMs <= maxParentAgeMs) await pause();
  await attachFresh(keptCount / 4);
  const lazy = [genesisId, history[3]!.id].map((id) =>
    aMessage({ networkId, parents: [id], index: 'lazy' }),
  );
  for (const { bytes } of lazy) await stream.write(rawFrame(2, bytes));
  while (!(await victim.holds(lazy[1]!.id))) await pause();
  await attachFresh(keptCount - 10);
  await prune();
  expect(await victim.holds(lazy[0]!.id)).toBe(true);
  expect(await findIds(victim.node.url, 'history')).toEqual([]);
  const lineCount = victim.node.lines.length;

  const cost = await victim.costOf(async () => {
    for (let turn = 1; turn <= 3; turn++) {
      await stream.write(frames);
      const received = async () => (await victim.metricsOf(enemy.peerId))['receivedMessages'] ?? 0;
      while ((await received()) < (1 + turn) * historyCount) await pause();
    }
  });
  expect(excessOfBounded(cost)).toEqual([]);
  expect(await findIds(victim.node.url, 'history')).toEqual([]);
  expect(await victim.holds(history[4]!.id)).toBe(false);
  // It is kept out of the store, and nobody is to blame for having a longer memory.
  expect(stream.isOpen).toBe(true);
  expect(await victim.metric('midge_gossip_bans_total')).toBe(0);
  expect(victim.node.lines.length - lineCount).toBeLessThan(3);

  await victim.restart(() => undefined);
  await victim.serve();
  expect(await findIds(victim.node.url, 'history')).toEqual([]);
  expect(victim.unsafeLines).toEqual([]);
});
