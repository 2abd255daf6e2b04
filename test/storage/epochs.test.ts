import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countMessages,
  isSuccessor,
  lastSeqUnder,
  seqBeforeNewest,
} from '../../src/storage/epochs.ts';
import type { Epoch } from '../../src/storage/layout.ts';

interface History {
  readonly seqs: number[];
  readonly epochs: Epoch[];
}

/** What a log goes through: messages are added, then some of the newest are lost and another epoch begins. */
const histories = fc
  .array(fc.record({ added: fc.nat(8), lost: fc.nat(12), skipped: fc.nat(5) }), { maxLength: 6 })
  .map((steps): History => {
    let epoch: Epoch = { firstSeq: 1, logId: randomBytes(16), lastSeqBefore: 0 };
    const epochs = [epoch];
    let seqs: number[] = [];
    for (const { added, lost, skipped } of steps) {
      for (let count = 0; count < added; count++) {
        seqs.push(Math.max((seqs.at(-1) ?? 0) + 1, epoch.firstSeq));
      }
      const highest = Math.max(seqs.at(-1) ?? 0, epoch.firstSeq);
      seqs = seqs.slice(0, Math.max(0, seqs.length - lost));
      const firstSeq = highest + 1 + skipped;
      epoch = { firstSeq, logId: randomBytes(16), lastSeqBefore: seqs.at(-1) ?? 0 };
      epochs.push(epoch);
    }
    return { seqs, epochs };
  });

describe('epochs', () => {
  it('count the messages that are there', () => {
    fc.assert(
      fc.property(histories, fc.nat(60), ({ seqs, epochs }, afterSeq) => {
        const upToSeq = seqs.at(-1) ?? 0;
        const expected = seqs.filter((seq) => seq > afterSeq).length;
        expect(countMessages(epochs, { afterSeq, upToSeq })).toBe(expected);
      }),
    );
  });

  it('find where the newest messages begin', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 60 }), ({ seqs, epochs }, count) => {
        const before = seqBeforeNewest(epochs, { count, upToSeq: seqs.at(-1) ?? 0 });
        expect(seqs.filter((seq) => seq > before)).toEqual(seqs.slice(-count));
      }),
    );
  });

  it('explain every jump that they made, and no other', () => {
    fc.assert(
      fc.property(histories, fc.nat(), ({ seqs, epochs }, pick) => {
        for (const [position, seq] of seqs.entries()) {
          expect(isSuccessor(epochs, seq, seqs[position - 1] ?? 0)).toBe(true);
        }
        const after = seqs[pick % Math.max(1, seqs.length)] ?? 0;
        fc.pre(seqs.includes(after - 2) && !epochs.some(({ firstSeq }) => firstSeq === after));
        expect(isSuccessor(epochs, after, after - 2)).toBe(false);
      }),
    );
  });

  it('know how far a log id can reach', () => {
    const [first, second] = [randomBytes(16), randomBytes(16)];
    const epochs = [
      { firstSeq: 1, logId: first, lastSeqBefore: 0 },
      { firstSeq: 151, logId: second, lastSeqBefore: 100 },
    ];
    expect(lastSeqUnder(epochs, first)).toBe(150);
    expect(lastSeqUnder(epochs, second)).toBe(Infinity);
    expect(lastSeqUnder(epochs, randomBytes(16))).toBeUndefined();
  });
});
