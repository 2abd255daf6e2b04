import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { maxBodyBytes } from '../../../src/api/body.ts';
import type { Api } from '../../../src/api/server.ts';
import { TangleError } from '../../../src/errors.ts';
import type { ErrorCode, ErrorDetails } from '../../../src/errors.ts';
import { encodeMessage } from '../../../src/protocol/codec.ts';
import { asMessageId, messageIdHex } from '../../../src/protocol/ids.ts';
import {
  maxInputs,
  maxMessageBytes,
  maxOutputs,
  tokenSupply,
} from '../../../src/protocol/message.ts';
import type { Message } from '../../../src/protocol/message.ts';
import type { Attach, Draft } from '../../../src/tangle/attach.ts';
import type { Outcome } from '../../../src/tangle/outcome.ts';
import { messageView } from '../../../src/api/views.ts';
import vectors from '../../vectors/messages-valid.json' with { type: 'json' };
import { errorOf, json, openTestApi, post } from '../harness.ts';

const zeros = '0'.repeat(64);
const someId = asMessageId(new Uint8Array(32).fill(7));
const drafts: Draft[] = [];
let answerWith: Attach;
let api: Api;
beforeAll(async () => {
  api = await openTestApi({
    attach: (draft, call) => {
      drafts.push(draft);
      return answerWith(draft, call);
    },
  });
});
beforeEach(() => {
  drafts.length = 0;
  answerWith = () => Promise.resolve({ kind: 'accepted', id: someId });
});
afterAll(() => api[Symbol.asyncDispose]());

const bytesOf = (name: string): Buffer =>
  Buffer.from(vectors.find((vector) => vector.name === name)?.bytes ?? '', 'hex');

describe('POST /api/v1/messages', () => {
  it.each(vectors)('takes the same message as JSON and as bytes: $name', async (vector) => {
    const asJson = await post(api, JSON.stringify(vector.json), json);
    const asBytes = await post(api, Buffer.from(vector.bytes, 'hex'), 'application/octet-stream');
    expect([asJson.status, asBytes.status]).toEqual([201, 201]);
    expect(drafts[1]).toEqual(drafts[0]);
  });

  it('answers with the id, in the body and as Location', async () => {
    const answer = await post(api, '{}', json);
    expect(answer.status).toBe(201);
    expect(answer.headers.location).toBe(messageIdHex(someId));
    expect(answer.json).toEqual({ data: { messageId: messageIdHex(someId) } });
  });

  it('answers the same for a message that is known', async () => {
    answerWith = () => Promise.resolve({ kind: 'known', id: someId });
    const answer = await post(api, '{}', json);
    expect([answer.status, answer.headers.location]).toEqual([201, messageIdHex(someId)]);
  });

  it.each([
    ['{}'],
    ['{"networkId":"","nonce":"","parentMessageIds":[],"payload":null}'],
    ['{"networkId":"0","nonce":"0","nonce":"00"}'],
  ])('leaves everything to the node: %s', async (body) => {
    expect((await post(api, body, json)).status).toBe(201);
    expect(drafts).toEqual([{ networkId: 0n, parents: [], payload: undefined, nonce: 0n }]);
  });

  it('takes upper-case hex, no data, and the last of two equal keys, as JSON.parse does', async () => {
    const body = '{"payload":{"type":2,"index":"aa","index":"AbCd"},"nonce":"1","nonce":"2"}';
    expect((await post(api, body, json)).status).toBe(201);
    expect(drafts[0]?.nonce).toBe(2n);
    expect(drafts[0]?.payload).toEqual({
      type: 2,
      index: new Uint8Array([0xab, 0xcd]),
      data: new Uint8Array(),
    });
  });

  it.each([
    ['application/json; charset=utf-8'],
    ['APPLICATION/JSON'],
    [' application/json ;charset="utf-8"'],
  ])('reads JSON called %j', async (type) => {
    expect((await post(api, '{}', type)).status).toBe(201);
  });

  it.each([
    [undefined],
    ['application/octet-stream'],
    ['text/plain'],
    ['application/jsonp'],
    ['?'],
  ])('reads anything called %j as bytes', async (type) => {
    expect((await post(api, bytesOf('genesis parent'), type)).status).toBe(201);
  });

  it('takes bytes without parents and nonce', async () => {
    expect((await post(api, new Uint8Array(21))).status).toBe(201);
    expect(drafts).toEqual([{ networkId: 0n, parents: [], payload: undefined, nonce: 0n }]);
  });

  it('takes bytes that begin with the byte of {', async () => {
    const bytes = bytesOf('genesis parent');
    bytes[0] = '{'.charCodeAt(0);
    expect((await post(api, bytes)).status).toBe(201);
  });

  it('takes the largest message as JSON, and that is what the limit is made for', async () => {
    const message = largestAsJson();
    expect(encodeMessage(message).length).toBe(maxMessageBytes);
    const body = JSON.stringify(messageView(message));
    expect(body.length).toBe(86_254);
    expect((await post(api, body, json)).status).toBe(201);
    expect((await post(api, body.padEnd(maxBodyBytes), json)).status).toBe(201);
  });
});

