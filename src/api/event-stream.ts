// What all streams of server-sent events (text/event-stream) have in common.
import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { HolderOf } from './clients.ts';
import { Places, orThrow } from './places.ts';
import { contentOf } from './route.ts';
import type { ApiCounts } from './counts.ts';

const eventsType = 'text/event-stream';

/** What proxies must know to pass each event on at once. */
const eventsHeaders = { 'cache-control': 'no-store', 'x-accel-buffering': 'no' };

export const eventsSchema = contentOf<Readable>(eventsType);

export interface ServerEvent {
  readonly name: string;
  readonly data: object;
  /** What a listener sends back as Last-Event-ID to go on from here. */
  readonly id?: string | undefined;
}

/** JSON has no line breaks, so the data is one line. */
export function eventText({ name, data, id }: ServerEvent): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `event: ${name}\n${idLine}data: ${JSON.stringify(data)}\n\n`;
}

/** A sign of life; with a position, which listeners keep although it is no event to them. */
export function waitingText(id?: string): string {
  return id === undefined ? ': waiting\n\n' : `: waiting\nid: ${id}\n\n`;
}

export type Serve = (reply: FastifyReply, open: () => Readable) => Readable;

type Stream = keyof ApiCounts['listeners'];

/** Signs of life come much more often, so a listener that has taken nothing for so long does not read. */
const maxStallMs = 60_000;

export interface StreamLimits {
  /** Of all clients together. */
  readonly maxListeners: number;
  readonly holderOf: HolderOf;
  readonly stallMs?: number;
}

/** Hands out streams; each holds a connection. Throws TOO_MANY_LISTENERS, LISTENER_QUOTA. */
export function makeServeEvents(
  { listeners }: Pick<ApiCounts, 'listeners'>,
  stream: Stream,
  { maxListeners, holderOf, stallMs = maxStallMs }: StreamLimits,
): Serve {
  const places = new Places(maxListeners);
  return (reply, open) => {
    const place = orThrow(places.take(holderOf(reply.request)));
    const events = open();
    listeners[stream] += 1;
    events.once('close', () => {
      listeners[stream] -= 1;
      place.leave();
    });
    reply.raw.setTimeout(stallMs);
    void reply.type(eventsType).headers(eventsHeaders);
    return events;
  };
}
