// What happens in the Tangle, as it happens: messages as server-sent events, from any point of the log on.
import type { IncomingHttpHeaders } from 'node:http';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { TangleError } from '../../errors.ts';
import { bytesFromHex } from '../../protocol/bytes.ts';
import { indexKeyOf, maxIndexBytes, payloadTypes } from '../../protocol/message.ts';
import { makeHolderOf } from '../clients.ts';
import type { ClientOf } from '../clients.ts';
import type { ApiCounts } from '../counts.ts';
import { eventsSchema, makeServeEvents } from '../event-stream.ts';
import { MessageEvents } from '../message-events.ts';
import type { EventLog, Matches, MessageEventsDeps, Start } from '../message-events.ts';
import { hex, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

export interface EventsDeps {
  readonly clientOf: ClientOf;
  readonly counts: ApiCounts;
  readonly store: EventLog;
  /** Calls back whenever messages were stored; returns how to end that. */
  readonly watchStored: MessageEventsDeps['watch'];
}

/** Of all clients together; each holds a connection. */
export const maxEventListeners = 128;

/** So that neither the listener nor a proxy takes the connection for dead. */
const silenceMs = 15_000;

const kinds = ['transaction', 'milestone', 'indexation', 'none'] as const;
const cursorPattern = '([0-9a-f]{32}-[0-9]{1,15}|oldest)';

const query = Type.Object({
  index: Type.Optional(hex('1 to 64 bytes')),
  indexPrefix: Type.Optional(hex('1 to 64 bytes')),
  kind: Type.Optional(
    Type.Enum(kinds, { description: 'transaction, milestone, indexation or none' }),
  ),
  cursor: Type.Optional(
    Type.String({
      pattern: `^${cursorPattern}$`,
      description: 'the id of the last event that was seen, or oldest',
    }),
  ),
});

export function eventsRoutes(app: ApiServer, deps: EventsDeps): void {
  const { counts, store, watchStored, clientOf } = deps;
  const serve = makeServeEvents(counts, 'messages', {
    maxListeners: maxEventListeners,
    holderOf: makeHolderOf(clientOf),
  });
  app.route({
    method: 'GET',
    url: '/api/midge/v1/events',
    config: { scope: 'read', limit: 'stream' },
    // A HEAD would have to wait for the end.
    exposeHeadRoute: false,
    schema: {
      summary: 'messages as they are stored, from any point on',
      querystring: query,
      response: { 200: eventsSchema, ...problems },
    },
    handler: (request, reply) => {
      const matches = matcherOf(request.query);
      const start = startOf(request.query.cursor, request.headers);
      const source = { log: store, watch: watchStored, silenceMs };
      return serve(reply, () => new MessageEvents(source, matches, start));
    },
  });
}

/** Every filter that is given must hold. Throws HEX_INVALID and INDEX_LENGTH_INVALID. */
function matcherOf({ index, indexPrefix, kind }: Static<typeof query>): Matches {
  const tests: Matches[] = [];
  if (index !== undefined) {
    const wanted = keyOf(index, 'index');
    tests.push((message) => Buffer.compare(indexKeyOf(message) ?? Buffer.alloc(0), wanted) === 0);
  }
  if (indexPrefix !== undefined) {
    const prefix = keyOf(indexPrefix, 'indexPrefix');
    tests.push((message) => {
      const start = indexKeyOf(message)?.subarray(0, prefix.length);
      return start !== undefined && Buffer.compare(start, prefix) === 0;
    });
  }
  if (kind !== undefined) {
    const type = kind === 'none' ? undefined : payloadTypes[kind];
    tests.push(({ payload }) => payload?.type === type);
  }
  return (message) => tests.every((holds) => holds(message));
}

function keyOf(text: string, field: string): Uint8Array {
  const key = bytesFromHex(text, field);
  if (key.length >= 1 && key.length <= maxIndexBytes) return key;
  throw new TangleError(
    'INDEX_LENGTH_INVALID',
    `${field} must be 1 to ${maxIndexBytes} bytes as hex.`,
  );
}

/** A browser that comes again sends the header, which is newer than the URL it began with. */
function startOf(asked: string | undefined, headers: IncomingHttpHeaders): Start | undefined {
  const text = [headers['last-event-id']].flat()[0] ?? asked;
  if (text === undefined || text === '') return undefined;
  if (!new RegExp(`^${cursorPattern}$`).test(text)) {
    throw new TangleError('REQUEST_INVALID', 'Last-Event-ID must be the id of an event.');
  }
  if (text === 'oldest') return text;
  const [logId = '', seq] = text.split('-');
  return { logId, seq: Number(seq) };
}
