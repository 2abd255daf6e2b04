import { setImmediate } from 'node:timers/promises';
import type { Stream } from '@libp2p/interface';
import { beforeEach, describe, expect, it } from 'vitest';
import { Outbox } from '../../src/gossip/outbox.ts';
import { until } from './harness.ts';

/** As much of a stream as an outbox touches, with a buffer that the test empties. */
class FakeStream extends EventTarget {
  writeStatus = 'writable';
  writableNeedsDrain = false;
  writeBufferLength = 0;
  readonly sent: number[] = [];
  isBlocked = false;

  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes.length);
    if (this.isBlocked) this.writeBufferLength += bytes.length;
    return !this.isBlocked;
  }
}

describe('an outbox', () => {
  let stream: FakeStream;
  let outbox: Outbox;

  beforeEach(() => {
    stream = new FakeStream();
    outbox = new Outbox(stream as unknown as Stream, 100_000);
  });

  it('sends small frames together, and no more than 60 KiB at once', async () => {
    for (let n = 0; n < 300; n++) outbox.push(new Uint8Array(300));
    await until(() => outbox.sizeBytes === 0);
    expect(stream.sent).toEqual([61_200, 28_800]);
  });

  it('gives the stream nothing while it still holds something, whatever it announces', async () => {
    stream.isBlocked = true;
    for (let n = 0; n < 10; n++) outbox.push(new Uint8Array(10_000));
    await until(() => stream.sent.length === 1);
    stream.dispatchEvent(new Event('drain'));
    await setImmediate();
    await setImmediate();
    expect(stream.sent).toEqual([60_000]);
    stream.writeBufferLength = 0;
    stream.dispatchEvent(new Event('idle'));
    await until(() => stream.sent.length === 2);
  });

  it('drops what finds no room, and is full until half of it was sent', async () => {
    stream.isBlocked = true;
    const pushed = Array.from({ length: 11 }, () => outbox.push(new Uint8Array(10_000)));
    expect(pushed).toEqual([...Array<boolean>(10).fill(true), false]);
    expect([outbox.sizeBytes, outbox.isFull]).toEqual([100_000, true]);
    stream.isBlocked = false;
    await until(() => outbox.sizeBytes === 0);
    expect(outbox.isFull).toBe(false);
  });

  it('holds nothing after the stream has closed', () => {
    outbox.push(new Uint8Array(100));
    stream.writeStatus = 'closed';
    stream.dispatchEvent(new Event('close'));
    expect(outbox.sizeBytes).toBe(0);
    expect(outbox.push(new Uint8Array(100))).toBe(false);
  });
});
