// A question that only the owner of a node may ask.
import type { Static, TSchema } from 'typebox';
import { ask } from './client.ts';
import type { Call } from './command.ts';
import type { Question } from './exchange.ts';
import { nodeOf } from './node-url.ts';
import { ownerTokenOf } from './owner.ts';

const timeoutMs = 30_000;

export type OwnerQuestion = Pick<Question, 'method' | 'body'> & {
  /** Below /api/. */
  readonly path: string;
};

/** Throws USAGE_INVALID without a token, NODE_UNREACHABLE, NODE_REFUSED. */
export function askOwner<Schema extends TSchema>(
  call: Call,
  { path, method, body }: OwnerQuestion,
  schema: Schema,
): Promise<Static<Schema>> {
  const { root, trusted } = nodeOf(call);
  const url = new URL(`${root}/api/${path}`);
  const question: Question = { method, timeoutMs, token: ownerTokenOf(call), trusted };
  return ask(url, body === undefined ? question : { ...question, body }, schema);
}
