// Random sequences of attach, arrive (in any order), pin, unpin, prune, sweep and restart on a real door and a real store, against
// a model in memory that knows only the rules. A failure prints its seed and the shortest sequence.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TangleError } from '../../src/errors.ts';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import { eventually } from '../support/eventually.ts';
import { aFolder } from '../support/folder.ts';
import { aMessage } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { openTestTangle } from '../support/tangle.ts';
import type { TestTangle } from '../support/tangle.ts';

const runs = Number(process.env['MODEL_RUNS'] ?? 15);
const genesisKey = messageIdHex(genesisId);
const indexes = ['red', 'green', 'blue'];

interface Made extends TestMessage {
  readonly key: string;
  readonly parentKeys: readonly string[];
  readonly index: string;
}

/** What must be true, by the rules alone. */
class Model {
  readonly made: Made[] = [];
  /** Seqs of what is stored, by id. */
  readonly live = new Map<string, number>();
  /** Solid though it is not stored: the newest child that names it. */
  readonly points = new Map<string, number>([[genesisKey, 0]]);
  /** Ids of the parents that each waits for. */
  readonly waiting = new Map<string, Set<string>>();
  /** Ids and indexes. */
  readonly pinned = new Set<string>();
  /** Seqs of what was pruned and can be read, because it is pinned. It is no parent for that. */
  readonly kept = new Map<string, number>();
  cutSeq = 0;

  isPinned({ key, index }: Made): boolean {
    return this.pinned.has(key) || this.pinned.has(index);
  }

  seqOf(key: string): number | undefined {
    return this.live.get(key) ?? this.kept.get(key);
  }

  unpin(name: string): void {
    this.pinned.delete(name);
    for (const key of this.kept.keys()) if (!this.isPinned(this.get(key))) this.kept.delete(key);
  }

  isSolid(key: string): boolean {
    return this.live.has(key) || this.points.has(key);
  }

  get(key: string): Made {
    return this.made.find((one) => one.key === key)!;
  }

  /** Takes one in; returns the ids that become solid by it. */
  arrive(message: Made): Set<string> {
    const solid = new Set<string>();
    if (this.isSolid(message.key) || this.waiting.has(message.key)) return solid;
    const missing = message.parentKeys.filter((key) => !this.isSolid(key));
    if (missing.length > 0) this.waiting.set(message.key, new Set(missing));
    else this.solidify(message.key, solid);
    return solid;
  }

  solidify(first: string, solid: Set<string>): void {
    const next = [first];
    for (let key = next.shift(); key !== undefined; key = next.shift()) {
      this.waiting.delete(key);
      solid.add(key);
      for (const [child, missing] of this.waiting) {
        if (!missing.delete(key) || missing.size > 0) continue;
        const isWhole = this.get(child).parentKeys.every(
          (one) => this.isSolid(one) || solid.has(one),
        );
        // A parent was pruned while it waited for another.
        if (isWhole) next.push(child);
        else this.waiting.delete(child);
      }
    }
  }

  store(key: string, seq: number): void {
    this.live.set(key, seq);
    this.kept.delete(key);
    for (const parent of this.get(key).parentKeys) {
      const before = this.points.get(parent);
      if (before !== undefined) this.points.set(parent, Math.max(before, seq));
    }
  }

  prune(cutSeq: number): void {
    this.cutSeq = cutSeq;
    const newestChild = new Map<string, number>();
    for (const [key, seq] of this.live) {
      for (const parent of this.get(key).parentKeys) {
        newestChild.set(parent, Math.max(seq, newestChild.get(parent) ?? 0));
      }
    }
    for (const [key, seq] of this.live) {
      if (seq > cutSeq) continue;
      this.live.delete(key);
      if (this.isPinned(this.get(key))) this.kept.set(key, seq);
      this.points.set(key, newestChild.get(key) ?? 0);
    }
    for (const [key, neededSeq] of this.points) if (neededSeq <= cutSeq) this.points.delete(key);
  }

