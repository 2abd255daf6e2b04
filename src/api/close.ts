// When a request stops wanting its answer.
import type { FastifyReply } from 'fastify';

/**
 * Aborted when the answer is written or its connection is gone. Not Fastify's `request.signal`: that one
 * listens to the request, which closes as soon as its body is read (seen with Fastify 5.12.8).
 */
export function closeOf({ raw: response }: FastifyReply): AbortSignal {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  return closed.signal;
}
