// A whole network in one process, on a clock moved by hand. Every run is decided by its seed: SIM_SEED=n repeats
// one, SIM_NODES=n makes it larger or smaller.
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { messageIdHex } from '../../src/protocol/ids.ts';
import { decodeMessage } from '../../src/protocol/codec.ts';
import { SimNode } from './node.ts';
import { World } from './world.ts';
import type { Weather } from './world.ts';

const seed = Number(process.env['SIM_SEED'] ?? randomInt(2 ** 31));
const nodeCount = Number(process.env['SIM_NODES'] ?? 50);

const mild: Weather = { loss: 0.02, repeats: 0.1, maxDelayMs: 200, breaks: 0.1 };
const stormy: Weather = { loss: 0.2, repeats: 0.1, maxDelayMs: 800, breaks: 0.1 };

function join(a: SimNode, b: SimNode): void {
  if (a === b || a.neighbours.includes(b)) return;
  a.neighbours.push(b);
  b.neighbours.push(a);
}

/** A ring, so that all hang together, and some chords. */
function aNetwork(count: number, world: World): SimNode[] {
  const nodes = Array.from({ length: count }, (_, number) => new SimNode(number, world));
  for (const node of nodes) {
    join(node, nodes[(node.number + 1) % count]!);
    join(node, world.chance.pick(nodes));
  }
  return nodes;
}

/** Half a minute of messages, restarts and a split network. Returns the ids that were answered with 201. */
async function live(nodes: readonly SimNode[], world: World): Promise<string[]> {
  const attached: string[] = [];
  for (let second = 0; second < 30; second++) {
    world.isSplit = second >= 10 && second < 20;
    for (let n = 0; n < 5; n++) {
      const id = await world.chance.pick(nodes).attach(`message ${second} ${n}`);
      if (id !== undefined) attached.push(messageIdHex(id));
      await world.advance(200);
    }
    const node = world.chance.pick(nodes);
    await (node.isUp && world.chance.is(0.7) ? node.stop() : start(node));
  }
  for (const node of nodes) await start(node);
  return attached;
}

async function start(node: SimNode): Promise<void> {
  if (!node.isUp) await node.start();
}

async function logOf({ store }: SimNode): Promise<string[]> {
  const log = await store.readLog({ fromSeq: 1, limit: Infinity, maxBytes: Infinity });
  return log.map(({ id }) => messageIdHex(id));
}

/** At most six hours in which nothing new comes, the weather as before: what nobody had is asked for every ten minutes. */
async function calm(nodes: readonly SimNode[], world: World, count: number): Promise<void> {
  const isDone = (): boolean =>
    nodes.every(
      ({ store, pendingCount }) =>
        pendingCount === 0 && (store.messageCount === count || !world.hasCatchUp),
    );
  for (let second = 0; second < 21_600 && !isDone(); second++) await world.advance(1_000);
}

async function run(runSeed: number, count: number, hasCatchUp = true) {
  const world = new World(runSeed, stormy);
  world.hasCatchUp = hasCatchUp;
  const nodes = aNetwork(count, world);
  for (const node of nodes) await node.start();
  const attached = await live(nodes, world);
  await calm(nodes, world, attached.length);
  const logs = await Promise.all(nodes.map(logOf));
  const tookMs = world.now();
  const pending = nodes.map(({ pendingCount }) => pendingCount);
  for (const node of nodes) await node.stop();
  return { nodes, attached, logs, pending, tookMs };
}

interface Memory {
  readonly maxParentAgeMs: number;
  /** The time between two messages: of the first hundred, and of the next fifty. */
  readonly everyMs: readonly [number, number];
  /** What passes before they prune. */
  readonly restMs: number;
  /** Nothing younger is pruned. */
  readonly minAgeMs: number;
}

const ample: Memory = {
  maxParentAgeMs: 60_000,
  everyMs: [500, 3_000],
  restMs: 0,
  minAgeMs: 120_000,
};
/** As where the size of the store asks for more than may go. */
const scarce: Memory = {
  maxParentAgeMs: 900_000,
  everyMs: [200, 200],
  restMs: 10_000,
  minAgeMs: 0,
};

