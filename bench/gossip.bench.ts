// How many messages a second go from one process to another: over the gossip layer alone, until they are
// durable in a node, and by catch-up, each against the same bytes over a bare libp2p stream.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { networkIdOf } from '../src/protocol/ids.ts';
import { aFolder } from '../test/support/folder.ts';
import { NodeProcess } from '../test/support/node-process.ts';
import { setup as buildWhatShips } from '../test/support/build.ts';
import type { PeerReport, PeerTask } from './gossip-peer.ts';
import { makeMessages } from './messages.ts';
import { BenchPeer, costOf, untilStored } from './processes.ts';
import type { Cost } from './processes.ts';
import { median } from './table.ts';
import type { Mode, Row } from './table.ts';

const networkName = 'midge-private';
const networkId = networkIdOf(networkName);
const MiB = 1024 * 1024;
/** What `limits.ts` gives the queue of one neighbour. */
const queueBytes = MiB;
/** Beside the data: header, parents, index key and nonce. */
const overheadBytes = 150;
const sizes = [300, 1_024];

interface Plan {
  readonly wireCount: number;
  readonly storedCount: number;
  readonly rounds: number;
}

const plans = {
  full: { wireCount: 300_000, storedCount: 100_000, rounds: 3 },
  smoke: { wireCount: 2_000, storedCount: 500, rounds: 1 },
} satisfies Record<string, Plan>;

interface Pair {
  readonly sender: PeerReport;
  readonly receiver: PeerReport;
}

/** A sender and a receiver, each a process of its own, from its first to its last message. */
async function runPair(
  [sends, receives]: readonly [PeerTask['role'], PeerTask['role']],
  task: Pick<PeerTask, 'count' | 'sizeBytes' | 'file'>,
): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const sender = await startPeer(stack, { ...task, role: sends });
  const receiver = await startPeer(stack, {
    ...task,
    role: receives,
    neighbours: [placeOf(sender)],
  });
  sender.go(receiver.address);
  return { receiver: await receiver.report, sender: await sender.finish() };
}

const bareRoles = ['bare-out', 'bare-in'] as const;
const gossipRoles = ['gossip-out', 'gossip-in'] as const;

async function startPeer(
  stack: AsyncDisposableStack,
  task: Omit<PeerTask, 'dataDir' | 'networkId' | 'neighbours'> &
    Pick<Partial<PeerTask>, 'neighbours'>,
): Promise<BenchPeer> {
  const { path: dataDir } = stack.use(await aFolder());
  const usual = { dataDir, networkId: String(networkId), neighbours: [] };
  return stack.use(await BenchPeer.start({ ...usual, ...task }));
}

/** Lets a peer in that will come by itself. */
const placeOf = ({ peerId }: BenchPeer): string => `/ip4/127.0.0.1/tcp/1/p2p/${peerId}`;

const perSecond = ({ receiver }: Pair): number => receiver.count / receiver.seconds;
const microseconds = ({ cpuSeconds, count }: Pick<PeerReport, 'cpuSeconds' | 'count'>): number =>
  (cpuSeconds / count) * 1e6;
const cpuOf = ({ sender, receiver }: Pair): number => microseconds(sender) + microseconds(receiver);
/** What one core for each process would do: the measure that a busy machine spoils least. */
const perCoreSecond = ({ sender, receiver }: Pair): number =>
  1e6 / Math.max(microseconds(sender), microseconds(receiver));

async function wireRows(sizeBytes: number, plan: Plan): Promise<readonly Row[]> {
  const task = { count: plan.wireCount, sizeBytes };
  const bare: Pair[] = [];
  const gossip: Pair[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    bare.push(await runPair(bareRoles, task));
    gossip.push(await runPair(gossipRoles, task));
  }
  if (gossip.some(({ sender }) => sender.droppedCount > 0))
    throw new Error('messages were dropped');
  const [first] = gossip;
  const onWire = ({ sender }: Pair): number => sender.wireBytes / (sender.count * sizeBytes);
  const shares = `${microseconds(first!.sender).toFixed(1)} + ${microseconds(first!.receiver).toFixed(1)}`;
  const rows: readonly (readonly [string, string, (pair: Pair) => number, 'more' | 'less'])[] = [
    ['gossip layer alone', 'messages/s', perSecond, 'more'],
    ['gossip layer alone, a core each', 'messages/s', perCoreSecond, 'more'],
    [`gossip layer alone (${shares})`, 'us of CPU a message', cpuOf, 'less'],
    ['on the wire', 'bytes a message byte', onWire, 'less'],
  ];
  return rows.map(([what, unit, value, better]) => {
    const [own, theirs] = [gossip, bare].map((pairs) => median(pairs.map(value)));
    const ratio = better === 'more' ? own! / theirs! : theirs! / own!;
    const about = { bench: 'gossip', what: `${sizeBytes} B, ${what}`, unit };
    return { ...about, value: own!, ratio, against: 'bare stream' };
  });
}

/** One way of bringing messages into a node's store. */
interface Stored {
  readonly seconds: number;
  readonly giver: Cost;
  readonly taker: Cost;
}

interface StoredRuns {
  readonly byGossip: Stored;
  readonly byCatchUp: Stored;
  readonly bare: Pair;
}

/** What is sent is not what this node would slow down. */
const nodeSettings = {
  'gossip.max-bytes-per-second': 64 * MiB,
  'storage.durability': 'power-loss',
};

