// Bytes as trits (b1t6): a byte is a signed number, written as six balanced trits, the least first.
import { tritsPerByte } from './layout.as';

// For each byte a vector: byte t is the low bit of trit t, byte 8 + t the high bit.
const spread: usize = memory.data(256 * 16, 16);
// For each byte two: the low bits of its trits, bit t for trit t, and the high bits.
const packed: usize = memory.data(256 * 2);

export function spreadTrits(byte: u8): v128 {
  return v128.load(spread + ((<usize>byte) << 4));
}

export function packedLow(byte: u8): u64 {
  return load<u8>(packed + ((<usize>byte) << 1));
}

export function packedHigh(byte: u8): u64 {
  return load<u8>(packed + ((<usize>byte) << 1), 1);
}

function fillTables(): void {
  for (let value = -128; value < 128; value++) {
    const byte = <usize>(value & 255);
    // 364 = 111111 in base 3: with it added, the digits 0, 1, 2 stand for the trits -1, 0, 1.
    let digits = value + 364;
    for (let t = 0; t < tritsPerByte; t++, digits /= 3) {
      const low = digits % 3 != 0;
      const high = digits % 3 != 2;
      store<u8>(spread + (byte << 4) + t, u8(low));
      store<u8>(spread + (byte << 4) + t, u8(high), 8);
      const entry = packed + (byte << 1);
      store<u8>(entry, load<u8>(entry) | (u8(low) << u8(t)));
      store<u8>(entry, load<u8>(entry, 1) | (u8(high) << u8(t)), 1);
    }
  }
}

fillTables();
