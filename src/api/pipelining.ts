// How many requests a client may send on one connection without waiting for the answers.
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
  const waiting = new WeakMap<Socket, number>();
  return ({ raw: { socket } }: FastifyRequest, { raw }: FastifyReply, done: () => void): void => {
    if (socket.destroyed) return;
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    raw.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    if (count > maxPipelined) socket.destroy();
    else done();
  };
}
