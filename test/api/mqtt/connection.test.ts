// A connection whose other end does not read, or sends what it may not.
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { GuardedConnection, maxUnreadBytes } from '../../../src/api/mqtt/connection.ts';
import { CutOff } from '../../../src/api/mqtt/packet-guard.ts';

/** Keeps what is written to it, and takes it only when told. */
class Peer extends Duplex {
  readonly written: Buffer[] = [];
  isReading = true;

  override _read(): void {
    // Sends by push.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    if (this.isReading) done();
  }
}

it('passes on what is written, pieces of one packet together', async () => {
  const peer = new Peer();
  const connection = new GuardedConnection(peer);
  connection.cork();
  for (const piece of ['a', 'b', 'c']) connection.write(piece);
  connection.uncork();
  connection.end('d');
  await once(peer, 'finish');
  expect(Buffer.concat(peer.written).toString()).toBe('abcd');
  expect(peer.written.length).toBe(2);
});

it('never waits for the other end, and ends when too much is unread', async () => {
  const peer = new Peer();
  peer.isReading = false;
  const connection = new GuardedConnection(peer);
  const piece = Buffer.alloc(1024);
  let unreadBytes = 0;
  for (; unreadBytes + piece.length <= maxUnreadBytes; unreadBytes += piece.length) {
    expect(connection.write(piece)).toBe(true);
  }
  expect(connection.destroyed).toBe(false);
  const failed = once(connection, 'error');
  connection.write(piece);
  expect((await failed)[0]).toEqual(new CutOff('slow'));
  expect([connection.destroyed, peer.destroyed]).toEqual([true, true]);
});

it('ends at the first byte of what clients may not send', async () => {
  const peer = new Peer();
  const connection = new GuardedConnection(peer);
  const failed = once(connection, 'error');
  connection.resume();
  peer.push(Buffer.from([0x30]));
  expect((await failed)[0]).toEqual(new CutOff('publish'));
});

it('ends with its other end', async () => {
  const peer = new Peer();
  const connection = new GuardedConnection(peer);
  const closed = once(connection, 'close');
  peer.destroy();
  await closed;
  expect(connection.destroyed).toBe(true);
});
