// Kills a process within a phase of its work and tells whether the kill really fell there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { messageIdHex, parseMessageId } from '../../src/protocol/ids.ts';
import { openStore } from '../../src/storage/open.ts';
import { verifyStore } from '../../src/storage/verify.ts';
import { expectConsistent, readAll } from '../storage/support.ts';
import { testNetwork } from '../support/messages.ts';

export const victimPhases = ['intake', 'pruning', 'compaction', 'backup'] as const;
export type VictimPhase = (typeof victimPhases)[number];

/** What a process said before it died. */
export class Testimony {
  /** Seqs of the messages that it acknowledged, by id. */
  readonly acknowledged = new Map<string, number>();
  /** Ids of those that are pinned for certain. */
  readonly pinned = new Set<string>();
  /** As far as it meant to cut. */
  cutUpToSeq = 0;

  hear(line: string): void {
    const [word, first = '', second] = line.split(' ');
    if (word === 'acknowledged') this.acknowledged.set(first, Number(second));
    if (word === 'pinned') this.pinned.add(first);
    if (word === 'unpinning') this.pinned.delete(first);
    if (word === 'cut') this.cutUpToSeq = Number(first);
  }
}

/** Returns whether the process was in the phase when it died, by its own word. */
export async function killWithin(
  phase: VictimPhase,
  dataDir: string,
  testimony: Testimony,
): Promise<boolean> {
  const child = spawn(process.execPath, ['test/crash/victim.ts', dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let roundsLeft = 1 + Math.floor(Math.random() * 4);
  let beganMs = 0;
  let tookMs = 0;
  let isWithin = false;
  let isDoomed = false;
  for await (const line of createInterface({ input: child.stdout })) {
    testimony.hear(line);
    const [word, of] = line.split(' ');
    if (of !== phase) continue;
    if (word === 'end') [isWithin, tookMs] = [false, performance.now() - beganMs];
    if (word !== 'begin') continue;
    [isWithin, beganMs] = [true, performance.now()];
    if (isDoomed || roundsLeft-- > 0) continue;
    isDoomed = true;
    // Any instant of as long as the phase took before: that it is random is the point.
    void wait(Math.random() * tookMs).then(() => child.kill('SIGKILL'));
  }
  expect(await closed, 'it did not end by itself').toEqual([null, 'SIGKILL']);
  return isWithin;
}

/**
 * Opened as at a start: every read agrees with the log, and nothing acknowledged is missing above the cut;
 * then verified as `midge db verify` does.
 */
export async function expectWhole(dataDir: string, testimony: Testimony): Promise<void> {
  await expectNothingLost(dataDir, testimony);
  const report = await verifyStore({
    dataDir,
    network: testNetwork,
    cacheBytes: 8 * 1024 * 1024,
    onProgress: () => undefined,
  });
  expect(report.faults).toEqual([]);
}

async function expectNothingLost(dataDir: string, testimony: Testimony): Promise<void> {
  const options = { dataDir, durability: 'power-loss', cacheBytes: 8 * 1024 * 1024 } as const;
  await using store = await openStore({ ...options, network: testNetwork }, { log: silentLogger });
  await expectConsistent(store);
  expect(store.cutSeq).toBeLessThanOrEqual(testimony.cutUpToSeq);
  const kept = new Set((await readAll(store, 'readKept')).map(({ id }) => messageIdHex(id)));
  for (const [id, seq] of testimony.acknowledged) {
    const isGone = seq <= store.cutSeq && !kept.has(id);
    expect(store.get(parseMessageId(id, 'id'))?.seq).toBe(isGone ? undefined : seq);
  }
  for (const id of testimony.pinned) expect(store.has(parseMessageId(id, 'id'))).toBe(true);
}
