// A small real filesystem runs full while clients attach, is freed, and the node goes on by itself.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { attach, attachMany, faultsOf } from '../support/client.ts';
import type { Acknowledged } from '../support/client.ts';
import { aFolder, canMount, mountTmpfs } from '../support/folder.ts';
import { untilHealthy } from '../support/network.ts';
import { NodeProcess } from '../support/node-process.ts';

const isMountAllowed = await canMount();

describe('a node on a full disk', () => {
  it.skipIf(!isMountAllowed)(
    'refuses, reads on, recovers, and loses nothing (needs the right to mount a tmpfs)',
    async () => {
      await using folder = await aFolder();
      using mounted = mountTmpfs(folder.path, 64);
      expect(mounted).toBeDefined();
      const dataDir = join(folder.path, 'data');
      const ballast = join(folder.path, 'ballast');
      await writeFile(ballast, new Uint8Array(52 * 1024 * 1024));
      const acknowledged: Acknowledged[] = [];
      {
        await using node = await NodeProcess.start({ dataDir });
        await attachMany(
          node.url,
          { index: 'filling', connections: 8, sizeBytes: 6_000 },
          (message) => acknowledged.push(message) > 0,
        );
        expect(acknowledged.length).toBeGreaterThan(100);
        const refusal = await attach(node.url, 'filling', 'one more');
        expect(refusal).toMatchObject({ status: 503 });
        expect((await fetch(`${node.url}/health`)).status).toBe(503);
        expect(await faultsOf(node.url, acknowledged)).toEqual([]);

        await rm(ballast);
        await node.logged('the store takes messages again');
        await attachMany(node.url, { index: 'freed', connections: 4 }, (message) => {
          acknowledged.push(message);
          return acknowledged.length % 100 !== 0;
        });
        await untilHealthy(node);
        await node.kill();
      }
      await using node = await NodeProcess.start({ dataDir });
      expect(await faultsOf(node.url, acknowledged)).toEqual([]);
    },
  );
});
