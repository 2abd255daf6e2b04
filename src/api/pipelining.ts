// How many requests a client may send on one connection without waiting for the answers.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** No browser, no proxy and no client of the field sends more than one. */
export const maxPipelined = 16;

/**
 * An `onRequest` hook, before all that do work. Node reads up to 64 KiB of requests at once and starts all of them
 * before it looks whether anybody reads answers: 40 connections with 500 searches each took 300 MB. Beyond the limit
 * the connection is ended, and what else had been read from it is dropped.
 */
export function makePipelineLimit() {
  /** Those that were not closed when the last one came: no listener, which every request would pay for. */
  const unclosed = new WeakMap<Socket, readonly ServerResponse[]>();
  return ({ raw: { socket } }: FastifyRequest, { raw }: FastifyReply, done: () => void): void => {
    if (socket.destroyed) return;
    const earlier = (unclosed.get(socket) ?? []).filter(({ closed }) => !closed);
    unclosed.set(socket, [...earlier, raw]);
    if (earlier.length >= maxPipelined) socket.destroy();
    else done();
  };
}