/** Nodes forget their oldest messages, each as many as it likes; then one comes late, and is stopped on the way. */
async function runPruned(runSeed: number, count: number, memory: Memory) {
  const world = new World(runSeed, mild, memory);
  const nodes = aNetwork(count, world);
  for (const node of nodes) await node.start();
  const old: string[] = [];
  for (let n = 0; n < 150; n++) {
    const id = await world.chance.pick(nodes).attach(`old ${n}`);
    if (id !== undefined) old.push(messageIdHex(id));
    await world.advance(memory.everyMs[n < 100 ? 0 : 1]);
  }
  await calm(nodes, world, old.length);
  await world.advance(memory.restMs);
  for (const node of nodes) {
    await node.prune(world.chance.between(30, old.length), memory.minAgeMs);
  }
  const late = new SimNode(count, world);
  for (let n = 0; n < 3; n++) join(late, world.chance.pick(nodes));
  const all = [...nodes, late];
  const fresh: string[] = [];
  for (let second = 0; second < 40; second++) {
    const id = await world.chance.pick(nodes).attach(`late ${second}`);
    if (id !== undefined) fresh.push(messageIdHex(id));
    await (late.isUp && world.chance.is(0.3) ? late.stop() : start(late));
    await world.advance(1_000);
  }
  await start(late);
  await world.advance(600_000);
  const logs = await Promise.all(all.map(logOf));
  const entryPoints = await late.store.readEntryPoints({ limit: Infinity });
  const pending = await Promise.all(all.map(({ store }) => store.readPending({ limit: Infinity })));
  for (const node of all) await node.stop();
  return { all, late, old, fresh, logs, pending: pending.flat(), entryPoints };
}

describe('a network whose nodes have pruned', () => {
  it(`gives a node that comes late all that one of its neighbours has, and what comes to all (SIM_SEED=${seed})`, async () => {
    const { all, late, old, fresh, logs, pending, entryPoints } = await runPruned(seed, 20, ample);
    expect(fresh).toHaveLength(40);
    // They have pruned, and not all the same.
    expect(new Set(all.map(({ store }) => store.cutSeq)).size).toBeGreaterThan(5);
    for (const log of logs) expect(log).toEqual(expect.arrayContaining(fresh));
    expect(logs[0]!.length).toBeLessThanOrEqual(old.length + fresh.length);
    // It begins where the log of the first one begins that it asked; of others it wants what is newer.
    const setOf = ({ number }: SimNode): string => logs[number]!.toSorted().join();
    expect(late.neighbours.map(setOf)).toContain(setOf(late));
    // What somebody has pruned and others send again may wait there for ever, but nothing new does.
    const waiting = pending.map(({ id }) => messageIdHex(id)).filter((id) => fresh.includes(id));
    expect(waiting).toEqual([]);
    expect(entryPoints.filter(({ isHeld }) => isHeld)).toEqual([]);
    expect(all.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('builds on nothing that was pruned and comes again, also where the disk asked for more than may go', async () => {
    // With this seed a node was sent what it had pruned, and offered that as a tip.
    const { fresh, logs } = await runPruned(861_789_485, 20, scarce);
    for (const log of logs) expect(log).toEqual(expect.arrayContaining(fresh));
  });
});

describe('a network that loses, delays, reorders, repeats, splits and restarts', () => {
  it(`holds the same messages everywhere in the end (SIM_SEED=${seed})`, async () => {
    const { nodes, attached, logs, pending } = await run(seed, nodeCount);
    expect(attached.length).toBeGreaterThan(50);
    for (const log of logs) expect(log.toSorted()).toEqual(attached.toSorted());
    expect(new Set(pending)).toEqual(new Set([0]));
    expect(nodes.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it(`finds every missing parent by asking, where nobody speaks catch-up (SIM_SEED=${seed})`, async () => {
    const { nodes, attached, logs, pending } = await run(seed, 20, false);
    expect(new Set(pending)).toEqual(new Set([0]));
    // What was lost on all ways and no later message names, nobody can miss.
    for (const log of logs) expect(log.length).toBeGreaterThan(attached.length / 2);
    expect(nodes.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it(`has every message behind its parents in every log (SIM_SEED=${seed})`, async () => {
    const { nodes } = await run(seed, 8);
    for (const { store } of nodes) {
      const log = await store.readLog({ fromSeq: 1, limit: Infinity, maxBytes: Infinity });
      const early = log.filter(({ seq, bytes }) =>
        decodeMessage(bytes).parents.some((id) => (store.get(id)?.seq ?? 0) >= seq),
      );
      expect(early).toEqual([]);
    }
  });

  it(`does the same again for the same seed (SIM_SEED=${seed})`, async () => {
    const [first, second] = [await run(seed, 8), await run(seed, 8)];
    expect(second.logs).toEqual(first.logs);
    expect(second.tookMs).toBe(first.tookMs);
    const other = await run(seed + 1, 8);
    expect(other.logs).not.toEqual(first.logs);
  });
});
