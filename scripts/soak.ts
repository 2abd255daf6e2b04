// Does the promise about the size hold? The shipped node takes messages at full speed against
// `pruning.maxSizeBytes` while its data folder is measured from outside every 100 ms.
// `npm run soak [-- --minutes 10 --size-mib 256]`
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setup } from '../test/support/build.ts';
import { attach, isAcknowledged } from '../test/support/client.ts';
import { aFolder } from '../test/support/folder.ts';
import { NodeProcess } from '../test/support/node-process.ts';

const MiB = 1024 * 1024;
const sampleMs = 100;
const retryMs = 100;
const connections = 16;
/** Near the longest that a message may be: the store, not the proof of work, shall be what is tested. */
const dataChars = 30_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    'size-mib': { type: 'string', default: '256' },
  },
});
const sizeBytes = Number(values['size-mib']) * MiB;
const totalMs = Number(values.minutes) * 60_000;
if (!(totalMs > 0) || !(sizeBytes >= 64 * MiB)) {
  console.error('Give more than 0 --minutes, and a --size-mib of 64 or more.');
  process.exit(2);
}
const promisedBytes = sizeBytes + Math.max(64 * MiB, sizeBytes / 10);

/** What the files take on the disk; one may go while it is looked at. */
async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.isFile()) return 0;
      const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
      return (found?.blocks ?? 0) * 512;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function figuresOf(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').map((line) => line.split(' '));
  return new Map(lines.map(([name = '', value]) => [name, Number(value)]));
}

setup();
await using folder = await aFolder();
const dataDir = join(folder.path, 'data');
await using node = await NodeProcess.start({
  dataDir,
  settings: { 'pruning.max-size-bytes': sizeBytes, 'log.level': 'info' },
});
const counts = { acknowledged: 0, refused: 0 };
let maxBytes = 0;
let longestMs = 0;
const endMs = performance.now() + totalMs;
const isOver = (): boolean => performance.now() >= endMs;

async function client(number: number): Promise<void> {
  for (let n = 0; !isOver(); n++) {
    const startMs = performance.now();
    const data = Array.from({ length: dataChars / 8 }, () =>
      Math.floor(Math.random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join('');
    const answer = await attach(node.url, `soak ${number} ${n % 100}`, data);
    longestMs = Math.max(longestMs, performance.now() - startMs);
    if (isAcknowledged(answer)) counts.acknowledged += 1;
    else {
      counts.refused += 1;
      await wait(retryMs);
    }
  }
}

async function sample(): Promise<void> {
  let reportMs = performance.now();
  while (!isOver()) {
    const bytes = await folderBytes(dataDir);
    maxBytes = Math.max(maxBytes, bytes);
    if (performance.now() >= reportMs) {
      reportMs += 10_000;
      const mib = (bytes / MiB).toFixed(0);
      console.log(
        `${counts.acknowledged} messages, ${mib} MiB, at most ${(maxBytes / MiB).toFixed(0)}`,
      );
    }
    await wait(sampleMs);
  }
}

const said = (text: string): number => node.lines.filter((line) => line.includes(text)).length;

const running = [sample(), ...Array.from({ length: connections }, (_, number) => client(number))];
await Promise.all(running);
const figures = await figuresOf(node.url);
const pruning = [...figures].filter(([name]) => name.startsWith('midge_pruning'));
console.log(
  [
    `acknowledged ${counts.acknowledged}, refused ${counts.refused}, slowest answer ${longestMs.toFixed(0)} ms`,
    `slowed ${said('messages are taken slower')} times, below the reserve ${said('no messages are taken')} times`,
    ...pruning.map(([name, value]) => `${name} ${value}`),
    `limit ${(sizeBytes / MiB).toFixed(0)} MiB, promised ${(promisedBytes / MiB).toFixed(0)} MiB, ` +
      `at most ${(maxBytes / MiB).toFixed(0)} MiB: ${maxBytes <= promisedBytes ? 'kept' : 'BROKEN'}`,
  ].join('\n'),
);
process.exitCode = maxBytes <= promisedBytes ? 0 : 1;
