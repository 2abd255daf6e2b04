import { describe, expect, it } from 'vitest';
import { Senders, senderKey } from '../../src/gossip/senders.ts';
import { messageIdOf } from '../../src/protocol/ids.ts';

const idOf = (number: number) => messageIdOf(Buffer.from(`${number}`));

describe('the memory of senders', () => {
  it('knows each that sent a message, and nobody else', () => {
    const senders = new Senders(100);
    const key = senderKey(idOf(1));
    for (const peer of ['first', 'second', 'first']) senders.add(key, peer);
    expect(['first', 'second', 'third'].map((peer) => senders.has(key, peer))).toEqual([
      true,
      true,
      false,
    ]);
    expect(senders.has(senderKey(idOf(2)), 'first')).toBe(false);
  });

  it('forgets a message for a newer one in its place', () => {
    const senders = new Senders(1);
    const [old, young] = [senderKey(idOf(1)), senderKey(idOf(2))];
    senders.add(old, 'peer');
    senders.add(young, 'peer');
    expect([senders.has(old, 'peer'), senders.has(young, 'peer')]).toEqual([false, true]);
  });

  it('remembers no more than 32 senders of one message', () => {
    const senders = new Senders(1);
    const key = senderKey(idOf(1));
    for (let n = 0; n < 40; n++) senders.add(key, `peer ${n}`);
    const known = Array.from({ length: 40 }, (_, n) => senders.has(key, `peer ${n}`));
    expect(known).toEqual([...Array<boolean>(8).fill(false), ...Array<boolean>(32).fill(true)]);
  });

  it('tells messages apart by 52 bits of their ids', () => {
    const id = idOf(1);
    const key = senderKey(id);
    expect(Number.isSafeInteger(key)).toBe(true);
    const other = (at: number, bits: number): number => {
      const changed = idOf(1);
      changed[at] = (changed[at] ?? 0) ^ bits;
      return senderKey(changed);
    };
    for (let bit = 0; bit < 52; bit++) {
      expect(other(bit >> 3, 0x80 >> (bit & 7))).not.toBe(key);
    }
    expect(other(6, 0x08)).toBe(key);
  });
});
