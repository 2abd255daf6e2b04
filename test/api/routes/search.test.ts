import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageIdHex } from '../../../src/protocol/ids.ts';
import type { FoundPage, IndexPage } from '../../../src/storage/store.ts';
import { ask, errorOf, openTestApi, standIns } from '../harness.ts';
import { aRecord, openApiOver } from './stored.ts';

const key = 'f00d';
const indexed = (arrivalMs: number, index = key) =>
  aRecord(
    { payload: { type: 2, index: Buffer.from(index, 'hex'), data: new Uint8Array() } },
    arrivalMs,
  );
/** Ten arrive under the key, one every 100 ms, each followed by one under a longer key. */
const times = Array.from({ length: 10 }, (_, position) => 1000 + position * 100);
const records = times.flatMap((time) => [indexed(time), indexed(time + 50, `${key}00`)]);
const newestFirst = records
  .filter((_, position) => position % 2 === 0)
  .map(({ id }) => messageIdHex(id))
  .toReversed();

let opened: Awaited<ReturnType<typeof openApiOver>>;
beforeAll(async () => {
  opened = await openApiOver(records);
});
afterAll(() => opened[Symbol.asyncDispose]());

const search = (query: string, api = 'midge/v1') =>
  ask(opened.api, { path: `/api/${api}/messages${query}` });

describe('a search by index', () => {
  it('lists all, newest first, and only this index', async () => {
    const { status, json } = await search(`?index=${key}`, 'v1');
    expect(status).toBe(200);
    expect(json).toEqual({
      data: { index: key, maxResults: 1000, count: 10, messageIds: newestFirst },
    });
  });

  it('finds nothing under an unknown index', async () => {
    const { status, json } = await search('?index=F00DF00D', 'v1');
    expect([status, json]).toEqual([
      200,
      { data: { index: 'f00df00d', maxResults: 1000, count: 0, messageIds: [] } },
    ]);
  });

  it.each(['v1', 'midge/v1'])('refuses an index that is none under /api/%s', async (api) => {
    for (const [query, reason, message] of [
      ['', 'request_invalid', 'index is missing.'],
      ['?index=aa&index=bb', 'request_invalid', 'index must be 1 to 64 bytes as hex.'],
      ['?index', 'index_length_invalid', 'index must be 1 to 64 bytes as hex.'],
      [`?index=${'aa'.repeat(65)}`, 'index_length_invalid', 'index must be 1 to 64 bytes as hex.'],
      ['?index=abc', 'hex_invalid', 'index must be an even number of hex characters.'],
      ['?index=%zz', 'hex_invalid', 'index must be an even number of hex characters.'],
      ['?index=%ff%fe', 'hex_invalid', 'index must be an even number of hex characters.'],
    ]) {
      const answer = await search(`${query}`, api);
      expect({ status: answer.status, ...errorOf(answer) }).toMatchObject({
        status: 400,
        reason,
        message,
      });
    }
  });
});

const ranges = [
  ['from=1300', newestFirst.slice(0, 7)],
  ['from=1301', newestFirst.slice(0, 6)],
  ['to=1300', newestFirst.slice(7)],
  ['to=1301', newestFirst.slice(6)],
  ['from=1200&to=1500', newestFirst.slice(5, 8)],
  ['from=1200&to=1500&limit=2', newestFirst.slice(5, 7)],
  ['from=1500&to=1200', []],
  ['from=0', newestFirst],
  ['to=0', []],
  ['from=999999999999999', []],
  ['to=999999999999999', newestFirst],
] as const;

describe('a page of a search', () => {
  it.each([1, 3, 5, 10, 1000])('of %i has a cursor to the next until the last', async (limit) => {
    const pages: string[][] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const { json } = await search(`?index=${key}&limit=${limit}${cursor && `&cursor=${cursor}`}`);
      const { data } = json as { data: { count: number; messageIds: string[]; cursor?: string } };
      expect(data.count).toBe(data.messageIds.length);
      pages.push(data.messageIds);
      cursor = data.cursor;
    }
    expect(pages.flat()).toEqual(newestFirst);
    expect(pages.length).toBe(Math.ceil(10 / limit));
  });

  it.each(ranges)('holds what arrived in its time: %s', async (range, messageIds) => {
    const { status, json } = await search(`?index=${key}&${range}`);
    expect(status).toBe(200);
    expect(json).toMatchObject({ data: { count: messageIds.length, messageIds } });
  });

  it('holds the same of a pinned index when most of it was pruned', async () => {
    await using pruned = await openApiOver(records, async (store) => {
      await store.pin({ indexKey: Buffer.from(key, 'hex') }, Infinity);
      await store.cut({ upToSeq: 14 });
    });
    for (const [range, messageIds] of ranges) {
      const path = `/api/midge/v1/messages?index=${key}&${range}`;
      const { json } = await ask(pruned.api, { path });
      expect(json).toMatchObject({ data: { messageIds } });
    }
  });

  it.each([
    ['limit=0', 'limit must be a number from 1 to 1000.'],
    ['limit=1001', 'limit must be a number from 1 to 1000.'],
    ['limit=ten', 'limit must be a number from 1 to 1000.'],
    ['cursor=-1', 'cursor must be the cursor of a page before.'],
    ['from=2026-11-22', 'from must be a time in Unix milliseconds.'],
    ['to=1e3', 'to must be a time in Unix milliseconds.'],
  ])('refuses %s', async (query, message) => {
    const answer = await search(`?index=${key}&${query}`);
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({ reason: 'request_invalid', message });
  });
});

it('has a cursor behind a page that is not full when the search went no further', async () => {
  const [id] = [records[0]!.id];
  const pages = new Map<number | undefined, FoundPage>([
    [undefined, { messages: [{ seq: 90, id }], goOnBefore: 50 }],
    [50, { messages: [], goOnBefore: 20 }],
    [20, { messages: [{ seq: 12, id }], goOnBefore: undefined }],
  ]);
  const findByIndex = (_: Uint8Array, { beforeSeq }: IndexPage) =>
    Promise.resolve(pages.get(beforeSeq)!);
  await using api = await openTestApi({ store: { ...standIns.store, findByIndex } });
  const counts: unknown[] = [];
  let query = `?index=${key}&limit=10`;
  for (;;) {
    const { json } = await ask(api, { path: `/api/midge/v1/messages${query}` });
    const { data } = json as { data: { count: number; cursor?: string } };
    counts.push([data.count, data.cursor]);
    if (data.cursor === undefined) break;
    query = `?index=${key}&limit=10&cursor=${data.cursor}`;
  }
  expect(counts).toEqual([
    [1, '50'],
    [0, '20'],
    [1, undefined],
  ]);
});
