import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../src/pow/scheduler.ts';

interface Job {
  readonly client: string;
  readonly cost: number;
}

const job = (client: string, cost = 1): Job => ({ client, cost });

/** As the service does it: the loser leaves, whoever it is. */
function ask(queue: FairQueue<Job>, asking: Job): Job | undefined {
  const loser = queue.loserTo(asking);
  if (loser === asking) return loser;
  if (loser !== undefined) queue.remove(loser);
  queue.add(asking);
  return loser;
}

/** Takes jobs one at a time, each to its end. */
function serve(queue: FairQueue<Job>, count: number): Job[] {
  const served: Job[] = [];
  for (let done = 0; done < count; done++) {
    const next = queue.next();
    if (next === undefined) break;
    served.push(next);
    queue.end(next, 0);
  }
  return served;
}

const clientsOf = (jobs: readonly Job[]): string => jobs.map(({ client }) => client).join('');
const hashesOf = (jobs: readonly Job[], client: string): number =>
  jobs.filter((one) => one.client === client).reduce((sum, { cost }) => sum + cost, 0);

describe('the order', () => {
  it('is that of arrival when nobody has had anything', () => {
    const queue = new FairQueue<Job>(9);
    for (const client of 'abc') ask(queue, job(client));
    expect(clientsOf(serve(queue, 9))).toBe('abc');
  });

  it('alternates between clients, however many jobs one of them has', () => {
    const queue = new FairQueue<Job>(9);
    for (const client of 'aaaabb') ask(queue, job(client));
    expect(clientsOf(serve(queue, 9))).toBe('ababaa');
  });

  it('is fair in hashes: one large job against many small ones', () => {
    const queue = new FairQueue<Job>(99);
    for (let count = 0; count < 3; count++) ask(queue, job('a', 9));
    for (let count = 0; count < 27; count++) ask(queue, job('b', 1));
    const served = serve(queue, 20);
    expect(hashesOf(served, 'a')).toBe(18);
    expect(hashesOf(served, 'b')).toBe(18);
  });

  it('puts a newcomer before the jobs of one who has had much', () => {
    const queue = new FairQueue<Job>(99);
    for (let count = 0; count < 20; count++) ask(queue, job('a'));
    serve(queue, 10);
    ask(queue, job('b'));
    expect(clientsOf(serve(queue, 2))).toContain('b');
  });

  it('lets no job be overtaken for ever by those who come for the first time', () => {
    const queue = new FairQueue<Job>(9);
    ask(queue, job('large', 81));
    for (let count = 0; count < 400; count++) {
      ask(queue, job(`small ${count}`));
      if (serve(queue, 1)[0]?.client === 'large') return;
    }
    expect.unreachable();
  });

  it('gives back what a job did not use', () => {
    const queue = new FairQueue<Job>(9);
    ask(queue, job('a', 5));
    const left = queue.next();
    ask(queue, job('b', 3));
    ask(queue, job('a', 2));
    if (left !== undefined) queue.end(left, 5);
    expect(clientsOf(serve(queue, 2))).toBe('ab');
  });
});

describe('a full queue', () => {
  it('refuses a client that would have as much as the others', () => {
    const queue = new FairQueue<Job>(2);
    for (const client of 'ab') ask(queue, job(client));
    const late = job('c');
    expect(ask(queue, late)).toBe(late);
  });

  it('gives up the last job of the client with most for one with less', () => {
    const queue = new FairQueue<Job>(4);
    const jobs = [job('a'), job('b'), job('a'), job('a')];
    for (const one of jobs) ask(queue, one);
    expect(ask(queue, job('c'))).toBe(jobs[3]);
    expect(queue.size).toBe(4);
  });

  it('does not let a client displace its own jobs', () => {
    const queue = new FairQueue<Job>(2);
    for (const cost of [5, 5]) ask(queue, job('a', cost));
    const small = job('a', 1);
    expect(ask(queue, small)).toBe(small);
  });
});

type Event = { readonly kind: 'ask'; readonly job: Job } | { readonly kind: 'serve' | 'leave' };

const anEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant('ask' as const),
    job: fc.record({
      client: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      cost: fc.constantFrom(1, 3, 9, 27),
    }),
  }),
  fc.record({ kind: fc.constantFrom('serve' as const, 'leave' as const) }),
);

describe('the queue, whatever happens,', () => {
  it('keeps its bound and its sums, loses nobody, and forgets everybody in the end', () => {
    fc.assert(
      fc.property(fc.array(anEvent, { maxLength: 200 }), (events) => {
        const queue = new FairQueue<Job>(5);
        const waiting = new Set<Job>();
        for (const event of events) {
          if (event.kind === 'ask') {
            const loser = ask(queue, event.job);
            waiting.add(event.job);
            if (loser !== undefined) waiting.delete(loser);
          } else if (event.kind === 'serve') {
            for (const served of serve(queue, 1)) waiting.delete(served);
          } else {
            const [leaver] = waiting;
            if (leaver === undefined) continue;
            queue.remove(leaver);
            waiting.delete(leaver);
          }
          expect(queue.size).toBeLessThanOrEqual(5);
          expect(new Set(queue.inOrder())).toEqual(waiting);
          expect(queue.hashes).toBe([...waiting].reduce((sum, { cost }) => sum + cost, 0));
        }
        serve(queue, Infinity);
        expect([queue.size, queue.hashes, queue.clientCount]).toEqual([0, 0, 0]);
      }),
    );
  });

  it('gives clients that always want more the same, but for one job', () => {
    const costs = fc.array(fc.constantFrom(1, 3, 9, 27), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(costs, (costOf) => {
        const queue = new FairQueue<Job>(99);
        const served: Job[] = [];
        for (const [client, cost] of costOf.entries()) ask(queue, job(String(client), cost));
        for (let count = 0; count < 200; count++) {
          for (const { client, cost } of serve(queue, 1)) {
            served.push(job(client, cost));
            ask(queue, job(client, cost));
          }
        }
        const given = costOf.map((_, client) => hashesOf(served, String(client)));
        expect(Math.max(...given) - Math.min(...given)).toBeLessThanOrEqual(Math.max(...costOf));
      }),
    );
  });
});
