// How fast is one thread at proof of work, against what the platform has published? Same digest, in turns,
// by the thread's own CPU time, so that other programs on the machine disturb it little.
import { LocalPowProvider, PowHelper } from '@iota/iota.js';
import { doPow as powNode } from '@iota/pow-node.js';
import { doPow as powWasm } from '@iota/pow-wasm.js';
import { silentLogger } from '../src/log.ts';
import { nonceOf, powDigestOf } from '../src/protocol/ids.ts';
import { scoreOf } from '../src/protocol/score.ts';
import { CpuAccount } from '../src/pow/budget.ts';
import { chooseMiner, makeMiner } from '../src/pow/choose.ts';
import type { MinerKernel } from '../src/pow/choose.ts';
import { Miners } from '../src/pow/miners.ts';
import { verifyWork } from '../src/pow/verify.ts';
import { sampleMessage } from './codec.bench.ts';
import { median } from './table.ts';
import type { Mode, Row } from './table.ts';

const endless = 243;
const message = sampleMessage(300);
const digest = powDigestOf(message);
new DataView(message.buffer, message.byteOffset).setBigUint64(message.length - 8, 0n, true);

const scoreFor = (zeros: number): number => scoreOf(zeros, message.length);

function threadCpuSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}

/** All published miners count up from 0, so this is where each of them ends. */
function firstNonce(zeros: number): bigint {
  const batch = 128;
  for (let start = 0; ; start += batch) {
    const work = Array.from({ length: batch }, (_, n) => ({ digest, nonce: BigInt(start + n) }));
    const found = verifyWork(work).findIndex((count) => count >= zeros);
    if (found !== -1) return BigInt(start + found);
  }
}

/** Mines once, and tells how many hashes that were. */
type Contestant = () => Promise<number>;

/** Some tenths of a second of work. */
function ours(kernel: MinerKernel, hashes: number): Contestant {
  const miner = makeMiner(kernel);
  miner.start(digest, 0, endless);
  return async () => {
    miner.run(hashes / kernel.lanes);
    return Promise.resolve(hashes);
  };
}

function published(mine: (zeros: number) => Promise<string> | string, zeros: number): Contestant {
  const last = firstNonce(zeros);
  return async () => {
    const nonce = BigInt(await mine(zeros));
    if (nonce !== last) throw new Error(`mined ${nonce} where ${last} is the first`);
    return Number(last) + 1;
  };
}

async function hashesPerSecond(mine: Contestant): Promise<number> {
  const start = threadCpuSeconds();
  const hashes = await mine();
  return hashes / (threadCpuSeconds() - start);
}

async function miningRows({ isSmoke }: Mode): Promise<readonly Row[]> {
  const simd = chooseMiner({});
  const wide = chooseMiner({ wideVectors: true });
  const lanes: MinerKernel = { name: 'lanes-32', lanes: 32 };
  const local = new LocalPowProvider();
  const size = isSmoke ? 1 << 12 : 1 << 21;
  const contestants: Readonly<Record<string, Contestant>> = {
    [simd.name]: ours(simd, size),
    [lanes.name]: ours(lanes, size / 8),
    ...(wide.name === simd.name ? {} : { [wide.name]: ours(wide, size) }),
    'pow-wasm.js': published((zeros) => powWasm(digest, zeros, '0'), isSmoke ? 3 : 8),
    'pow-node.js': published((zeros) => powNode(digest, zeros, '0'), isSmoke ? 3 : 6),
    'iota.js': published((zeros) => local.pow(message, scoreFor(zeros)), isSmoke ? 3 : 6),
  };
  const rates = new Map(Object.keys(contestants).map((name) => [name, [] as number[]]));
  for (let round = 0; round < (isSmoke ? 1 : 7); round++) {
    for (const [name, mine] of Object.entries(contestants)) {
      rates.get(name)?.push(await hashesPerSecond(mine));
    }
  }
  const rate = (name: string): number => median(rates.get(name) ?? []);
  const row = (name: string, against?: string): Row => ({
    bench: 'pow',
    what: `mining, ${name}`,
    value: rate(name),
    unit: 'hashes/s',
    ...(against === undefined ? {} : { ratio: rate(name) / rate(against), against }),
  });
  return [
    row(simd.name, 'pow-wasm.js'),
    row(simd.name, 'pow-node.js'),
    row(simd.name, 'iota.js'),
    row(simd.name, lanes.name),
    row(lanes.name, 'pow-wasm.js'),
    ...(wide.name === simd.name ? [] : [row(wide.name, simd.name)]),
    ...['pow-wasm.js', 'pow-node.js', 'iota.js'].map((name) => row(name)),
  ];
}

/** Medians of rounds in which all take turns. */
function inTurns(
  rounds: number,
  calls: readonly { readonly times: number; readonly call: () => unknown }[],
): number[] {
  const us = calls.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { times, call }] of calls.entries()) {
      const start = threadCpuSeconds();
      for (let time = 0; time < times; time++) call();
      us[index]?.push(((threadCpuSeconds() - start) * 1e6) / times);
    }
  }
  return us.map((samples) => median(samples));
}

const verifying = (what: string, value: number) => ({ bench: 'pow', what, value, unit: 'us' });

function verifyingRows({ isSmoke }: Mode): readonly Row[] {
  const many = Array.from({ length: 128 }, (_, n) => ({
    digest,
    nonce: nonceOf(message) + BigInt(n),
  }));
  const one = many.slice(0, 1);
  const much = isSmoke ? 1 : 100;
  const kernel = chooseMiner({});
  const miner = makeMiner(kernel);
  const [batchUs = 0, singleUs = 0, clientUs = 0, startUs = 0] = inTurns(isSmoke ? 1 : 15, [
    { times: 10 * much, call: () => verifyWork(many) },
    { times: 100 * much, call: () => verifyWork(one) },
    { times: much, call: () => PowHelper.score(message) },
    { times: 10 * much, call: () => miner.start(digest, 0, endless) },
  ]);
  const eachUs = batchUs / many.length;
  const client = { ratio: clientUs / eachUs, against: 'PowHelper.score of iota.js' };
  return [
    {
      ...verifying('verifying, each of 128', eachUs),
      ratio: singleUs / eachUs,
      against: 'one alone',
    },
    { ...verifying('verifying, each of 128', eachUs), ...client },
    verifying('verifying, one alone', singleUs),
    { bench: 'pow', what: `beginning a message, ${kernel.name}`, value: startUs / 1e3, unit: 'ms' },
  ];
}

/** From the call to the free worker; busy and, with next to no budget, asleep. */
async function cancelRow(what: string, cores: number, { isSmoke }: Mode): Promise<Row> {
  const account = new CpuAccount();
  account.setCores(1);
  const kernel = chooseMiner({});
  await using miners = await Miners.open({ workers: 1, kernel }, { log: silentLogger, account });
  account.setCores(cores);
  const samples: number[] = [];
  for (let round = 0; round < (isSmoke ? 1 : 100); round++) {
    const mining = miners.search({ digest, zeros: endless, space: round });
    await new Promise((resolve) => setTimeout(resolve, 5 + (round % 10)));
    const startMs = performance.now();
    mining.cancel();
    await mining.nonce;
    samples.push(performance.now() - startMs);
  }
  return { bench: 'pow', what: `cancelling, ${what}`, value: median(samples), unit: 'ms' };
}

export async function powBench(mode: Mode): Promise<readonly Row[]> {
  return [
    ...(await miningRows(mode)),
    ...verifyingRows(mode),
    await cancelRow('worker busy', 1, mode),
    await cancelRow('worker asleep', 0.001, mode),
  ];
}
