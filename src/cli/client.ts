// The few routes of a node's API that commands call.
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import { TangleError } from '../errors.ts';
import { escapeLine } from './escape.ts';
import { exchange, listen, openAnswer, wholeAnswer } from './exchange.ts';
import type { Answer, Question } from './exchange.ts';
import type { NodePlace } from './node-url.ts';
import { programWords } from './program.ts';
import {
  envelopeSchema,
  errorSchema,
  foundSchema,
  jobSchema,
  messageSchema,
  submittedSchema,
} from './replies.ts';
import type { FoundReply, JobReply, MessageReply } from './replies.ts';

const cancelTimeoutMs = 5_000;

/** How long a node may keep a command waiting, where it has nothing to work out. */
export interface Patience {
  /** The default of `exchange` when absent. */
  readonly connectMs?: number;
  readonly answerMs: number;
  /** For the work of one message; `defaultMineMs` when absent. */
  readonly mineMs?: number;
}

const patience: Patience = { answerMs: 30_000 };

/** A node gives up after ten minutes by default; its owner may let it mine for longer. */
export const defaultMineMs = 60 * 60_000;

/** Every call throws NODE_UNREACHABLE or NODE_REFUSED. */
export interface NodeClient {
  /** Takes as long as the node mines, up to a limit. Returns the message id. */
  attach(indexHex: string, dataHex: string): Promise<string>;
  /** The same as a job, that runs or has ended; undefined when the node knows no jobs. */
  startJob(indexHex: string, dataHex: string): Promise<JobReply | undefined>;
  job(jobId: string): Promise<JobReply>;
  /** Its states as they come. Ends when the job does, but may end before. */
  jobEvents(jobId: string, signal: AbortSignal): AsyncGenerator<JobReply>;
  /** A node that cannot be told is let be. */
  cancelJob(jobId: string): Promise<void>;
  message(id: string): Promise<MessageReply>;
  /** The newest ids under an index. */
  find(indexHex: string): Promise<FoundReply>;
}

export function makeNodeClient(
  { root, trusted }: NodePlace,
  { connectMs, answerMs, mineMs = defaultMineMs }: Patience = patience,
): NodeClient {
  const base = `${root}/api`;
  const routeOf = (path: string): URL => new URL(`${base}/v1/${path}`);
  const jobUrl = (path = ''): URL => new URL(`${base}/midge/v1/attach${path}`);
  const known = { trusted, connectMs };
  const read: Question = { method: 'GET', timeoutMs: answerMs, ...known };
  const post = (index: string, data: string): Question => {
    const body = JSON.stringify({ payload: { type: 2, index, data } });
    return { method: 'POST', body, ...known };
  };
  return {
    message: (id) => ask(routeOf(`messages/${id}`), read, messageSchema),
    find: (indexHex) => ask(routeOf(`messages?index=${indexHex}`), read, foundSchema),
    attach: async (index, data) => {
      const question: Question = { ...post(index, data), timeoutMs: mineMs };
      const { messageId } = await ask(routeOf('messages'), question, submittedSchema);
      return messageId;
    },
    startJob: (index, data) => {
      const question: Question = { ...post(index, data), timeoutMs: answerMs };
      return ask(jobUrl(), question, jobSchema).catch(undefinedFor404);
    },
    job: (jobId) => ask(jobUrl(`/${jobId}`), read, jobSchema),
    jobEvents: async function* (jobId, signal) {
      for await (const job of listen(jobUrl(`/${jobId}/events`), { signal, ...known })) {
        if (Check(jobSchema, job)) yield job;
      }
    },
    cancelJob: async (jobId) => {
      const question: Question = { method: 'DELETE', timeoutMs: cancelTimeoutMs, ...known };
      await exchange(jobUrl(`/${jobId}`), question).catch(() => undefined);
    },
  };
}

function undefinedFor404(error: unknown): undefined {
  if (error instanceof TangleError && error.details['status'] === 404) return undefined;
  throw error;
}

/** What an answer holds, which must fit the schema. Throws NODE_UNREACHABLE, NODE_REFUSED. */
export async function ask<Schema extends TSchema>(
  url: URL,
  question: Question,
  schema: Schema,
): Promise<Static<Schema>> {
  const answer = await exchange(url, question).catch((error: unknown) => {
    throw unreachable(url, error);
  });
  const { status, body } = answer;
  if (status < 200 || status > 299) throw refusal(answer);
  // 204 says all there is to say.
  const data = Check(envelopeSchema, body) ? body.data : status === 204 ? null : undefined;
  if (Check(schema, data)) return data;
  throw new TangleError(
    'NODE_REFUSED',
    `What answers at ${url.href} does not do so as a node does.`,
  );
}

/** What an answer of any length holds, piece by piece. Throws NODE_UNREACHABLE, NODE_REFUSED, also on the way. */
export async function download(url: URL, question: Question): Promise<AsyncIterable<Uint8Array>> {
  const response = await openAnswer(url, question).catch((error: unknown) => {
    throw unreachable(url, error);
  });
  if (response.statusCode !== 200) throw refusal(await wholeAnswer(response));
  return piecesOf(url, response);
}

async function* piecesOf(
  url: URL,
  response: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* response;
  } catch (error) {
    throw unreachable(url, error);
  }
}

function unreachable({ origin }: URL, error: unknown): TangleError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const why = (error instanceof Error && error.message) || code || String(error);
  const message =
    code === 'ECONNREFUSED'
      ? `No node answers at ${origin}: start one with "${programWords().replace(/ --$/, '')}", or name another with --node URL.`
      : `The node at ${origin} gave no answer: ${escapeLine(why)}.`;
  return new TangleError('NODE_UNREACHABLE', message, { cause: error });
}

function refusal({ status, retryAfter, body }: Answer): TangleError {
  if (!Check(errorSchema, body)) {
    const sentence = `The node answered with HTTP status ${status}.`;
    return new TangleError('NODE_REFUSED', sentence, { details: { status } });
  }
  const { message, reason } = body.error;
  const label = reason === undefined ? `HTTP ${status}` : `HTTP ${status}, ${reason}`;
  const when = /^\d+$/.test(retryAfter ?? '') ? ` Try again in ${retryAfter} s.` : '';
  const sentence = escapeLine(`${message} (${label})`) + when;
  return new TangleError('NODE_REFUSED', sentence, { details: { status } });
}
