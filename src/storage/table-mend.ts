// Writes a damaged table anew: its whole blocks stay where they are, and an index and a footer are put behind them. So
// LevelDB reads what is left of it as ever, with its own order of changes: what was deleted later stays deleted.
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { u32, varint } from './byte-cursor.ts';
import { maskedCrc32c } from './crc32c.ts';
import { trailerBytes } from './table-block.ts';
import { footerBytes, tableMagic } from './table-file.ts';
import type { TableBlock } from './table-file.ts';

const chunkBytes = 1024 * 1024;
/** Every so often a key is told without what it shares with the one before it. */
const keysPerPlace = 16;

export interface MendedTable {
  readonly from: string;
  readonly to: string;
  /** At least one. */
  readonly blocks: readonly TableBlock[];
}

/** Returns the size of what was written. */
export async function mendTable({ from, to, blocks }: MendedTable): Promise<number> {
  const endsAt = blocks.at(-1)?.endsAt ?? 0;
  const end = endOfTable(blocks, endsAt);
  await using target = await open(to, 'wx', 0o600);
  await copyStart(from, target, endsAt);
  await target.write(end, 0, end.length, endsAt);
  return endsAt + end.length;
}

async function copyStart(from: string, target: FileHandle, sizeBytes: number): Promise<void> {
  await using source = await open(from, 'r');
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes));
  for (let at = 0; at < sizeBytes;) {
    const wanted = Math.min(buffer.length, sizeBytes - at);
    const { bytesRead } = await source.read(buffer, 0, wanted, at);
    assert.ok(bytesRead > 0, 'the blocks were found in this file');
    await target.write(buffer, 0, bytesRead, at);
    at += bytesRead;
  }
}

/** Without a filter of keys: LevelDB then looks into the blocks. */
function endOfTable(blocks: readonly TableBlock[], endsAt: number): Buffer {
  const noMeta = block(Buffer.of(), [0]);
  const index = indexOf(blocks);
  const footer = Buffer.alloc(footerBytes);
  const handles = [handle(endsAt, noMeta), handle(endsAt + noMeta.length, index)];
  Buffer.concat(handles).copy(footer);
  tableMagic.copy(footer, footerBytes - tableMagic.length);
  return Buffer.concat([noMeta, index, footer]);
}

function indexOf(blocks: readonly TableBlock[]): Buffer {
  const parts: Buffer[] = [];
  const places: number[] = [];
  let sizeBytes = 0;
  let previous: Buffer = Buffer.of();
  for (const [position, { lastFullKey, at, endsAt }] of blocks.entries()) {
    const isPlace = position % keysPerPlace === 0;
    if (isPlace) places.push(sizeBytes);
    const shared = isPlace ? 0 : sharedBytes(previous, lastFullKey);
    const value = Buffer.concat([varint(at), varint(endsAt - at - trailerBytes)]);
    const own = lastFullKey.subarray(shared);
    const head = [shared, own.length, value.length].map(varint);
    const entry = Buffer.concat([...head, own, value]);
    parts.push(entry);
    sizeBytes += entry.length;
    previous = lastFullKey;
  }
  return block(Buffer.concat(parts), places);
}

/** As LevelDB writes it when it does not pack. */
function block(entries: Buffer, places: readonly number[]): Buffer {
  const content = Buffer.concat([entries, ...places.map(u32), u32(places.length), Buffer.of(0)]);
  return Buffer.concat([content, u32(maskedCrc32c(content))]);
}

function sharedBytes(a: Buffer, b: Buffer): number {
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count++;
  return count;
}

function handle(at: number, written: Buffer): Buffer {
  return Buffer.concat([varint(at), varint(written.length - trailerBytes)]);
}
