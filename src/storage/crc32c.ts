// LevelDB's checksum: Castagnoli's polynomial. Node has only that of zlib.

/** LevelDB masks its checksums, so that one over bytes that hold another does not come out the same. */
export function maskedCrc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  // Indexed: an iterator costs up to eight times as much (measured).
  for (let at = 0; at < bytes.length; at++) {
    crc = (crcTable[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});
