// Ends a long request early: when its client leaves, or when the server stops.
import type { FastifyReply } from 'fastify';

/**
 * Aborted when the connection closes before the answer is written. Not Fastify's `request.signal`: that
 * one listens to the request, which closes as soon as its body is read (seen with Fastify 5.12.8).
 */
export function interruptOf({ raw: response }: FastifyReply, stopping: AbortSignal): AbortSignal {
  const leaving = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) leaving.abort();
  });
  return AbortSignal.any([leaving.signal, stopping]);
}
