// Listeners of every kind, against the real node as it ships.
import { request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventData } from '../../src/cli/server-events.ts';
import { attach, isAcknowledged } from '../support/client.ts';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

let folder: Awaited<ReturnType<typeof aFolder>>;
let node: NodeProcess;
beforeAll(async () => {
  folder = await aFolder();
  node = await NodeProcess.start({ dataDir: folder.path });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function send(index: string, data = 'x'): Promise<string> {
  const answer = await attach(node.url, index, data);
  if (!isAcknowledged(answer)) throw new Error(answer.body);
  return answer.id;
}

async function listen(query: string, headers = {}): Promise<IncomingMessage> {
  const asked = request(`${node.url}/api/midge/v1/events${query}`, { headers }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return response.setEncoding('utf8');
}

/** The ids of the first messages that are told. */
async function firstIds(response: IncomingMessage, count: number): Promise<string[]> {
  const ids: string[] = [];
  for await (const text of eventData(response)) {
    const event = JSON.parse(text) as { messageId?: string; reason?: string };
    ids.push(event.messageId ?? event.reason ?? '');
    if (ids.length === count) break;
  }
  return ids;
}

const hex = (text: string): string => Buffer.from(text).toString('hex');

describe('server-sent events', () => {
  it('tell of messages as they are stored, by index, prefix and kind', async () => {
    const all = await Promise.all([
      listen(`?index=${hex('live one')}`),
      listen(`?indexPrefix=${hex('live')}&kind=indexation`),
      listen('?kind=indexation'),
    ]);
    expect(all[0].headers['content-type']).toBe('text/event-stream');
    const other = await send('other');
    const one = await send('live one');
    const two = await send('live two');
    expect(
      await Promise.all([firstIds(all[0], 1), firstIds(all[1], 2), firstIds(all[2], 3)]),
    ).toEqual([[one], [one, two], [other, one, two]]);
  });

  it('are told again from a cursor', async () => {
    // With the same data and, by chance, the same parents they would be one message.
    const first = await send('again', 'one');
    const second = await send('again', 'two');
    const response = await listen(`?cursor=oldest&index=${hex('again')}`);
    let seen = '';
    for await (const chunk of response) {
      seen += String(chunk);
      if (seen.includes(second)) break;
    }
    const told = seen.split('\n\n').find((event) => event.includes(first)) ?? '';
    const [id = ''] = /(?<=id: )\w{32}-\d+/.exec(told) ?? [];
    expect(seen).toContain(first);
    const later = await listen(`?index=${hex('again')}`, { 'last-event-id': id });
    expect(await firstIds(later, 1)).toEqual([second]);
  });

  it.each([
    ['?index=xx', {}, /^index must/],
    ['?index=', {}, /^index must be 1 to 64 bytes/],
    [`?indexPrefix=${'aa'.repeat(65)}`, {}, /^indexPrefix must be 1 to 64/],
    ['?kind=thing', {}, /^kind must be transaction, milestone/],
    ['?cursor=-1', {}, /^cursor must be the id of the last event/],
    ['', { 'last-event-id': 'x' }, /^Last-Event-ID must be/],
  ])('are refused with a reason: %s %j', async (query, headers, message) => {
    const response = await listen(query, headers);
    const body = JSON.parse((await response.toArray()).join('')) as { error: { message: string } };
    expect([response.statusCode, body.error.message]).toEqual([
      400,
      expect.stringMatching(message),
    ]);
  });

  it('have a bound of listeners, and room again when they leave', async () => {
    const open = await Promise.all(Array.from({ length: 128 }, () => listen('')));
    const refused = await listen('');
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '5']);
    refused.destroy();
    for (const response of open) response.destroy();
    let status = 503;
    while (status === 503) {
      const again = await listen('');
      status = again.statusCode ?? 0;
      again.destroy();
    }
    expect(status).toBe(200);
  });
});
