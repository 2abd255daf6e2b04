// One HTTP request and its answer. Not by fetch, which gives up when the first byte of an answer takes five
// minutes: a large message may be mined longer than that.
import { request as requestHttp } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { readAtMost } from './bounded.ts';

export interface Question {
  readonly method: 'GET' | 'POST';
  /** JSON. */
  readonly body?: string;
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Parsed JSON; undefined when it is none, or is larger than `maxAnswerBytes`. */
  readonly body: unknown;
}

/** Far above any answer of a node: the largest is a list of 1000 ids, or a message of 32 KiB in hex. */
export const maxAnswerBytes = 1024 * 1024;

/** Throws what node:http does. */
export async function exchange(url: URL, question: Question): Promise<Answer> {
  const response = await responseTo(url, question);
  const bytes = await readAtMost(response, maxAnswerBytes);
  const { statusCode = 0, headers } = response;
  return { status: statusCode, retryAfter: headers['retry-after'], body: parsed(bytes) };
}

function responseTo(url: URL, { method, body, timeoutMs }: Question): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const options: RequestOptions = {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    signal: timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs),
  };
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
