// A shipped node that archives what it prunes is killed while it does: every message is in the node or in the archive.
import { setTimeout as wait } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { searchArchive } from '../../src/backup/archive-read.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { Grower, network, openTestStore } from '../storage/support.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

const kills = Number(process.env['CRASH_KILLS'] ?? 4);
const messageCount = 20_000;
const cacheBytes = 8 * 1024 * 1024;

const onProgress = (): void => undefined;

/** All ids, in the order of their numbers. */
async function fill(dataDir: string): Promise<string[]> {
  await using store = await openTestStore(dataDir, { durability: 'process-crash' });
  const grower = new Grower();
  for (let at = 0; at < messageCount; at += 1_000) await store.append(grower.many(1_000));
  return grower.records.map(({ id }) => messageIdHex(id));
}

describe('an archive', () => {
  it('has every message that the node has no more, whenever the node is killed', async () => {
    await using folder = await aFolder();
    const dataDir = join(folder.path, 'data');
    const archive = join(folder.path, 'archive');
    const ids = await fill(dataDir);
    const settings = {
      'network.name': network.name,
      'pruning.archive': archive,
      'pruning.max-size-bytes': 0,
    };
    const step = Math.floor(messageCount / (kills + 2));
    for (let kill = 0; kill <= kills; kill++) {
      await using node = await NodeProcess.start({ dataDir, settings });
      const token = (await readFile(join(dataDir, 'api.token'), 'utf8')).trim();
      const pruned = fetch(`${node.url}/api/v1/control/database/prune`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ toSeq: step * (kill + 1) }),
      }).catch(() => undefined);
      // Any instant of as long as it takes: that it is random is the point. The last one is let finish.
      await (kill < kills ? wait(Math.random() * 300) : pruned);
      await node.kill();
      await pruned;
    }

    const archived = new Map<string, number>();
    const wanted = ({ id }: { readonly id: Uint8Array }): boolean => {
      const key = Buffer.from(id).toString('hex');
      archived.set(key, (archived.get(key) ?? 0) + 1);
      return false;
    };
    const { damaged } = await searchArchive(archive, wanted, { limit: 1 });
    expect(damaged).toEqual([]);
    {
      await using store = await openTestStore(dataDir);
      expect(store.cutSeq).toBeGreaterThanOrEqual(step * (kills + 1));
      const kept = await store.readLog({ fromSeq: 1, limit: messageCount, maxBytes: Infinity });
      const here = new Set(kept.map(({ id }) => messageIdHex(id)));
      expect(here.size).toBe(messageCount - store.cutSeq);
      expect(ids.filter((id) => !here.has(id) && !archived.has(id))).toEqual([]);
      // What a kill fell upon may be in both; what is cut is told once.
      expect([...archived].filter(([id, times]) => times > 1 && !here.has(id))).toEqual([]);
    }
    expect(await verifyStore({ dataDir, network, cacheBytes, onProgress })).toMatchObject({
      faults: [],
    });
  });
});
