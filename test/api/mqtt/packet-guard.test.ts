// The frames of a client, however the network cuts them.
import { array, assert, integer, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketGuard, allowance, maxPacketBytes } from '../../../src/api/mqtt/packet-guard.ts';

const still = () => 0;
const subscribe = 0x82;

function packet(type: number, bodyBytes: number): Buffer {
  const length: number[] = [];
  let rest = bodyBytes;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 128 : digit);
  } while (rest > 0);
  // A body full of what would be a PUBLISH at the wrong place.
  return Buffer.concat([Buffer.from([type, ...length]), Buffer.alloc(bodyBytes, 0x30)]);
}

describe('a guard', () => {
  it('lets pass what clients send, in pieces of any size', () => {
    const bodies = array(nat(2_000), { maxLength: 30 });
    assert(
      property(bodies, integer({ min: 1, max: 400 }), (sizes, pieceBytes) => {
        const guard = new PacketGuard(still);
        const all = Buffer.concat(sizes.map((size) => packet(subscribe, size)));
        for (let at = 0; at < all.length; at += pieceBytes) {
          expect(guard.check(all.subarray(at, at + pieceBytes))).toBeUndefined();
        }
        // It stands at the start of a packet again.
        expect(guard.check(packet(3 << 4, 1))).toBe('publish');
      }),
    );
  });

  it.each([0x10, 0x82, 0xa2, 0xc0, 0xe0])('knows packets that begin with %i', (type) => {
    expect(new PacketGuard(still).check(packet(type, 3))).toBeUndefined();
  });

  it.each([
    ['GET / HTTP/1.1', 'not_mqtt'],
    ['POST / HTTP/1.1', 'not_mqtt'],
    ['\x16\x03\x01', 'not_mqtt'],
    ['\x30\x00', 'publish'],
    ['\x10\xff\xff\xff\xff\x01', 'not_mqtt'],
    ['\x10\xff\xff\xff\x7f', 'packet_size'],
  ])('ends %j as %s', (text, reason) => {
    expect(new PacketGuard(still).check(Buffer.from(text, 'latin1'))).toBe(reason);
  });

  it('takes the longest packet, and none longer', () => {
    expect(new PacketGuard(still).check(packet(subscribe, maxPacketBytes))).toBeUndefined();
    expect(new PacketGuard(still).check(packet(subscribe, maxPacketBytes + 1))).toBe('packet_size');
  });

  it('ends who sends faster than allowed, and time gives room again', () => {
    let nowMs = 0;
    const guard = new PacketGuard(() => nowMs);
    const pings = (count: number) => guard.check(Buffer.alloc(count * 2, packet(12 << 4, 0)));
    expect(pings(allowance.burst)).toBeUndefined();
    nowMs += 1_000;
    expect(pings(allowance.perSecond)).toBeUndefined();
    expect(pings(1)).toBe('packet_rate');
  });
});