/** A peer with gossip and no store feeds a node; then a second, empty node catches up with the first. */
async function storedRuns(
  task: Pick<PeerTask, 'count' | 'sizeBytes' | 'file'>,
): Promise<StoredRuns> {
  await using stack = new AsyncDisposableStack();
  const startNode = async (neighbour: string): Promise<NodeProcess> => {
    const { path: dataDir } = stack.use(await aFolder());
    const settings = { ...nodeSettings, 'gossip.neighbours': neighbour };
    return stack.use(await NodeProcess.start({ dataDir, settings }));
  };
  const bare = await runPair(bareRoles, task);
  const feeder = await startPeer(stack, { ...task, role: 'gossip-out' });
  const first = await startNode(placeOf(feeder));
  const before = costOf(first.child.pid);
  feeder.go(first.gossipAddress);
  const seconds = await untilStored(first.url, task.count);
  const report = await feeder.finish();
  const between = costOf(first.child.pid);
  const byGossip = { seconds, giver: report, taker: lessThan(between, before) };
  await feeder[Symbol.asyncDispose]();
  const second = await startNode(first.gossipAddress);
  const started = costOf(second.child.pid);
  const caughtUp = await untilStored(second.url, task.count);
  const byCatchUp = {
    seconds: caughtUp,
    giver: lessThan(costOf(first.child.pid), between),
    taker: lessThan(costOf(second.child.pid), started),
  };
  return { byGossip, byCatchUp, bare };
}

function lessThan(now: Cost, before: Cost): Cost {
  return { ...now, cpuSeconds: now.cpuSeconds - before.cpuSeconds };
}

async function storedRows(sizeBytes: number, plan: Plan): Promise<readonly Row[]> {
  await using folder = await aFolder();
  const file = join(folder.path, 'messages');
  const count = plan.storedCount;
  writeFileSync(file, makeMessages({ count, dataBytes: sizeBytes - overheadBytes, networkId }));
  const runs: StoredRuns[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    runs.push(await storedRuns({ count, sizeBytes, file }));
  }
  const about = `${count} messages, power-loss, score 1`;
  return [
    ...waysOf(runs, { name: `${sizeBytes} B, until durable, by gossip`, about, key: 'byGossip' }),
    ...waysOf(runs, {
      name: `${sizeBytes} B, until durable, by catch-up`,
      about,
      key: 'byCatchUp',
    }),
  ];
}

function waysOf(
  runs: readonly StoredRuns[],
  { name, about, key }: { name: string; about: string; key: 'byGossip' | 'byCatchUp' },
): readonly Row[] {
  const of = (value: (stored: Stored) => number): number =>
    median(runs.map((run) => value(run[key])));
  const count = runs[0]!.bare.receiver.count;
  const bare = median(runs.map((run) => perSecond(run.bare)));
  const bareCpu = median(runs.map((run) => cpuOf(run.bare)));
  const [giver, taker] = [of((run) => run.giver.cpuSeconds), of((run) => run.taker.cpuSeconds)];
  const us = (seconds: number): number => (seconds / count) * 1e6;
  const shares = `${us(giver).toFixed(1)} + ${us(taker).toFixed(1)}`;
  const row = { bench: 'gossip', against: 'bare stream' };
  const rate = of(({ seconds }) => count / seconds);
  const rss = (what: 'giver' | 'taker'): Row => ({
    bench: 'gossip',
    what: `${name}: peak RSS of the ${what}`,
    value: of((run) => run[what].peakRssBytes) / MiB,
    unit: 'MiB',
  });
  return [
    { ...row, what: `${name}; ${about}`, value: rate, unit: 'messages/s', ratio: rate / bare },
    {
      ...row,
      what: `${name} (${shares})`,
      value: us(giver + taker),
      unit: 'us of CPU a message',
      ratio: bareCpu / us(giver + taker),
    },
    rss('giver'),
    rss('taker'),
  ];
}

/** Far more than fits the queue goes to a neighbour that reads a little now and then. */
async function slowReaderRows(plan: Plan): Promise<readonly Row[]> {
  const task = { count: plan.wireCount, sizeBytes: 300 };
  await using stack = new AsyncDisposableStack();
  const flooder = await startPeer(stack, { ...task, role: 'gossip-flood' });
  const reader = await startPeer(stack, {
    ...task,
    role: 'slow-in',
    neighbours: [placeOf(flooder)],
  });
  flooder.go(reader.address);
  const sender = await flooder.report;
  const what = `slow reader, ${task.count} messages of 300 B, ${sender.droppedCount} dropped`;
  const row = { bench: 'gossip', unit: 'MiB' };
  return [
    {
      ...row,
      what: `${what}: most in its queue`,
      value: sender.mostQueuedBytes / MiB,
      ratio: queueBytes / sender.mostQueuedBytes,
      against: 'the queue',
    },
    { ...row, what: 'slow reader: growth of the sender', value: sender.grownRssBytes / MiB },
  ];
}

export async function gossipBench(mode: Mode): Promise<readonly Row[]> {
  buildWhatShips();
  const plan = mode.isSmoke ? plans.smoke : plans.full;
  const rows: Row[] = [];
  for (const sizeBytes of sizes) rows.push(...(await wireRows(sizeBytes, plan)));
  for (const sizeBytes of sizes) rows.push(...(await storedRows(sizeBytes, plan)));
  rows.push(...(await slowReaderRows(plan)));
  return rows;
}
