// Who is next: a bounded queue that is fair between clients in hashes, not in requests. Pure.
import assert from 'node:assert/strict';

/** What the queue must know of a job. */
export interface Claim {
  readonly client: string;
  /** Expected hashes. */
  readonly cost: number;
}

interface Client<Job> {
  /** Its use: hashes that were given to it, on the scale of `FairQueue.#shareSoFar`. */
  use: number;
  readonly waiting: Job[];
  running: number;
}

/**
 * Weighted fair queueing with equal weights. Were the machine shared out evenly at every instant,
 * each client would have had so many hashes by now: that is the share so far. A client's first job
 * begins at the share so far, the next where the one before ends, and the job that would end first
 * is next. So who comes rarely is served soon, who asks for much gets what others leave, and no job
 * is overtaken for ever.
 */
export class FairQueue<Job extends Claim> {
  readonly #limit: number;
  readonly #clients = new Map<string, Client<Job>>();
  #shareSoFar = 0;
  #size = 0;
  #hashes = 0;

  /** `limit`: jobs that may wait, at least one. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Expected hashes of all that wait. */
  get hashes(): number {
    return this.#hashes;
  }

  /** Clients it remembers: those with jobs, and those who are ahead of the others. */
  get clientCount(): number {
    return this.#clients.size;
  }

  /**
   * The job that has to go before this one can be added: none, this one, or the last one of the
   * client that would have most, if the one who asks would have less.
   */
  loserTo(job: Job): Job | undefined {
    return this.#size < this.#limit ? undefined : this.#lastOfGreediest(job);
  }

  add(job: Job): void {
    assert(this.#size < this.#limit);
    const client = this.#clientOf(job);
    if (client.waiting.length === 0) client.use = Math.max(client.use, this.#shareSoFar);
    client.waiting.push(job);
    this.#size += 1;
    this.#hashes += job.cost;
  }

  /** Takes out the next job, which is running from now on until `end`. */
  next(): Job | undefined {
    const [job] = this.inOrder();
    if (job === undefined) return undefined;
    const client = this.#clientOf(job);
    this.#takeOut(client, job);
    client.use += job.cost;
    client.running += 1;
    this.#shareSoFar += job.cost / this.#activeCount();
    return job;
  }

  /** For one that waits; whoever leaves the queue has used nothing. */
  remove(job: Job): void {
    this.#takeOut(this.#clientOf(job), job);
    this.#forget();
  }

  /** For one that ran. What it did not use of its cost counts as not asked for. */
  end(job: Job, unusedHashes: number): void {
    const client = this.#clientOf(job);
    assert(client.running > 0 && unusedHashes >= 0);
    client.running -= 1;
    client.use -= unusedHashes;
    this.#forget();
  }

  /** Those that wait, next first. */
  inOrder(): Job[] {
    const ends = [...this.#clients.values()].flatMap(({ use, waiting }) => {
      let end = use;
      return waiting.map((job) => ({ job, end: (end += job.cost) }));
    });
    return ends.toSorted((a, b) => a.end - b.end).map(({ job }) => job);
  }

  /** Expected hashes of those that wait and would be served before this one if it came now. */
  hashesAhead(claim: Claim): number {
    const useAfter = this.#useAfter(claim);
    let ahead = 0;
    for (const { use, waiting } of this.#clients.values()) {
      let end = use;
      for (const { cost } of waiting) if ((end += cost) <= useAfter) ahead += cost;
    }
    return ahead;
  }

  #lastOfGreediest(asking: Job): Job {
    let most = this.#useAfter(asking);
    let last = asking;
    for (const [name, { use, waiting }] of this.#clients) {
      const job = waiting.at(-1);
      const wanted = use + sumOf(waiting);
      if (job === undefined || wanted <= most || name === asking.client) continue;
      most = wanted;
      last = job;
    }
    return last;
  }

  /** The use of a client if it were given all it waits for, and this. */
  #useAfter({ client: name, cost }: Claim): number {
    const { use = 0, waiting = [] } = this.#clients.get(name) ?? {};
    return (waiting.length === 0 ? Math.max(use, this.#shareSoFar) : use) + sumOf(waiting) + cost;
  }

  #clientOf({ client: name }: Claim): Client<Job> {
    const client = this.#clients.get(name) ?? { use: 0, waiting: [], running: 0 };
    this.#clients.set(name, client);
    return client;
  }

  #takeOut({ waiting }: Client<Job>, job: Job): void {
    const index = waiting.indexOf(job);
    assert(index !== -1);
    waiting.splice(index, 1);
    this.#size -= 1;
    this.#hashes -= job.cost;
  }

  #activeCount(): number {
    return [...this.#clients.values()].filter((client) => isActive(client)).length;
  }

  /** Whoever has no job and no more than the share so far is like one who never came. */
  #forget(): void {
    if (this.#activeCount() === 0) {
      this.#clients.clear();
      this.#shareSoFar = 0;
      return;
    }
    for (const [name, client] of this.#clients) {
      if (!isActive(client) && client.use <= this.#shareSoFar) this.#clients.delete(name);
    }
  }
}

function isActive({ waiting, running }: Client<Claim>): boolean {
  return waiting.length > 0 || running > 0;
}

function sumOf(claims: readonly Claim[]): number {
  return claims.reduce((sum, { cost }) => sum + cost, 0);
}
