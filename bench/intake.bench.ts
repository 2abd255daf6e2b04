// How many messages a second come through the door until they are durable, against what LevelDB takes at
// best: the same bytes, in batches of the same size, with the same fsync, and nothing else.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClassicLevel } from 'classic-level';
import { systemClock } from '../src/clock.ts';
import { silentLogger } from '../src/log.ts';
import { verifyWork } from '../src/pow/verify.ts';
import { networkIdOf } from '../src/protocol/ids.ts';
import { openStore } from '../src/storage/open.ts';
import { Intake } from '../src/tangle/intake.ts';
import { TipPool } from '../src/tangle/tips.ts';
import { testNetwork } from '../test/support/messages.ts';
import { aFolder } from '../test/support/folder.ts';
import { makeMessages, readMessages } from './messages.ts';
import { median } from './table.ts';
import type { Mode, Row } from './table.ts';

const outstanding = 256;
const dataBytes = 150;

interface Measured {
  readonly perSecond: number;
  readonly writtenBytes: number;
  readonly peakRssBytes: number;
}

function writtenBytes(): number {
  const line = /write_bytes: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'));
  return Number(line?.[1] ?? Number.NaN);
}

async function throughTheDoor(messages: readonly Uint8Array[], dataDir: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const budgetBytes = 256 * 1024 * 1024;
  const store = stack.use(
    await openStore(
      { dataDir, durability: 'power-loss', network: testNetwork, cacheBytes: budgetBytes / 2 },
      { log: silentLogger },
    ),
  );
  const tips = new TipPool({ clock: systemClock });
  const intake = stack.use(
    new Intake(
      {
        networkId: networkIdOf(testNetwork.name),
        minPowScore: 1,
        maxParentAgeMs: 900_000,
        queue: { maxMessagesPerSource: 2_048, maxBytesPerSource: 1e7, maxPeerBytes: 1e7 },
        pending: { maxMessages: 16_384, maxBytes: budgetBytes / 4 },
      },
      { store, tips, verifyWork, clock: systemClock, log: silentLogger },
    ),
  );
  await intake.restore();
  const startMs = performance.now();
  let next = 0;
  const sender = async (): Promise<void> => {
    for (let bytes = messages[next++]; bytes !== undefined; bytes = messages[next++]) {
      const { kind } = await intake.submit(bytes, 'peer:bench');
      if (kind !== 'accepted' && kind !== 'pending') throw new Error(`unexpected outcome ${kind}`);
    }
  };
  await Promise.all(Array.from({ length: outstanding }, sender));
  const seconds = (performance.now() - startMs) / 1000;
  if (store.messageCount !== messages.length) throw new Error('not every message is stored');
  return messages.length / seconds;
}

async function bareLevelDb(messages: readonly Uint8Array[], dataDir: string): Promise<number> {
  const db = new ClassicLevel<Uint8Array, Uint8Array>(dataDir, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  });
  await db.open();
  const startMs = performance.now();
  for (let at = 0; at < messages.length; at += outstanding) {
    const batch = db.batch();
    for (const [offset, bytes] of messages.slice(at, at + outstanding).entries()) {
      const key = Buffer.alloc(8);
      key.writeBigUInt64BE(BigInt(at + offset));
      batch.put(key, bytes);
    }
    await batch.write({ sync: true });
  }
  const seconds = (performance.now() - startMs) / 1000;
  await db.close();
  return messages.length / seconds;
}

/** In a process of its own, so that memory and written bytes are of this alone. */
function inChild(variant: 'door' | 'bare', file: string, dataDir: string): Measured {
  const child = spawnSync(process.execPath, [import.meta.filename, variant, file, dataDir], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0) throw new Error(`bench child ended with ${child.status}`);
  return JSON.parse(child.stdout) as Measured;
}

export async function intakeBench(mode: Mode): Promise<readonly Row[]> {
  await using folder = await aFolder();
  const file = join(folder.path, 'messages');
  const count = mode.isSmoke ? 300 : 100_000;
  writeFileSync(file, makeMessages({ count, dataBytes }));
  const messageBytes = readMessages(file).reduce((sum, bytes) => sum + bytes.length, 0);
  const rounds = mode.isSmoke ? 1 : 3;
  const door: Measured[] = [];
  const bare: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(inChild('bare', file, join(folder.path, `bare-${round}`)));
    door.push(inChild('door', file, join(folder.path, `door-${round}`)));
  }
  const of = (runs: readonly Measured[], key: keyof Measured): number =>
    median(runs.map((run) => run[key]));
  const size = Math.round(messageBytes / count);
  const what = `${count} messages of ${size} bytes, power-loss, ${outstanding} in flight, score 1`;
  const perByte = of(door, 'writtenBytes') / messageBytes;
  return [
    {
      bench: 'intake',
      what,
      value: of(door, 'perSecond'),
      unit: 'messages/s',
      ratio: of(door, 'perSecond') / of(bare, 'perSecond'),
      against: 'bare LevelDB, same bytes and fsync',
    },
    {
      bench: 'intake',
      what: 'written to disk',
      value: perByte,
      unit: 'bytes a message byte',
      ratio: of(bare, 'writtenBytes') / of(door, 'writtenBytes'),
      against: 'bare LevelDB',
    },
    {
      bench: 'intake',
      what: 'peak RSS',
      value: of(door, 'peakRssBytes') / 1024 / 1024,
      unit: 'MiB',
      ratio: of(bare, 'peakRssBytes') / of(door, 'peakRssBytes'),
      against: 'bare LevelDB',
    },
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [variant, file = '', dataDir = ''] = process.argv.slice(2);
  const messages = readMessages(file);
  const before = writtenBytes();
  const perSecond = await (variant === 'door' ? throughTheDoor : bareLevelDb)(messages, dataDir);
  const measured: Measured = {
    perSecond,
    writtenBytes: writtenBytes() - before,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
  console.log(JSON.stringify(measured));
}
