// Names of things: each is a hash of exact bytes, and bytes inside the node. Hex exists only at the edges.
import assert from 'node:assert/strict';

import { bytesFromHex, hexOf } from './bytes.ts';
import { blake2b256 } from './hash.ts';

declare const messageIdBrand: unique symbol;

/** 32 bytes. */
export type MessageId = Uint8Array & { readonly [messageIdBrand]: true };

const idBytes = 32;
const nonceBytes = 8;

/** For bytes whose length was checked already; another length is a bug. */
export function asMessageId(bytes: Uint8Array): MessageId {
  assertMessageId(bytes);
  return bytes;
}

function assertMessageId(bytes: Uint8Array): asserts bytes is MessageId {
  assert.ok(bytes.length === idBytes, 'a message id has 32 bytes');
}

/** 32 zero bytes: the first entry point, which no message can have as its id. */
export const genesisId: MessageId = asMessageId(new Uint8Array(idBytes));

/** The id of a whole serialized message, nonce included. */
export function messageIdOf(messageBytes: Uint8Array): MessageId {
  return asMessageId(blake2b256(messageBytes));
}

export function messageIdHex(id: Uint8Array): string {
  return hexOf(id);
}

/** Throws HEX_INVALID, with the field's name. */
export function parseMessageId(hex: string, field: string): MessageId {
  return asMessageId(bytesFromHex(hex, field, idBytes));
}

/** What the proof of work is done over: all of the message but its nonce (TIP-12). */
export function powDigestOf(messageBytes: Uint8Array): Uint8Array {
  const sizeBytes = messageBytes.length - nonceBytes;
  // Not subarray(), as in ByteReader.
  return blake2b256(new Uint8Array(messageBytes.buffer, messageBytes.byteOffset, sizeBytes));
}

/** The last eight bytes of a serialized message. */
export function nonceOf(messageBytes: Uint8Array): bigint {
  return u64At(messageBytes, messageBytes.length - nonceBytes);
}

/** The u64 that every message of a network begins with. */
export function networkIdOf(name: string): bigint {
  return u64At(blake2b256(new TextEncoder().encode(name)), 0);
}

/** Of a serialized transaction payload, from its type to its last unlock block. */
export function transactionIdOf(payloadBytes: Uint8Array): Uint8Array {
  return blake2b256(payloadBytes);
}

/** Of a milestone's essence: what stands between its payload type and its signatures. The same hash is signed. */
export function milestoneIdOf(essenceBytes: Uint8Array): Uint8Array {
  return blake2b256(essenceBytes);
}

/** 34 bytes: the transaction, then the position of the output in it as u16. */
export function outputIdOf(transactionId: Uint8Array, outputIndex: number): Uint8Array {
  const id = new Uint8Array(idBytes + 2);
  id.set(transactionId);
  new DataView(id.buffer).setUint16(idBytes, outputIndex, true);
  return id;
}

/** 32 bytes; `encodeAddress` makes the text form of it. */
export function ed25519AddressOf(publicKey: Uint8Array): Uint8Array {
  return blake2b256(publicKey);
}

function u64At(bytes: Uint8Array, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true);
}

/**
 * An id or an indexation key as the key of a Map or Set: one character for each byte, half of what hex takes. Made
 * once for a message on its way and handed on with it: each making costs 0.13 us, and each new text is hashed anew.
 */
export function idText(id: Uint8Array): string {
  // Not by way of a Buffer: for an id with memory of its own that takes 0.6 us more, as V8 keeps so few bytes on its
  // heap and must move them out for it.
  return String(Reflect.apply(String.fromCharCode, undefined, id));
}

/** The id that `idText` was made of. */
export function idOfText(text: string): MessageId {
  return asMessageId(bytesOfText(text));
}

export function bytesOfText(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
