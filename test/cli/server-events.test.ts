import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { eventData } from '../../src/cli/server-events.ts';

const read = (...chunks: string[]): Promise<unknown[]> =>
  Readable.from(eventData(Readable.from(chunks) as AsyncIterable<string>)).toArray();

describe('the data of events', () => {
  const stream = ': hello\n\nevent: a\ndata: one\n\n: waiting\n\nevent: b\ndata: two\n\n';

  it('is read, whatever the chunks', async () => {
    expect(await read(stream)).toEqual(['one', 'two']);
    expect(await read(...stream.split(/(?:)/))).toEqual(['one', 'two']);
  });

  it('is nothing where an event is not complete', async () => {
    expect(await read('event: a\ndata: on')).toEqual([]);
    expect(await read()).toEqual([]);
  });

  it('ends where an event has no end', async () => {
    expect(await read('data: one\n\n', ...Array<string>(9).fill('x'.repeat(10_000)))).toEqual([
      'one',
    ]);
  });
});
