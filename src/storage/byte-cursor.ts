// Numbers as LevelDB writes them, and a reader of bytes of which nothing is known: what is not there is undefined.

/** More would not be exact any more, and no number of a table is so large. */
const maxVarintBytes = 7;

export class ByteCursor {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  varint(): number | undefined {
    let value = 0;
    for (let place = 0, factor = 1; place < maxVarintBytes; place++, factor *= 128) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  littleEndian(sizeBytes: number): number | undefined {
    if (this.left < sizeBytes) return undefined;
    this.at += sizeBytes;
    return this.#bytes.readUIntLE(this.at - sizeBytes, sizeBytes);
  }

  /** With its length before it; a view. */
  text(): Buffer | undefined {
    const sizeBytes = this.varint();
    return sizeBytes === undefined || sizeBytes > this.left ? undefined : this.take(sizeBytes);
  }

  /** A view; fewer at the end. */
  take(sizeBytes: number): Buffer {
    const taken = this.#bytes.subarray(this.at, this.at + sizeBytes);
    this.at += taken.length;
    return taken;
  }
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