  restart(): void {
    for (const [key, missing] of this.waiting) {
      missing.clear();
      for (const parent of this.get(key).parentKeys) if (!this.isSolid(parent)) missing.add(parent);
    }
  }
}

interface Real {
  readonly dataDir: string;
  tangle: TestTangle;
}

function make(model: Model, parents: readonly string[], n: number): Made {
  const index = indexes[n % indexes.length]!;
  const ids = [...new Set(parents)].map(
    (key) => Buffer.from(key, 'hex') as unknown as typeof genesisId,
  );
  const message = aMessage({ parents: ids, index, data: `${model.made.length}` });
  const made = {
    ...message,
    key: messageIdHex(message.id),
    parentKeys: [...new Set(parents)],
    index,
  };
  model.made.push(made);
  return made;
}

const pick = <T>(from: readonly T[], n: number): T => from[n % from.length]!;

/** Enters what became solid, in the order that the store gave, parents first. */
function enter(model: Model, { tangle }: Real, solid: ReadonlySet<string>): void {
  const stored = [...solid].map((key) => ({
    key,
    seq: tangle.store.get(model.get(key).id)?.seq ?? 0,
  }));
  for (const { key, seq } of stored.toSorted((a, b) => a.seq - b.seq)) {
    expect(seq, 'became solid').toBeGreaterThan(model.cutSeq);
    model.store(key, seq);
  }
}

async function compare(model: Model, { tangle }: Real): Promise<void> {
  const { store, intake } = tangle;
  expect(store.messageCount).toBe(model.live.size);
  expect(store.cutSeq).toBe(model.cutSeq);
  expect(intake.pendingCount).toBe(model.waiting.size);
  for (const { key, id, bytes, parentKeys } of model.made) {
    const seq = model.seqOf(key);
    const found = store.get(id);
    expect(found?.seq).toBe(seq);
    if (found === undefined || seq === undefined) continue;
    expect(Buffer.compare(found.bytes, bytes)).toBe(0);
    for (const parent of model.live.has(key) ? parentKeys : []) {
      expect(model.live.get(parent) ?? 0, 'parents come first').toBeLessThan(seq);
    }
    const children = model.made.filter(
      (one) => one.parentKeys.includes(key) && (model.seqOf(one.key) ?? 0) > seq,
    );
    expect((await store.childrenOf(id, 10_000)).map(messageIdHex).toSorted()).toEqual(
      children.map((one) => one.key).toSorted(),
    );
  }
  expect(store.pinTotals.keptCount).toBe(model.kept.size);
  const points = await store.readEntryPoints({ limit: 10_000 });
  expect(points.map(({ id }) => messageIdHex(id)).toSorted()).toEqual(
    [...model.points.keys()].toSorted(),
  );
  for (const index of indexes) {
    const { messages: found } = await store.findByIndex(Buffer.from(index), { limit: 10_000 });
    const expected = model.made
      .filter((one) => one.index === index && model.seqOf(one.key) !== undefined)
      .toSorted((a, b) => model.seqOf(b.key)! - model.seqOf(a.key)!);
    expect(found.map(({ id }) => messageIdHex(id))).toEqual(expected.map(({ key }) => key));
  }
}

type Command = fc.AsyncCommand<Model, Real>;

function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real);
      await compare(model, real);
    },
    toString: () => name,
  };
}

const attach = (a: number, b: number): Command =>
  command(`attach(${a}, ${b})`, async (model, real) => {
    const solid = [...model.points.keys(), ...model.live.keys()];
    if (solid.length === 0) return;
    const message = make(model, [pick(solid, a), pick(solid, b)], a + b);
    const { kind } = await real.tangle.intake.submit(message.bytes, 'client');
    expect(kind).toBe('accepted');
    enter(model, real, model.arrive(message));
  });

/** Made elsewhere, on anything; it has not come yet. */
const withhold = (a: number, b: number): Command =>
  command(`withhold(${a}, ${b})`, async (model) => {
    const all = [genesisKey, ...model.made.map(({ key }) => key)];
    make(model, [pick(all, a), pick(all, b)], a);
    await Promise.resolve();
  });

