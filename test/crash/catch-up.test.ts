// A node is killed while it catches up with a neighbour, until it has everything: what it had, it has.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { describe, expect, it } from 'vitest';
import { openIdentity } from '../../src/gossip/identity.ts';
import { silentLogger } from '../../src/log.ts';
import { networkIdOf } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { openStore } from '../../src/storage/open.ts';
import type { Store } from '../../src/storage/store.ts';
import { expectConsistent } from '../storage/support.ts';
import { aFolder } from '../support/folder.ts';
import { aMessage } from '../support/messages.ts';
import { NodeProcess } from '../support/node-process.ts';

const kills = Number(process.env['CRASH_PHASE_KILLS'] ?? 4);
const maxMisses = 10 * kills;
const messageCount = 2_000;
const network = { name: 'midge-private', id: networkIdOf('midge-private') };

function open(dataDir: string): Promise<Store> {
  const options = { dataDir, durability: 'power-loss', cacheBytes: 8 * 1024 * 1024 } as const;
  return openStore({ ...options, network }, { log: silentLogger });
}

async function fill(dataDir: string): Promise<void> {
  await using store = await open(dataDir);
  let newest: readonly MessageId[] = [];
  for (let count = 0; count < messageCount; count += 100) {
    const parents = newest.slice(0, 2);
    const messages = Array.from({ length: 100 }, (_, n) =>
      aMessage({
        ...(parents.length > 0 ? { parents } : {}),
        index: `index ${n % 5}`,
        data: `${count + n}`.padEnd(500),
        networkId: network.id,
      }),
    );
    newest = messages.map(({ id }) => id);
    await store.append(
      messages.map(({ id, bytes, parents: own }, n) => {
        const indexKey = Buffer.from(`index ${n % 5}`);
        return { id, bytes, parents: own, indexKey, arrivalMs: Date.now(), isLazy: false };
      }),
    );
  }
}

async function peerIdOf(dataDir: string): Promise<string> {
  return peerIdFromPrivateKey(await openIdentity(dataDir)).toString();
}

const named = (address: string) => ({ 'gossip.neighbours': address, 'pow.workers': 1 });

/** Catch-up has begun when messages come in. */
async function untilMore(node: NodeProcess, count: number): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${node.url}/metrics`)).text();
    if (Number(/^midge_store_messages (\d+)/m.exec(text)?.[1]) > count) return;
  }
}

/** All but who it is. */
async function empty(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name !== 'identity.key') await rm(join(dataDir, name), { recursive: true });
  }
}

describe('a node that is killed while it catches up', () => {
  it(`has what it had, ${kills} times`, { timeout: 600_000 }, async () => {
    await using folder = await aFolder();
    const source = join(folder.path, 'source');
    await fill(source);
    await using late = await aFolder();
    const lateAddress = `/ip4/127.0.0.1/tcp/1/p2p/${await peerIdOf(late.path)}`;
    await using neighbour = await NodeProcess.start({
      dataDir: source,
      settings: named(lateAddress),
    });
    let [hits, misses, before] = [0, 0, 0];
    while (hits < kills && misses < maxMisses) {
      await using node = await NodeProcess.start({
        dataDir: late.path,
        settings: named(neighbour.gossipAddress),
      });
      await untilMore(node, before);
      await wait(Math.random() * 100);
      await node.kill();
      await using store = await open(late.path);
      await expectConsistent(store);
      expect(store.messageCount).toBeGreaterThanOrEqual(before);
      const isWithin = store.messageCount > before && store.messageCount < messageCount;
      if (isWithin) hits += 1;
      else misses += 1;
      before = store.messageCount;
      if (before < messageCount) continue;
      await store[Symbol.asyncDispose]();
      await empty(late.path);
      before = 0;
    }
    expect(hits).toBe(kills);
  });
});
