// Messages by their indexation key, newest first: the field's one page, and ours to turn.
import { Type } from 'typebox';
import { hexOf } from '../../protocol/bytes.ts';
import { messageIdHex } from '../../protocol/ids.ts';
import type { Store } from '../../storage/store.ts';
import { firstSeqSince } from '../arrivals.ts';
import type { ArrivalLog } from '../arrivals.ts';
import { indexKeyFrom } from '../index-key.ts';
import { dataOf, hex, maxResults, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

export interface SearchDeps {
  readonly store: Pick<Store, 'findByIndex'> & ArrivalLog;
}

const indexHex = hex('1 to 64 bytes');
const resultSchema = Type.Object({
  index: indexHex,
  maxResults: Type.Integer(),
  count: Type.Integer(),
  messageIds: Type.Array(hex('32 bytes')),
});
const pageSchema = Type.Object({
  index: indexHex,
  count: Type.Integer(),
  messageIds: Type.Array(hex('32 bytes')),
  cursor: Type.Optional(Type.String({ description: 'asks for the page after this one' })),
});

const numberText = (description: string, pattern = '^[0-9]{1,15}$') =>
  Type.Optional(Type.String({ pattern, description }));
const pageQuery = Type.Object({
  index: indexHex,
  limit: numberText(`a number from 1 to ${maxResults}`, '^([1-9][0-9]{0,2}|1000)$'),
  cursor: numberText('the cursor of a page before'),
  from: numberText('a time in Unix milliseconds'),
  to: numberText('a time in Unix milliseconds'),
});

export function searchRoutes(app: ApiServer, { store }: SearchDeps): void {
  app.route({
    method: 'GET',
    url: '/api/v1/messages',
    config: { scope: 'read', limit: 'list' },
    schema: {
      summary: 'the newest messages under an index',
      querystring: Type.Object({ index: indexHex }),
      response: { 200: dataOf(resultSchema), ...problems },
    },
    handler: async ({ query }) => {
      const key = indexKeyFrom(query.index);
      const { messages } = await store.findByIndex(key, { limit: maxResults });
      const messageIds = messages.map(({ id }) => messageIdHex(id));
      return { data: { index: hexOf(key), maxResults, count: messageIds.length, messageIds } };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/midge/v1/messages',
    config: { scope: 'read', limit: 'list' },
    schema: {
      summary: 'messages under an index, in pages',
      querystring: pageQuery,
      response: { 200: dataOf(pageSchema), ...problems },
    },
    handler: async ({ query }) => {
      const key = indexKeyFrom(query.index);
      const limit = Number(query.limit ?? maxResults);
      const { floorSeq, beforeSeq } = await rangeOf(query, store);
      const wanted = { limit: limit + 1, beforeSeq };
      const { messages, goOnBefore = 0 } = await store.findByIndex(key, wanted);
      const hits = messages.filter(({ seq }) => seq >= floorSeq);
      const page = hits.slice(0, limit);
      const goOnSeq = hits.length > limit ? (page.at(-1)?.seq ?? 0) : goOnBefore;
      return {
        data: {
          index: hexOf(key),
          count: page.length,
          messageIds: page.map(({ id }) => messageIdHex(id)),
          ...(goOnSeq > Math.max(1, floorSeq) && { cursor: String(goOnSeq) }),
        },
      };
    },
  });
}

interface Range {
  readonly cursor?: string;
  readonly from?: string;
  readonly to?: string;
}

/** `from` is inside the range, `to` and `cursor` are not. */
async function rangeOf(
  { cursor, from, to }: Range,
  log: ArrivalLog,
): Promise<{ floorSeq: number; beforeSeq: number | undefined }> {
  const ends = [
    ...(cursor === undefined ? [] : [Number(cursor)]),
    ...(to === undefined ? [] : [await firstSeqSince(log, Number(to))]),
  ];
  return {
    floorSeq: from === undefined ? 0 : await firstSeqSince(log, Number(from)),
    beforeSeq: ends.length === 0 ? undefined : Math.min(...ends),
  };
}
