// Tells a proxy, or a client that knows several nodes, how much more this one could do.
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface SpareDeps {
  /** From 0, which is nothing, to 1. */
  readonly spare: () => { readonly api: number; readonly pow: number };
}

export const spareHeader = 'x-midge-spare';

type TellSpare = (
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
) => Promise<unknown>;

/** An `onSend` hook: as it is when the answer goes out, which after mining may be seconds later. */
export function makeTellSpare({ spare }: SpareDeps): TellSpare {
  return async (_request, reply, payload) => {
    const { api, pow } = spare();
    void reply.header(spareHeader, `api=${api.toFixed(2)}, pow=${pow.toFixed(2)}`);
    return payload;
  };
}
