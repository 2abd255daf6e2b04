// One HTTP request and its answer. Not by fetch, which gives up when the first byte of an answer takes five
// minutes: a large message may be mined longer than that.
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { readAtMost } from './bounded.ts';
import { eventData } from './server-events.ts';
import { connectTls } from './tls-socket.ts';

export interface Question {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** JSON. */
  readonly body?: string;
  /** Longest time from here to the end of the answer; any when absent. */
  readonly timeoutMs?: number;
  /** Longest time until the node has taken the connection, TLS included. */
  readonly connectMs?: number | undefined;
  /** Shows who asks. */
  readonly token?: string;
  readonly signal?: AbortSignal;
  /** PEM of certificates that are trusted beside the usual ones. */
  readonly trusted?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Parsed JSON; undefined when it is none, or is larger than `maxAnswerBytes`. */
  readonly body: unknown;
}

/** Far above any answer of a node: the largest is a list of 1000 ids, or a message of 32 KiB in hex. */
export const maxAnswerBytes = 1024 * 1024;

/** Nodes write a comment every 15 s. */
const maxSilenceMs = 60_000;

/** However long the answer may take: a node takes connections at once. */
const maxConnectMs = 10_000;

/** Throws what node:http does, and errors in words for a node that says nothing. */
export async function exchange(url: URL, question: Question): Promise<Answer> {
  const { timeoutMs } = question;
  if (timeoutMs === undefined) return wholeAnswer(await responseTo(url, question));
  const tooLate = AbortSignal.timeout(timeoutMs);
  try {
    return await wholeAnswer(await responseTo(url, { ...question, signal: tooLate }));
  } catch (error) {
    throw tooLate.aborted ? notWithin('answered nothing', timeoutMs, error) : error;
  }
}

/**
 * The data of the server-sent events of an answer, JSON that is parsed. Ends with it, also where it breaks off, is silent for
 * longer than a node is, or is no such answer: whoever needs more asks in another way.
 */
export async function* listen(
  url: URL,
  question: Pick<Question, 'signal' | 'trusted' | 'connectMs'>,
): AsyncGenerator {
  try {
    const response = await openAnswer(url, { method: 'GET', ...question });
    for await (const text of eventData(response.setEncoding('utf8'))) yield JSON.parse(text);
  } catch {
    // Says no more than the end does.
  }
}

/** The answer itself, of whatever length; it ends when the node falls silent. Throws what node:http does. */
export async function openAnswer(url: URL, question: Question): Promise<IncomingMessage> {
  const response = await responseTo(url, question, maxSilenceMs);
  response.setTimeout(maxSilenceMs, () => response.destroy(silent()));
  return response;
}

/** Of an answer that was opened and turns out to be small. */
export async function wholeAnswer(response: IncomingMessage): Promise<Answer> {
  const bytes = await readAtMost(response, maxAnswerBytes);
  const { statusCode = 0, headers } = response;
  return { status: statusCode, retryAfter: headers['retry-after'], body: parsed(bytes) };
}

async function responseTo(url: URL, question: Question, silenceMs = 0): Promise<IncomingMessage> {
  const { method, body, token, signal } = question;
  const socket = await connectTo(url, question);
  const giveUp = (): unknown => socket.destroy(silent());
  socket.setTimeout(silenceMs, giveUp);
  const options: RequestOptions = {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    signal,
    createConnection: () => socket,
  };
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    request(url, options, (response) => {
      socket.off('timeout', giveUp);
      resolve(response);
    })
      .on('error', reject)
      .end(body);
  });
}

async function connectTo(
  url: URL,
  { trusted, signal, connectMs = maxConnectMs }: Question,
): Promise<Socket> {
  const tooLate = AbortSignal.timeout(connectMs);
  const ends = { signal: AbortSignal.any([tooLate, ...(signal === undefined ? [] : [signal])]) };
  try {
    return url.protocol === 'https:'
      ? await connectTls(url, { trusted, ...ends })
      : await connectPlain(url, ends);
  } catch (error) {
    throw tooLate.aborted ? notWithin('took no connection', connectMs, error) : error;
  }
}

async function connectPlain(
  { hostname, port }: URL,
  ends: { readonly signal: AbortSignal },
): Promise<Socket> {
  const socket = connect(Number(port || 80), hostname.replaceAll(/[[\]]/g, ''));
  try {
    await once(socket, 'connect', ends);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

const silent = (): Error => new Error('it fell silent');

function notWithin(what: string, timeMs: number, cause: unknown): Error {
  return new Error(`it ${what} within ${timeMs / 1000} s`, { cause });
}

function parsed(bytes: Uint8Array | undefined): unknown {
  try {
    return bytes && JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