describe('POST /api/v1/messages with bad JSON', () => {
  const noMessage = 'The body must be a message as a JSON object.';
  const noPayload =
    'payload must be a payload of type 0 (transaction), 1 (milestone) or 2 (indexation).';
  const noNonce = 'nonce must be a 64-bit number, as a decimal string.';
  const noAmount = 'must be a whole number, 0 or more.';
  const deep = '['.repeat(40_000) + ']'.repeat(40_000);

  it.each([
    ['half an object', '{"payload":', 'The body is not valid JSON.'],
    ['bytes', '\u0000\u0001', 'The body is not valid JSON.'],
    ['nothing', '', noMessage],
    ['null', 'null', noMessage],
    ['an array', '[]', noMessage],
    ['a text', '"message"', noMessage],
    ['a huge number', '1e999', noMessage],
    ['deep nesting', deep, noMessage],
    ['deep nesting in a field', `{"payload":${deep}}`, noPayload],
    ['an unknown field', '{"paylod":{}}', 'paylod is not a field that this request has.'],
    [
      'a __proto__ field',
      '{"__proto__":{"nonce":"5"}}',
      '__proto__ is not a field that this request has.',
    ],
    [
      'a constructor field',
      '{"payload":{"type":2,"index":"aa","constructor":{}}}',
      'payload.constructor is not a field that this request has.',
    ],
    [
      'an endless field name',
      `{"${'x'.repeat(1000)}":1}`,
      `${'x'.repeat(40)}… is not a field that this request has.`,
    ],
    ['a nonce as number', '{"nonce":5}', noNonce],
    ['a nonce in hex', '{"nonce":"0x5"}', noNonce],
    ['a negative nonce', '{"nonce":"-5"}', noNonce],
    [
      'parents that are none',
      '{"parentMessageIds":"tips"}',
      'parentMessageIds must be an array of message ids.',
    ],
    [
      'a parent that is no text',
      '{"parentMessageIds":[7]}',
      'parentMessageIds[0] must be 32 bytes as hex.',
    ],
    ['a payload of no type', '{"payload":{}}', noPayload],
    ['a payload of an unknown type', '{"payload":{"type":3,"index":"aa"}}', noPayload],
    ['a payload type as text', '{"payload":{"type":"2","index":"aa"}}', noPayload],
    ['an index missing', '{"payload":{"type":2}}', 'payload.index is missing.'],
    [
      'an index of another type',
      '{"payload":{"type":2,"index":{}}}',
      'payload.index must be 1 to 64 bytes as hex.',
    ],
    [
      'an essence missing',
      '{"payload":{"type":0,"unlockBlocks":[]}}',
      'payload.essence is missing.',
    ],
    [
      'a negative amount',
      transaction({ outputs: [output(-1)] }),
      `payload.essence.outputs[0].amount ${noAmount}`,
    ],
    [
      'an infinite amount',
      transaction({ outputs: [output(7777)] }).replace('7777', '1e999'),
      `payload.essence.outputs[0].amount ${noAmount}`,
    ],
    [
      'half an amount',
      transaction({ outputs: [output(1), output(0.5)] }),
      `payload.essence.outputs[1].amount ${noAmount}`,
    ],
    [
      'a transaction inside a transaction',
      transaction({ payload: { type: 0 } }),
      'payload.essence.payload must be an indexation payload.',
    ],
    [
      'an indexation without index inside a transaction',
      transaction({ payload: { type: 2 } }),
      'payload.essence.payload.index is missing.',
    ],
    [
      'an unlock block of no type',
      transaction({}, [{ type: 1, reference: 0 }, {}]),
      'payload.unlockBlocks[1] must be an unlock block of type 0 (signature) or 1 (reference).',
    ],
    [
      'an unlock block without signature',
      transaction({}, [{ type: 0, signature: { type: 0, publicKey: zeros } }]),
      'payload.unlockBlocks[0].signature.signature is missing.',
    ],
    [
      'a reference beyond u16',
      transaction({}, [{ type: 1, reference: 65_536 }]),
      'payload.unlockBlocks[0].reference must be a number from 0 to 65535.',
    ],
  ])('says what to change: %s', async (_, body, message) => {
    const answer = await post(api, body, json);
    const requestId = answer.headers['x-request-id'];
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toEqual({ code: '400', message, reason: 'request_invalid', requestId });
    expect(drafts).toEqual([]);
  });

  it.each([
    [{ nonce: '18446744073709551616' }, 'field_out_of_range', 'nonce must be below 2^64.'],
    [{ networkId: '18446744073709551616' }, 'field_out_of_range', 'networkId must be below 2^64.'],
    [
      { parentMessageIds: [zeros, zeros.slice(2)] },
      'hex_invalid',
      'parentMessageIds[1] must be 64 hex characters.',
    ],
    [
      { payload: { type: 2, index: 'abc' } },
      'hex_invalid',
      'payload.index must be an even number of hex characters.',
    ],
    [
      { payload: { type: 2, index: 'aa', data: 'hello!' } },
      'hex_invalid',
      'payload.data must be an even number of hex characters.',
    ],
    [
      transaction({ outputs: [output(2 ** 53)] }),
      'field_out_of_range',
      'payload.essence.outputs[0].amount must be below 2^53; send more as bytes.',
    ],
  ])('names the field of a wrong value: %j', async (body, reason, message) => {
    const answer = await post(api, typeof body === 'string' ? body : JSON.stringify(body), json);
    expect({ status: answer.status, ...errorOf(answer) }).toMatchObject({
      status: 400,
      reason,
      message,
    });
    expect(drafts).toEqual([]);
  });
});

