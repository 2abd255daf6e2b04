// Indexation keys on the command line: text, or 0x and hex for keys that are none.
import { TangleError } from '../errors.ts';
import { escapeLine } from './escape.ts';

const maxKeyBytes = 64;

/** The hex of a key as a person wrote it. Throws USAGE_INVALID. */
export function indexHexOf(argument: string): string {
  const hex = argument.startsWith('0x')
    ? argument.slice(2).toLowerCase()
    : Buffer.from(argument, 'utf8').toString('hex');
  if (!/^(?:[0-9a-f]{2})+$/.test(hex) || hex.length / 2 > maxKeyBytes) {
    throw new TangleError(
      'USAGE_INVALID',
      `An index is a text of 1 to ${maxKeyBytes} bytes, or 0x and as many bytes in hex.`,
    );
  }
  return hex;
}

/** A key for people: its text where it reads back as the same key, else hex. */
export function indexWords(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  const text = bytes.toString('utf8');
  const isPlain = Buffer.from(text, 'utf8').equals(bytes) && escapeLine(text) === text;
  return isPlain && !text.startsWith('0x') ? text : `0x${hex}`;
}
