// Requests that are sent without waiting for answers.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { maxPipelined } from '../../src/api/pipelining.ts';
import { openTestApi, standIns } from './harness.ts';

const line = 'GET /api/v1/messages?index=00 HTTP/1.1\r\nhost: localhost\r\n';

/** How many answers come before the connection ends. */
async function answersTo(port: number, requests: string, status = 200): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(requests);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close').catch(() => undefined);
  return text.split(`HTTP/1.1 ${status}`).length - 1;
}

it('are answered up to a limit, again and again on one connection', async () => {
  await using api = await openTestApi();
  const last = `${line}connection: close\r\n\r\n`;
  const allowed = `${line}\r\n`.repeat(maxPipelined - 1) + last;
  expect(await answersTo(api.port, allowed)).toBe(maxPipelined);
});

it('end the connection when they are more', async () => {
  let searchCount = 0;
  const findByIndex = () => {
    searchCount += 1;
    return Promise.withResolvers<never>().promise;
  };
  const store = { ...standIns.store, findByIndex };
  await using api = await openTestApi({ store });
  expect(await answersTo(api.port, `${line}\r\n`.repeat(500))).toBe(0);
  expect(searchCount).toBeLessThanOrEqual(maxPipelined);
});

it('end the connection when they are more, also with paths that cannot be read', async () => {
  await using api = await openTestApi();
  const unreadable = 'GET /%zz HTTP/1.1\r\nhost: localhost\r\n';
  const allowed = `${unreadable}\r\n`.repeat(maxPipelined - 1);
  expect(await answersTo(api.port, `${allowed}${unreadable}connection: close\r\n\r\n`, 400)).toBe(
    maxPipelined,
  );
  const beyond = `${`${unreadable}\r\n`.repeat(500)}${unreadable}connection: close\r\n\r\n`;
  expect(await answersTo(api.port, beyond, 400)).toBeLessThanOrEqual(maxPipelined);
});
