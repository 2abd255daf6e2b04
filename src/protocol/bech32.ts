// Addresses as text (TIP-11): bech32 (BIP-173) over the address type, 0 for Ed25519, and its 32 bytes.
import { TangleError } from '../errors.ts';

const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const checksumDigits = 6;
const ed25519Type = 0;
const addressBytes = 32;
/** Five bits each: the last digit holds four of the address, and a zero. */
const bodyDigits = 53;
/** No capitals, and short enough for the 90 characters that bech32 allows in all. */
const hrpForm = /^[\x21-\x40\x5b-\x7e]{1,30}$/;

export interface Address {
  /** Names the network: `iota`, `atoi`, or what its owner chose. */
  readonly hrp: string;
  /** Ed25519, 32 bytes. */
  readonly address: Uint8Array;
}

/** Lower case. Throws ADDRESS_INVALID for a human-readable part that bech32 cannot hold. */
export function encodeAddress(hrp: string, address: Uint8Array): string {
  if (!hrpForm.test(hrp)) throw invalid(`"${hrp}" cannot stand before an address.`);
  if (address.length !== addressBytes) throw invalid(`An address has ${addressBytes} bytes.`);
  const body = regroup([ed25519Type, ...address, 0], { from: 8, to: 5 }).slice(0, bodyDigits);
  const digits = [...body, ...checksumOf(hrp, body)];
  return `${hrp}1${digits.map((digit) => alphabet.charAt(digit)).join('')}`;
}

/** Takes all lower or all upper case. Throws ADDRESS_INVALID. */
export function decodeAddress(text: string): Address {
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) throw invalid('The case is mixed.');
  const hrp = lower.slice(0, Math.max(0, lower.lastIndexOf('1')));
  const body = lower.slice(hrp.length + 1, -checksumDigits);
  const digits = Array.from(body.slice(0, bodyDigits), (letter) => alphabet.indexOf(letter));
  const [, ...address] = regroup(digits, { from: 5, to: 8 });
  const decoded = { hrp, address: Uint8Array.from(address) };
  // Type, padding, checksum and length all have one right value, so writing it again checks them together.
  if (encodeAddress(hrp, decoded.address) !== lower) throw invalid('The checksum does not match.');
  return decoded;
}

/** The same bits in groups of another size; bits that fill no group are dropped. */
function regroup(values: readonly number[], bits: { from: number; to: number }): number[] {
  const groups: number[] = [];
  let pending = 0;
  let pendingBits = 0;
  for (const value of values) {
    pending = ((pending << bits.from) | value) & 0xfff;
    pendingBits += bits.from;
    while (pendingBits >= bits.to) {
      pendingBits -= bits.to;
      groups.push((pending >> pendingBits) & ((1 << bits.to) - 1));
    }
  }
  return groups;
}

/** Six digits that make the BIP-173 polynomial of the whole come out as 1. */
function checksumOf(hrp: string, body: readonly number[]): number[] {
  const codes = Array.from(hrp, (letter) => letter.charCodeAt(0));
  const prefix = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
  const zeros = Array.from({ length: checksumDigits }, () => 0);
  const remainder = polymod([...prefix, ...body, ...zeros]) ^ 1;
  return zeros.map((_, position) => (remainder >> (5 * (checksumDigits - 1 - position))) & 31);
}

function polymod(values: readonly number[]): number {
  let remainder = 1;
  for (const value of values) {
    const carry = remainder >> 25;
    remainder = ((remainder & 0x1ff_ffff) << 5) ^ value;
    for (const [bit, generator] of generators.entries()) {
      if ((carry >> bit) & 1) remainder ^= generator;
    }
  }
  return remainder;
}

function invalid(reason: string): TangleError {
  return new TangleError('ADDRESS_INVALID', `The address is not valid. ${reason}`);
}
