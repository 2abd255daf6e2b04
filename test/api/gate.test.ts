import { EventEmitter } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { Gate } from '../../src/api/gate.ts';
import { routeLimits } from '../../src/api/limits.ts';
import type { Throughput } from '../../src/api/limits.ts';
import { ask, openTestApi, standIns } from './harness.ts';

/** A request, what was said to it, and its connection. */
function aVisitor(gate: Gate, client?: string) {
  const request = { client } as unknown as FastifyRequest;
  const raw = new EventEmitter();
  const told: string[] = [];
  gate.enter(request, { raw } as unknown as FastifyReply, (error) => {
    told.push(error === undefined ? 'in' : ((error as { code?: string }).code ?? 'failed'));
  });
  return {
    told,
    leave: async () => gate.leave(request, undefined, undefined, () => undefined),
    vanish: async () => raw.emit('close'),
  };
}

const aGate = (limit: Throughput): Gate =>
  new Gate(limit, (request) => (request as unknown as { client?: string }).client);

describe('a gate', () => {
  it('lets one client fill no more than a quarter of the places to wait', async () => {
    const gate = aGate({ atOnce: 1, waiting: 8 });
    const [first, ...waiting] = ['a', 'a', 'a'].map((client) => aVisitor(gate, client));
    expect(aVisitor(gate, 'a').told).toEqual(['ROUTE_QUOTA']);
    const other = aVisitor(gate, 'b');
    expect(other.told).toEqual([]);
    // Who is let in, and who goes away, makes room for another of its client.
    await first!.leave();
    await waiting[1]!.vanish();
    const again = [aVisitor(gate, 'a'), aVisitor(gate, 'a')];
    expect(aVisitor(gate, 'a').told).toEqual(['ROUTE_QUOTA']);
    await waiting[0]!.leave();
    await other.leave();
    await again[0]!.leave();
    expect([other, ...again].map(({ told }) => told)).toEqual([['in'], ['in'], ['in']]);
  });

  it('lets in so many at once, others after them in order, and refuses the rest', async () => {
    const gate = aGate({ atOnce: 2, waiting: 2 });
    const visitors = Array.from({ length: 5 }, () => aVisitor(gate));
    const told = () => visitors.map((visitor) => visitor.told);
    expect(told()).toEqual([['in'], ['in'], [], [], ['ROUTE_BUSY']]);
    await visitors[1]!.leave();
    expect(told()).toEqual([['in'], ['in'], ['in'], [], ['ROUTE_BUSY']]);
    await visitors[0]!.leave();
    expect(told()[3]).toEqual(['in']);
  });

  it('lets in any number of those that leave at once', async () => {
    const count = 20_000;
    const gate = aGate({ atOnce: 1, waiting: count });
    const first = aVisitor(gate);
    const all = Promise.withResolvers<void>();
    let inCount = 0;
    for (let number = 0; number < count; number += 1) {
      const request = {} as FastifyRequest;
      const reply = { raw: new EventEmitter() } as unknown as FastifyReply;
      gate.enter(request, reply, () => {
        inCount += 1;
        if (inCount === count) all.resolve();
        gate.leave(request, undefined, undefined, () => undefined);
      });
    }
    await first.leave();
    await all.promise;
    expect(aVisitor(gate).told).toEqual(['in']);
  });

  it('counts nobody out twice, answered and closed', async () => {
    const gate = aGate({ atOnce: 1, waiting: 2 });
    const [first, second, third] = [aVisitor(gate), aVisitor(gate), aVisitor(gate)];
    await first.leave();
    await first.vanish();
    expect([second.told, third.told]).toEqual([['in'], []]);
  });

  it('forgets who goes away while it waits', async () => {
    const gate = aGate({ atOnce: 1, waiting: 1 });
    const [first, second] = [aVisitor(gate), aVisitor(gate)];
    await second.vanish();
    const third = aVisitor(gate);
    await first.vanish();
    expect([second.told, third.told]).toEqual([[], ['in']]);
  });
});

const isRefused = ({ status }: { readonly status: number }) => status === 503;

describe('lists', () => {
  const { atOnce, waiting } = routeLimits.list;

  it('are read a few at once, whichever they are, and too many are sent away', async () => {
    let [running, most] = [0, 0];
    const full = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const read = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      if (running === atOnce) full.resolve();
      await go.promise;
      running -= 1;
    };
    const store = {
      ...standIns.store,
      findByIndex: async () => {
        await read();
        return { messages: [], goOnBefore: undefined };
      },
      childrenOf: async () => {
        await read();
        return [];
      },
    };
    await using api = await openTestApi({ store });
    const paths = [
      '/api/v1/messages?index=aa',
      '/api/midge/v1/messages?index=aa',
      `/api/v1/messages/${'00'.repeat(32)}/children`,
    ];
    const refused = Promise.withResolvers<void>();
    const asked = Array.from({ length: atOnce + waiting + 3 }, async (_, number) => {
      const answer = await ask(api, {
        method: number % 2 === 0 ? 'GET' : 'HEAD',
        path: paths[number % paths.length]!,
      });
      if (answer.status === 503) refused.resolve();
      return answer;
    });
    await Promise.all([full.promise, refused.promise]);
    const health = await ask(api, { path: '/api/v1/info' });
    expect(health.status).toBe(200);
    go.resolve();
    const answers = await Promise.all(asked);
    expect(answers.filter(isRefused)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(atOnce + waiting);
    expect(most).toBe(atOnce);
    for (const { headers } of answers.filter(isRefused)) expect(headers['retry-after']).toBe('5');
  });
});