describe('POST /api/v1/messages with bad bytes', () => {
  const message = bytesOf('indexation, random 0');

  it.each([
    ['nothing', new Uint8Array(), { status: 400, reason: 'message_too_short' }],
    [
      'the first half',
      message.subarray(0, message.length / 2),
      { status: 400, reason: 'message_truncated' },
    ],
    [
      'one byte more',
      Buffer.concat([message, Buffer.from([0])]),
      { status: 400, reason: 'trailing_bytes' },
    ],
    [
      'more than a message',
      new Uint8Array(maxMessageBytes + 1),
      { status: 413, reason: 'message_too_large' },
    ],
    [
      'more than any body',
      new Uint8Array(maxBodyBytes + 1),
      { status: 413, reason: 'request_too_large' },
    ],
  ])('refuses %s', async (_, bytes, problem) => {
    const answer = await post(api, bytes, 'application/octet-stream');
    expect({ status: answer.status, ...errorOf(answer) }).toMatchObject(problem);
    expect(drafts).toEqual([]);
  });

  it.each([['{}'], ['{"payload":{"type":2,"index":"aa"}}'], ['{'.repeat(100)]])(
    'says that %j under another type looks like JSON',
    async (body) => {
      const answer = await post(api, body, 'text/plain');
      expect(answer.status).toBe(400);
      expect(errorOf(answer).message).toBe(
        'The body looks like JSON; send it with Content-Type application/json.',
      );
    },
  );

  it('refuses JSON that is larger than any message', async () => {
    const answer = await post(api, '{}'.padEnd(maxBodyBytes + 1), json);
    expect({ status: answer.status, ...errorOf(answer) }).toMatchObject({
      status: 413,
      reason: 'request_too_large',
    });
  });
});

