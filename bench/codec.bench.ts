// What does one message cost on the CPU, by itself? Against the public client, the only peer on this platform.
import { PowHelper, deserializeMessage, serializeMessage } from '@iota/iota.js';
import { Blake2b } from '@iota/crypto.js';
import { ReadStream, WriteStream } from '@iota/util.js';
import { Bench } from 'tinybench';
import { decodeMessage, encodeMessage } from '../src/protocol/codec.ts';
import { asMessageId, messageIdOf, nonceOf, powDigestOf } from '../src/protocol/ids.ts';
import { verifyWork } from '../src/pow/verify.ts';
import type { Mode, Row } from './table.ts';

/** An indexation message of this size with two parents. */
export function sampleMessage(sizeBytes: number): Uint8Array {
  const parents = [1, 2].map((fill) => asMessageId(new Uint8Array(32).fill(fill)));
  const index = Buffer.from('midge bench');
  const overhead = 8 + 1 + 64 + 4 + 4 + 2 + index.length + 4 + 8;
  const data = Buffer.alloc(sizeBytes - overhead, 'data ');
  return encodeMessage({ networkId: 1n, parents, payload: { type: 2, index, data }, nonce: 7n });
}

export async function codecBench(mode: Mode): Promise<readonly Row[]> {
  const bytes = sampleMessage(300);
  const message = decodeMessage(bytes);
  const clientMessage = deserializeMessage(new ReadStream(bytes));
  const work = Array.from({ length: 128 }, (_, n) => ({
    digest: powDigestOf(bytes),
    nonce: nonceOf(bytes) + BigInt(n),
  }));
  const pairs: readonly (readonly [string, () => unknown, () => unknown, number])[] = [
    ['decode', () => decodeMessage(bytes), () => deserializeMessage(new ReadStream(bytes)), 1],
    [
      'encode',
      () => encodeMessage(message),
      () => serializeMessage(new WriteStream(), clientMessage),
      1,
    ],
    ['message id', () => messageIdOf(bytes), () => Blake2b.sum256(bytes), 1],
    ['verify work, one', () => verifyWork(work.slice(0, 1)), () => PowHelper.score(bytes), 1],
    ['verify work, of 128', () => verifyWork(work), () => PowHelper.score(bytes), 128],
  ];
  const bench = new Bench(mode.isSmoke ? { time: 1, iterations: 1, warmup: false } : { time: 500 });
  for (const [name, ours, theirs] of pairs) bench.add(name, ours).add(`${name}: client`, theirs);
  await bench.run();
  const meanUs = (name: string): number => {
    const result = bench.getTask(name)?.result;
    if (result?.state !== 'completed') throw new Error(`${name}: ${result?.state ?? 'missing'}`);
    return result.latency.p50 * 1000;
  };
  return pairs.map(([name, , , perCall]) => {
    const value = meanUs(name) / perCall;
    return {
      bench: 'codec',
      what: `${name}, 300 bytes`,
      value,
      unit: 'us',
      ratio: meanUs(`${name}: client`) / value,
      against: '@iota/iota.js 1.8.6',
    };
  });
}
