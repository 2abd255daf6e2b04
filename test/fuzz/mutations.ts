// What damage on the way, or a mind behind it, does to bytes.
import * as fc from 'fast-check';

export type Mutation = (bytes: Uint8Array) => Uint8Array;

export const position = fc.nat(0xffff);
const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff));

export const setByte = fc.tuple(position, byte).map(([at, value]): Mutation => {
  return (bytes) => spliced(bytes, at, { remove: 1, insert: Uint8Array.of(value) });
});
const setU32 = fc
  .tuple(position, fc.constantFrom(0, 1, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff))
  .map(([at, value]): Mutation => {
    const insert = new Uint8Array(new Uint32Array([value]).buffer);
    return (bytes) => spliced(bytes, at, { remove: 4, insert });
  });
const removeBytes = fc.tuple(position, fc.nat(80)).map(([at, remove]): Mutation => {
  return (bytes) => spliced(bytes, at, { remove, insert: new Uint8Array() });
});
const insertBytes = fc.tuple(position, fc.uint8Array({ maxLength: 80 })).map(
  ([at, insert]): Mutation =>
    (bytes) =>
      spliced(bytes, at, { remove: 0, insert }),
);
const repeatBytes = fc.tuple(position, fc.nat(80)).map(([at, size]): Mutation => {
  return (bytes) => {
    const start = at % (bytes.length + 1);
    return spliced(bytes, at, { remove: 0, insert: bytes.slice(start, start + size) });
  };
});
export const mutations = fc.array(
  fc.oneof(setByte, setU32, removeBytes, insertBytes, repeatBytes),
  {
    minLength: 1,
    maxLength: 4,
  },
);

function spliced(
  bytes: Uint8Array,
  at: number,
  change: { readonly remove: number; readonly insert: Uint8Array },
): Uint8Array {
  const start = at % (bytes.length + 1);
  return Uint8Array.from([
    ...bytes.subarray(0, start),
    ...change.insert,
    ...bytes.subarray(start + change.remove),
  ]);
}