describe('the outcome of an attach', () => {
  it.each([
    [refusal('rejected', 'PARENTS_NOT_SORTED'), 400, 'parents_not_sorted'],
    [refusal('rejected', 'PARENT_UNKNOWN'), 400, 'parent_unknown'],
    [refusal('rejected', 'MESSAGE_TOO_LARGE'), 413, 'message_too_large'],
    [refusal('rejected', 'POW_TOO_HARD'), 400, 'pow_too_hard'],
    [refusal('busy', 'POW_BUSY'), 503, 'pow_busy'],
    [refusal('busy', 'DISK_FULL'), 503, 'disk_full'],
  ])('becomes a problem: %j', async (outcome, status, reason) => {
    answerWith = () => Promise.resolve(outcome);
    const answer = await post(api, '{}', json);
    expect({ status: answer.status, ...errorOf(answer) }).toMatchObject({ status, reason });
    expect(answer.headers['retry-after'] !== undefined).toBe(status === 503);
  });

  it('says when to come back, if the node knows', async () => {
    answerWith = () => Promise.resolve(refusal('busy', 'POW_BUSY', { retryAfterSeconds: 42 }));
    expect((await post(api, '{}', json)).headers['retry-after']).toBe('42');
  });

  it('hides what went wrong inside', async () => {
    answerWith = () => Promise.reject(new Error('secret'));
    const answer = await post(api, '{}', json);
    expect(answer.status).toBe(500);
    expect(errorOf(answer).reason).toBe('internal');
    expect(answer.bytes.toString()).not.toContain('secret');
  });
});

describe('a client that leaves', () => {
  it('ends all the attaches it waits for, and no other', async () => {
    const signals: AbortSignal[] = [];
    const started = Promise.withResolvers<undefined>();
    const finish = Promise.withResolvers<Outcome>();
    answerWith = (_draft, { signal }) => {
      signals.push(signal);
      if (signals.length === 3) started.resolve(undefined);
      return finish.promise;
    };
    const stays = post(api, '{}', json);
    const leaves = connect(api.port, api.host);
    leaves.write(rawQuestion('{}') + rawQuestion('{}'));
    await started.promise;
    leaves.destroy();
    await Promise.all(signals.slice(1).map((signal) => once(signal, 'abort')));
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true, true]);
    finish.resolve({ kind: 'accepted', id: someId });
    expect((await stays).status).toBe(201);
    expect(signals[0]?.aborted).toBe(false);
  });
});

function transaction(essence: object, unlockBlocks: unknown[] = []): string {
  const payload = { type: 0, essence: { type: 0, inputs: [], outputs: [], ...essence } };
  return JSON.stringify({ payload: { ...payload, unlockBlocks } });
}

function output(amount: number): object {
  return { type: 0, address: { type: 0, address: zeros }, amount };
}

function refusal(kind: 'rejected' | 'busy', code: ErrorCode, details: ErrorDetails = {}): Outcome {
  return { kind, error: new TangleError(code, undefined, { details }) };
}

/** A whole request, for a connection that a test holds itself. */
function rawQuestion(body: string): string {
  const head = ['POST /api/v1/messages HTTP/1.1', 'Host: localhost', `Content-Type: ${json}`];
  return [...head, `Content-Length: ${body.length}`, '', body].join('\r\n');
}

const many = <T>(count: number, make: (position: number) => T): T[] =>
  Array.from({ length: count }, (_, position) => make(position));
const bytes = (length: number, first = 0xff): Uint8Array =>
  new Uint8Array(length).fill(0xff).fill(first, 0, 1);

/** A transaction that fills a message to the last byte and is the longest JSON a message can be. */
function largestAsJson(): Message {
  return {
    networkId: 2n ** 64n - 1n,
    parents: many(8, (position) => asMessageId(bytes(32, position))),
    payload: {
      type: 0,
      essence: {
        inputs: many(maxInputs, (position) => ({
          transactionId: bytes(32, position),
          outputIndex: 126,
        })),
        outputs: many(maxOutputs, (position) => ({
          type: 1,
          address: bytes(32, position),
          amount: tokenSupply / BigInt(maxOutputs),
        })),
        payload: { type: 2, index: bytes(64), data: bytes(10_177) },
      },
      unlockBlocks: many(maxInputs, (position) => ({
        type: 0,
        publicKey: bytes(32, position),
        signature: bytes(64),
      })),
    },
    nonce: 2n ** 64n - 1n,
  };
}
