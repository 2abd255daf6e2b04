// Who may listen to a stream, how many, and for how long without reading.
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { ApiCounts } from '../../src/api/counts.ts';
import { makeServeEvents } from '../../src/api/event-stream.ts';

/** Has always more to say. */
class Endless extends Readable {
  override _read(): void {
    this.push('data: x\n\n'.repeat(1_000));
  }
}

async function openServer(stallMs: number) {
  const counts = new ApiCounts();
  const app = fastify({ forceCloseConnections: true });
  const serve = makeServeEvents(counts, 'messages', {
    maxListeners: 2,
    holderOf: () => undefined,
    stallMs,
  });
  app.get('/', (_request, reply) => serve(reply, () => new Endless()));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { counts, url, [Symbol.asyncDispose]: () => app.close() };
}

async function listen(url: string): Promise<IncomingMessage> {
  const asked = request(url, { agent: false }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

it('a listener that does not read is let go, and its place is free again', async () => {
  await using server = await openServer(50);
  const stalled = await listen(server.url);
  const reading = (await listen(server.url)).resume();
  while (server.counts.listeners.messages === 2) await new Promise(setImmediate);
  expect(server.counts.listeners.messages).toBe(1);
  expect(reading.destroyed).toBe(false);
  // Its end is seen when what the system has kept of the stream is read.
  await expect(stalled.resume().toArray()).rejects.toThrow('aborted');
  reading.destroy();
});

it('there is no place for one too many', async () => {
  await using server = await openServer(60_000);
  const listening = [await listen(server.url), await listen(server.url)];
  expect((await listen(server.url)).statusCode).toBe(500);
  expect(server.counts.listeners.messages).toBe(2);
  for (const response of listening) response.destroy();
});
