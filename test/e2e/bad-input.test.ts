// Whatever is sent, the shipped node answers with a status and a sentence, and lives on.
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attach, isAcknowledged } from '../support/client.ts';
import { aMessage } from '../support/messages.ts';
import { aFolder } from '../support/folder.ts';
import { untilHealthy } from '../support/network.ts';
import { NodeProcess } from '../support/node-process.ts';
import { asMessageId, genesisId, networkIdOf } from '../../src/protocol/ids.ts';

const networkId = networkIdOf('midge-private');
const id = 'ab'.repeat(32);
const json = 'application/json';
const binary = 'application/octet-stream';

interface Problem {
  readonly code: string;
  readonly message: string;
  readonly reason: string;
  readonly requestId: string;
}

const mined = (): Uint8Array => Uint8Array.from(aMessage({ networkId }).bytes);

function unsortedParents(): Uint8Array {
  const high = asMessageId(new Uint8Array(32).fill(9));
  const bytes = Uint8Array.from(aMessage({ networkId, parents: [genesisId, high] }).bytes);
  bytes.set(high, 9);
  bytes.set(genesisId, 41);
  return bytes;
}

function withoutWork(): Uint8Array {
  const bytes = mined();
  do bytes[bytes.length - 1]! += 1;
  while (bytes[bytes.length - 1] === 0);
  return bytes;
}

const bodies: readonly (readonly [string, string, string | Uint8Array, number, string])[] = [
  ['wrong JSON', json, '{"payload":', 400, 'request_invalid'],
  ['no object', json, '[1,2]', 400, 'request_invalid'],
  ['nothing', json, '', 400, 'request_invalid'],
  ['a wrong type', json, '{"payload":{"type":2,"index":7,"data":""}}', 400, 'request_invalid'],
  ['odd hex', json, '{"payload":{"type":2,"index":"abc","data":""}}', 400, 'hex_invalid'],
  ['JSON sent as text', 'text/plain', '{"payload":null}', 400, 'request_invalid'],
  ['a body without end', binary, new Uint8Array(200_000), 413, 'request_too_large'],
  [
    'an unknown parent',
    json,
    JSON.stringify({ parentMessageIds: [id], payload: { type: 2, index: '00', data: '' } }),
    400,
    'parent_unknown',
  ],
  ['another network', binary, aMessage({ networkId: 1n }).bytes, 400, 'network_id_mismatch'],
  ['too little work', binary, withoutWork(), 400, 'pow_insufficient'],
  ['unsorted parents', binary, unsortedParents(), 400, 'parents_not_sorted'],
  ['half a message', binary, mined().subarray(0, 50), 400, 'message_truncated'],
];

/** Bytes that look like requests at first sight, but not for long. Deterministic. */
function garbage(seed: number): Buffer {
  const bytes = Buffer.alloc((seed * 7919) % 600, 0);
  for (let at = 0, state = seed + 1; at < bytes.length; at++) {
    state = (state * 1_103_515_245 + 12_345) % 0x7fff_ffff;
    bytes[at] = state >> 8;
  }
  return bytes;
}

describe('bad input', () => {
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

  it.each(bodies)('%s is refused with a reason', async (...row) => {
    const [, type, body, status, reason] = row;
    const response = await fetch(`${node.url}/api/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: typeof body === 'string' ? body : Buffer.from(body),
    });
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as { error: Problem };
    expect(error).toMatchObject({ code: String(status), reason });
    expect(error.message).toMatch(/^\S.*\.$/s);
    expect(error.requestId).not.toBe('');
  });

  it.each([
    [`/api/v1/messages/${id}`, 404, 'message_not_found'],
    ['/api/v1/messages/xyz', 400, 'hex_invalid'],
    ['/api/v1/messages?index=', 400, 'index_length_invalid'],
    ['/api/v1/messages?index=zz', 400, 'hex_invalid'],
    ['/api/v1/milestones/1', 404, 'milestone_not_found'],
    ['/api/v1/outputs/00', 501, 'no_ledger'],
    ['/nowhere', 404, 'route_unknown'],
  ])('GET %s answers %i', async (path, status, reason) => {
    const response = await fetch(node.url + path);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { error: Problem }).error.reason).toBe(reason);
  });

  it('outlives 10 000 requests with garbage', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const statuses = new Map<number, number>();
    let next = 0;
    const client = async (): Promise<void> => {
      while (next < 10_000) {
        const seed = next++;
        const headers = { 'content-type': seed % 2 === 0 ? json : binary };
        const path = seed % 5 === 0 ? `/api/v1/messages/${seed}` : '/api/v1/messages';
        const outgoing = request(node.url + path, { agent, method: 'POST', headers });
        outgoing.end(garbage(seed));
        const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
        const status = response.statusCode ?? 0;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await once(response.resume(), 'end');
      }
    };
    await Promise.all(Array.from({ length: 16 }, client));
    agent.destroy();
    expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([400, 405]);
    await untilHealthy(node);
  });

  it('outlives what is no HTTP at all', async () => {
    const port = Number(new URL(node.url).port);
    for (let seed = 0; seed < 300; seed++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end(garbage(seed));
      socket.resume();
      await once(socket, 'close');
    }
    expect(isAcknowledged(await attach(node.url, 'still here', 'yes'))).toBe(true);
    expect(await node.stop()).toBe(0);
    expect(node.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });
});