const arrive = (n: number): Command =>
  command(`arrive(${n})`, async (model, real) => {
    if (model.made.length === 0) return;
    const message = pick(model.made, n);
    const wasSolid = model.isSolid(message.key);
    const { kind } = await real.tangle.intake.submit(message.bytes, `peer:${n % 3}`);
    const solid = model.arrive(message);
    expect(kind).toBe(wasSolid ? 'known' : solid.has(message.key) ? 'accepted' : 'pending');
    enter(model, real, solid);
  });

const prune = (n: number): Command =>
  command(`prune(${n})`, async (model, { tangle: { store } }) => {
    const upToSeq = store.cutSeq + (n % Math.max(1, store.lastSeq - store.cutSeq));
    while ((await store.cut({ upToSeq })) !== undefined);
    if (upToSeq > model.cutSeq) model.prune(upToSeq);
  });

/** What came of it, by the code of the error. */
const outcomeOf = (done: Promise<void>): Promise<string> =>
  done.then(
    () => 'done',
    (error: unknown) => (error as TangleError).code,
  );

const pin = (n: number): Command =>
  command(`pin(${n})`, async (model, { tangle: { store } }) => {
    if (model.made.length === 0) return;
    const { key, id } = pick(model.made, n);
    const isThere = model.seqOf(key) !== undefined || model.pinned.has(key);
    const gone = model.points.has(key) ? 'MESSAGE_PRUNED' : 'MESSAGE_NOT_FOUND';
    expect(await outcomeOf(store.pin({ id }, Infinity))).toBe(isThere ? 'done' : gone);
    if (isThere) model.pinned.add(key);
  });

const pinIndex = (n: number): Command =>
  command(`pinIndex(${n})`, async (model, { tangle: { store } }) => {
    const index = pick(indexes, n);
    await store.pin({ indexKey: Buffer.from(index) }, Infinity);
    model.pinned.add(index);
  });

const unpin = (n: number): Command =>
  command(`unpin(${n})`, async (model, { tangle: { store } }) => {
    const names = [...model.pinned, 'red'];
    const name = pick(names, n);
    const target = indexes.includes(name)
      ? { indexKey: Buffer.from(name) }
      : { id: model.get(name).id };
    const expected = model.pinned.has(name) ? 'done' : 'PIN_UNKNOWN';
    expect(await outcomeOf(store.unpin(target))).toBe(expected);
    model.unpin(name);
  });

const sweep = (): Command =>
  command('sweep', async (_, { tangle: { store } }) => {
    while (store.staleIndexCount > 0) await store.compact('index');
  });

const restart = (): Command =>
  command('restart', async (model, real) => {
    await real.tangle[Symbol.asyncDispose]();
    real.tangle = await openTestTangle({ dataDir: real.dataDir });
    model.restart();
    await eventually(() => expect(real.tangle.intake.pendingCount).toBe(model.waiting.size));
  });

const number = fc.nat({ max: 10_000 });
const commands = fc.commands(
  [
    fc.tuple(number, number).map(([a, b]) => attach(a, b)),
    fc.tuple(number, number).map(([a, b]) => withhold(a, b)),
    number.map(arrive),
    number.map(arrive),
    number.map(prune),
    number.map(pin),
    number.map(pinIndex),
    number.map(unpin),
    fc.constant(undefined).map(sweep),
    fc.constant(undefined).map(restart),
  ],
  { maxCommands: 40, size: 'max' },
);

describe('a Tangle', () => {
  it(
    'does what the rules say, whatever comes in whatever order',
    { timeout: 300_000 },
    async () => {
      let done = 0;
      await fc.assert(
        fc.asyncProperty(commands, async (sequence) => {
          await using folder = await aFolder();
          const real: Real = {
            dataDir: folder.path,
            tangle: await openTestTangle({ dataDir: folder.path }),
          };
          try {
            await fc.asyncModelRun(() => ({ model: new Model(), real }), sequence);
          } finally {
            await real.tangle[Symbol.asyncDispose]();
          }
          done += 1;
        }),
        { numRuns: runs },
      );
      expect(done).toBe(runs);
    },
  );
});
