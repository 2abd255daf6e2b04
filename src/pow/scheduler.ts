// Who is next: a bounded queue that is fair between clients in hashes, not in requests. Pure.
import assert from 'node:assert/strict';

/** What the queue must know of a job. */
export interface Claim {
  readonly client: string;
  /** Expected hashes. */
  readonly cost: number;
}

interface Client<Job> {
  /** Its use: where its next job begins, on the scale of `FairQueue.#shareSoFar`. */
  use: number;
  readonly waiting: Job[];
  running: number;
}

/**
 * Fair queueing with equal weights. Had the machine been shared out evenly, each client that has
 * jobs would have had so many hashes by now: that is the share so far. A client's next job begins at
 * the share so far, or where its last one ended if that is more, and the job that ends first is
 * next; of equals, that of the client that was served longest ago. So who comes rarely is served
 * soon, who asks for much gets what others leave, and no job is overtaken for ever.
 */
export class FairQueue<Job extends Claim> {
  readonly #limit: number;
  readonly #clients = new Map<string, Client<Job>>();
  #shareSoFar = 0;
  #size = 0;

  /** `limit`: jobs that may wait, at least one. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Expected hashes of all that wait. */
  get hashes(): number {
    return sumOf([...this.#clients.values()].flatMap(({ waiting }) => waiting));
  }

  /** Clients it remembers: those with jobs, and those who are ahead of the others. */
  get clientCount(): number {
    return this.#clients.size;
  }

  /**
   * The job that has to go before this one can be added: none, this one, or the last one of the
   * client that would have most, if the one who asks would have less.
   */
  loserTo<Asking extends Claim>(asking: Asking): Job | Asking | undefined {
    return this.#size < this.#limit ? undefined : this.#lastOfGreediest(asking);
  }

  add(job: Job): void {
    assert(this.#size < this.#limit);
    const client = this.#clientOf(job);
    if (client.waiting.length === 0) this.#catchUp(client);
    client.waiting.push(job);
    this.#size += 1;
  }

  /** Takes out the next job, which is running from now on until `end`. */
  next(): Job | undefined {
    const [job] = this.inOrder();
    if (job === undefined) return undefined;
    const client = this.#clientOf(job);
    this.#takeOut(client, job);
    client.use += job.cost;
    client.running += 1;
    this.#catchUp(client);
    this.#clients.delete(job.client);
    this.#clients.set(job.client, client); // the map keeps them in the order in which they were served
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
    this.#shareSoFar += (job.cost - unusedHashes) / this.#activeCount();
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

  #lastOfGreediest<Asking extends Claim>(asking: Asking): Job | Asking {
    let most = this.#useAfter(asking);
    let last: Job | Asking = asking;
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
  }

  /** Nobody saves up what others had while it did not ask. */
  #catchUp(client: Client<Job>): void {
    client.use = Math.max(client.use, this.#shareSoFar);
  }

  #activeCount(): number {
    return [...this.#clients.values()].filter((client) => hasJobs(client)).length;
  }

  /** Whoever has no job and no more than the share so far is like one who never came. */
  #forget(): void {
    // When nobody has a job, nobody is owed anything.
    if (this.#activeCount() === 0) {
      this.#clients.clear();
      this.#shareSoFar = 0;
    }
    for (const [name, client] of this.#clients) {
      if (!hasJobs(client) && client.use <= this.#shareSoFar) this.#clients.delete(name);
    }
  }
}

function hasJobs({ waiting, running }: Client<Claim>): boolean {
  return waiting.length > 0 || running > 0;
}

function sumOf(claims: readonly Claim[]): number {
  return claims.reduce((sum, { cost }) => sum + cost, 0);
}
