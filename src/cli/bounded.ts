// Reading what somebody else ends: never more than a limit.

/** The bytes of a stream; undefined when there are more than `maxBytes`. */
export async function readAtMost(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) return undefined;
  }
  return Buffer.concat(parts);
}
