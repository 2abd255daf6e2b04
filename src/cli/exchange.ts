// One HTTP request and its answer. Not by fetch, which gives up when the first byte of an answer takes five
// minutes: a large message may be mined longer than that.
import { request as requestHttp } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { readAtMost } from './bounded.ts';
import { eventData } from './server-events.ts';
import { connectTls } from './tls-socket.ts';

export interface Question {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** JSON. */
  readonly body?: string;
  readonly timeoutMs?: number;
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

/** Throws what node:http does. */
export async function exchange(url: URL, question: Question): Promise<Answer> {
  return wholeAnswer(await responseTo(url, question));
}

/**
 * The data of the server-sent events of an answer, JSON that is parsed. Ends with it, also where it breaks off, is silent for
 * longer than a node is, or is no such answer: whoever needs more asks in another way.
 */
export async function* listen(
  url: URL,
  question: Pick<Question, 'signal' | 'trusted'>,
): AsyncGenerator {
  try {
    const response = await responseTo(url, { method: 'GET', ...question });
    response.setTimeout(maxSilenceMs, () => response.destroy());
    for await (const text of eventData(response.setEncoding('utf8'))) yield JSON.parse(text);
  } catch {
    // Says no more than the end does.
  }
}

/** The answer itself, of whatever length; it ends when the node falls silent. Throws what node:http does. */
export async function openAnswer(url: URL, question: Question): Promise<IncomingMessage> {
  const response = await responseTo(url, question);
  response.setTimeout(maxSilenceMs, () => response.destroy(new Error('it fell silent')));
  return response;
}

/** Of an answer that was opened and turns out to be small. */
export async function wholeAnswer(response: IncomingMessage): Promise<Answer> {
  const bytes = await readAtMost(response, maxAnswerBytes);
  const { statusCode = 0, headers } = response;
  return { status: statusCode, retryAfter: headers['retry-after'], body: parsed(bytes) };
}

async function responseTo(url: URL, question: Question): Promise<IncomingMessage> {
  const { method, body, timeoutMs, token, trusted } = question;
  const signal = timeoutMs === undefined ? question.signal : AbortSignal.timeout(timeoutMs);
  const socket = url.protocol === 'https:' ? await connectTls(url, { trusted, signal }) : undefined;
  const options: RequestOptions = {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    signal,
    ...(socket !== undefined && { createConnection: () => socket }),
  };
  const request = socket === undefined ? requestHttp : requestHttps;
  return new Promise((resolve, reject) => {
    request(url, options, resolve).on('error', reject).end(body);
  });
}

function parsed(bytes: Uint8Array | undefined): unknown {
  try {
    return bytes && JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
