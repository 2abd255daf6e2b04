import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asMessageId } from '../../src/protocol/ids.ts';
import {
  childKey,
  childRange,
  decodeEpoch,
  decodeNetwork,
  decodeNumber,
  decodePending,
  decodePosition,
  encodeEpoch,
  encodeNetwork,
  encodeNumber,
  encodePending,
  encodePosition,
  entryPointKey,
  epochKey,
  idKey,
  idOfKey,
  idStartOfKey,
  indexSpaces,
  indexationKey,
  indexationRange,
  logSpaces,
  messageKey,
  messageRange,
  seqOfKey,
} from '../../src/storage/layout.ts';
import { decodeRecord, encodeRecord } from '../../src/storage/record-layout.ts';
import { aRecord } from './support.ts';

const seqs = fc.maxSafeNat();
const ids = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(asMessageId);
const keys = fc.uint8Array({ minLength: 1, maxLength: 64 });

function isWithin(key: Buffer, { gte, lt }: { gte: Buffer; lt: Buffer }): boolean {
  return Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0;
}

describe('keys', () => {
  it('sort like their numbers, up to 2^53', () => {
    fc.assert(
      fc.property(seqs, seqs, (a, b) => {
        expect(Buffer.compare(messageKey(a), messageKey(b))).toBe(Math.sign(a - b));
        expect(seqOfKey(messageKey(a))).toBe(a);
        expect(decodeNumber(encodeNumber(a))).toBe(a);
      }),
    );
  });

  it('hold the id they were made of, those of the index its first 16 bytes', () => {
    fc.assert(
      fc.property(ids, (id) => {
        expect([...idOfKey(entryPointKey(id))]).toEqual([...id]);
        expect([...idStartOfKey(idKey(id))]).toEqual([...id.subarray(0, 16)]);
      }),
    );
  });

  it('keep indexation keys apart, also when one is the beginning of another', () => {
    fc.assert(
      fc.property(keys, keys, seqs, (a, b, seq) => {
        fc.pre(Buffer.compare(a, b) !== 0);
        expect(
          isWithin(
            indexationKey(b, seq),
            indexationRange(a, { afterSeq: -1, beforeSeq: Infinity }),
          ),
        ).toBe(false);
      }),
    );
  });

  it('find the children of one parent, those that are not lazy first', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(seqs, { minLength: 3, maxLength: 3 }),
        fc.boolean(),
        (three, isLazy) => {
          const [parent, other, child] = three as [number, number, number];
          fc.pre(Math.max(parent, other) < Number.MAX_SAFE_INTEGER);
          const key = childKey(parent, isLazy, child);
          expect(isWithin(key, childRange(parent, 'all'))).toBe(true);
          expect(isWithin(key, childRange(parent, 'not lazy'))).toBe(!isLazy);
          expect(seqOfKey(key)).toBe(child);
          expect(isWithin(key, childRange(other, 'all'))).toBe(false);
        },
      ),
    );
  });

  it('put messages before everything else in the log', () => {
    const others = Object.values(logSpaces).filter((space) => space !== logSpaces.messages);
    for (const { prefix } of others) expect(prefix).toBeGreaterThan(logSpaces.messages.prefix);
    expect(isWithin(epochKey(1), messageRange(0, Infinity))).toBe(false);
  });
});

describe('values', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(
        ids,
        fc.tuple(seqs, seqs),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (id, [a, b], networkId) => {
          const logId = Buffer.from(id.subarray(0, 16));
          const epoch = { firstSeq: a, logId, lastSeqBefore: b };
          expect(decodeEpoch(epochKey(a), encodeEpoch(epoch))).toEqual(epoch);
          const position = { layout: 1, logId, indexedUpToSeq: a };
          expect(decodePosition(encodePosition(position))).toEqual(position);
          const network = { name: `näme ${a}`, id: networkId };
          expect(decodeNetwork(encodeNetwork(network))).toEqual(network);
          const pending = { id, arrivalMs: a, bytes: Buffer.from('bytes') };
          expect(decodePending(id, encodePending(pending))).toEqual(pending);
        },
      ),
    );
  });

  it('of messages prove their place, flag, time and id', () => {
    const { id, bytes } = aRecord();
    fc.assert(
      fc.property(fc.tuple(seqs, seqs), fc.boolean(), fc.nat(), ([seq, arrivalMs], isLazy, at) => {
        const value = encodeRecord({ seq, arrivalMs, isLazy, id, bytes });
        const record = decodeRecord(seq, value);
        expect(record).toMatchObject({ seq, arrivalMs, isLazy });
        expect(Buffer.compare(record!.id, id)).toBe(0);
        expect(Buffer.compare(record!.bytes, bytes)).toBe(0);
        expect(decodeRecord(seq === 0 ? 1 : seq - 1, value)).toBeUndefined();
        const headBytes = value.length - bytes.length;
        value[at % headBytes] = (value[at % headBytes] ?? 0) ^ 1;
        expect(decodeRecord(seq, value)).toBeUndefined();
      }),
    );
    expect(decodeRecord(1, Buffer.alloc(3))).toBeUndefined();
  });
});

describe('docs/storage.md', () => {
  it('shows the table of key spaces as it is', () => {
    const text = readFileSync('docs/storage.md', 'utf8');
    for (const [database, spaces] of Object.entries({ log: logSpaces, index: indexSpaces })) {
      for (const [name, { prefix, key, value }] of Object.entries(spaces)) {
        const cells = [`${database}: ${name}`, prefix, key, value === '' ? '-' : value];
        expect(text).toMatch(new RegExp(`\\| *${cells.join(' *\\| *')} *\\|`));
      }
    }
  });
});
