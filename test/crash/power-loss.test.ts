// A power cut loses what was not fsynced: the newest write-ahead file ends at any byte beyond its length
// at the last 201, and the index, which is never fsynced, may be older, newer or gone.
import { cp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { attachMany, faultsOf, findIds, readRaw } from '../support/client.ts';
import type { Acknowledged } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

interface WriteAheadFile {
  readonly path: string;
  readonly sizeBytes: number;
}

async function newestWriteAheadFile(dataDir: string): Promise<WriteAheadFile> {
  const names = (await readdir(join(dataDir, 'log'))).filter((name) => /^\d+\.log$/.test(name));
  const path = join(dataDir, 'log', names.toSorted().at(-1) ?? '');
  return { path, sizeBytes: (await stat(path)).size };
}

async function attachSome(url: string, index: string, count: number): Promise<Acknowledged[]> {
  const acknowledged: Acknowledged[] = [];
  await attachMany(url, { index, connections: 4 }, (message) => {
    acknowledged.push(message);
    return acknowledged.length < count;
  });
  return acknowledged;
}

/** What the power cut did to the index. `older` is a copy from before the last messages. */
const indexes = ['newer', 'older', 'missing'] as const;

async function damageIndex(kind: (typeof indexes)[number], dataDir: string, older: string) {
  if (kind === 'newer') return;
  await rm(join(dataDir, 'index'), { recursive: true });
  if (kind === 'older') await cp(older, join(dataDir, 'index'), { recursive: true });
}

describe('a node after a power cut', () => {
  for (const kind of indexes) {
    it(`has all that it acknowledged, with a ${kind} index`, async () => {
      await using folder = await aFolder();
      const original = join(folder.path, 'original');
      const older = join(folder.path, 'older-index');
      let first: Acknowledged[];
      let lost: Acknowledged[];
      let atLast201: WriteAheadFile;
      {
        await using node = await NodeProcess.start({ dataDir: original });
        first = await attachSome(node.url, 'before', 40);
        await node.kill();
        await cp(join(original, 'index'), older, { recursive: true });
      }
      {
        await using node = await NodeProcess.start({ dataDir: original });
        first.push(...(await attachSome(node.url, 'kept', 40)));
        atLast201 = await newestWriteAheadFile(original);
        // These were answered too, but the test takes the stand of a client that was told only of the first.
        lost = await attachSome(node.url, 'lost', 40);
        await node.kill();
      }
      const end = await newestWriteAheadFile(original);
      expect(end.path).toBe(atLast201.path);
      expect(end.sizeBytes).toBeGreaterThan(atLast201.sizeBytes);

      for (let round = 0; round < 4; round++) {
        const dataDir = join(folder.path, `round-${round}`);
        await cp(original, dataDir, { recursive: true });
        const span = end.sizeBytes - atLast201.sizeBytes;
        // The first round loses all of them, so that every number comes up again.
        const cutAt = atLast201.sizeBytes + (round === 0 ? 0 : Math.floor(Math.random() * span));
        await truncate((await newestWriteAheadFile(dataDir)).path, cutAt);
        await damageIndex(kind, dataDir, older);

        await using node = await NodeProcess.start({ dataDir });
        expect(await faultsOf(node.url, first)).toEqual([]);
        // New messages take no number that an old index entry still points to.
        const fresh = await attachSome(node.url, 'fresh', 60);
        expect(await faultsOf(node.url, [...first, ...fresh])).toEqual([]);
        // `readRaw` throws when an id answers with another message's bytes.
        for (const { id } of lost) await readRaw(node.url, id);
        // A number given twice would make old index entries point at new messages.
        for (const index of new Set(lost.map((message) => message.index))) {
          for (const id of await findIds(node.url, index)) {
            expect(await readRaw(node.url, id), `${id} is found but not there`).toBeDefined();
          }
        }
        await node.kill();

        await using again = await NodeProcess.start({ dataDir });
        expect(await faultsOf(again.url, [...first, ...fresh])).toEqual([]);
        for (const { id } of lost) await readRaw(again.url, id);
      }
    });
  }
});
