// Indexation keys in requests.
import { TangleError } from '../errors.ts';
import { bytesFromHex } from '../protocol/bytes.ts';
import { maxIndexBytes } from '../protocol/message.ts';

/** Throws HEX_INVALID, INDEX_LENGTH_INVALID. */
export function indexKeyFrom(index: string): Uint8Array {
  const key = bytesFromHex(index, 'index');
  if (key.length < 1 || key.length > maxIndexBytes) {
    throw new TangleError(
      'INDEX_LENGTH_INVALID',
      `index must be 1 to ${maxIndexBytes} bytes as hex.`,
    );
  }
  return key;
}
