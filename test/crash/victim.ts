// A process that is killed: the real door and the real store, working in one phase after the other and saying
// so on its output, synchronously, so that what it said last is what it was doing when it died.
import { writeSync } from 'node:fs';
import { writeBackup } from '../../src/backup/write.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { verifyWork } from '../../src/pow/verify.ts';
import { messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import { openStore } from '../../src/storage/open.ts';
import { Intake } from '../../src/tangle/intake.ts';
import { TipPool } from '../../src/tangle/tips.ts';
import { aMessage, testNetwork } from '../support/messages.ts';
import { intakeOptions } from '../support/tangle.ts';
import type { VictimPhase } from './phases.ts';

const messagesPerBatch = 40;
const keptMessages = 200;
const dataBytes = 2_000;
const maxPinned = 10;
const maxPinnedBytes = 300_000;

const say = (...words: readonly (string | number)[]): void => {
  writeSync(1, `${words.join(' ')}\n`);
};

async function during(phase: VictimPhase, work: () => Promise<unknown>): Promise<void> {
  say('begin', phase);
  await work();
  say('end', phase);
}

const [dataDir = ''] = process.argv.slice(2);
await using store = await openStore(
  { dataDir, durability: 'power-loss', network: testNetwork, cacheBytes: 8 * 1024 * 1024 },
  { log: silentLogger },
);
const tips = new TipPool({ clock: systemClock });
await using intake = new Intake(intakeOptions, {
  store,
  tips,
  verifyWork,
  clock: systemClock,
  log: silentLogger,
});
await intake.restore();

async function attach(): Promise<void> {
  const messages = Array.from({ length: messagesPerBatch }, (_, n) =>
    aMessage({
      parents: tips.select(2),
      index: `key ${n % 3}`,
      data: Buffer.alloc(dataBytes, `${Math.random()}`),
    }),
  );
  await Promise.all(
    messages.map(async ({ id, bytes }) => {
      const { kind } = await intake.submit(bytes, 'mined');
      if (kind === 'accepted') say('acknowledged', messageIdHex(id), store.get(id)?.seq ?? 0);
    }),
  );
}

const pinnedKey = { indexKey: Buffer.from('key 1') };
const pinnedIds: MessageId[] = [];
let rounds = 0;

/** So that ids and keys are pinned and unpinned all the time, with and without what was kept for them. */
async function pinSome(): Promise<void> {
  const [newest] = await store.readLogBackwards({ beforeSeq: Infinity, limit: 1 });
  if (newest !== undefined) {
    pinnedIds.push(newest.id);
    await store.pin({ id: newest.id }, Infinity);
    say('pinned', messageIdHex(newest.id));
  }
  if (pinnedIds.length > maxPinned) await unpin(pinnedIds.shift());
  rounds += 1;
  if (rounds % 5 === 0) await store.unpin(pinnedKey);
  await store.pin(pinnedKey, Infinity);
}

async function unpin(id: MessageId | undefined): Promise<void> {
  if (id === undefined) return;
  say('unpinning', messageIdHex(id));
  await store.unpin({ id });
}

async function prune(): Promise<void> {
  const upToSeq = store.lastSeq - keptMessages;
  if (upToSeq <= store.cutSeq) return;
  say('cut', upToSeq);
  await during('pruning', async () => {
    while ((await store.cut({ upToSeq, keepIds: tips.select(), maxPinnedBytes })) !== undefined);
  });
}

async function backUp(): Promise<void> {
  const nowMs = systemClock.now();
  for await (const chunk of writeBackup({ store, network: testNetwork, nowMs })) {
    if (chunk.length === 0) throw new Error('an empty chunk');
  }
}

// What one that was killed had pinned.
const { messages, indexKeys } = await store.listPins();
for (const { id } of messages) await unpin(id);
for (const indexKey of indexKeys) await store.unpin({ indexKey });
// While anything is pinned, a cut goes another way.
const isPinning = Math.random() < 0.5;
for (;;) {
  await during('intake', attach);
  if (isPinning) await pinSome();
  await prune();
  await during('compaction', () =>
    Promise.all([store.compact('log'), store.compact('index'), attach()]),
  );
  await during('backup', () => Promise.all([backUp(), attach()]));
}
