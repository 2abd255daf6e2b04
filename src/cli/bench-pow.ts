// midge bench pow: how fast this machine does proof of work, and what that means for messages.
import { availableParallelism } from 'node:os';
import { TangleError } from '../errors.ts';
import type { MinerKernel } from '../pow/choose.ts';
import { jsonFlag } from './command.ts';
import type { Command } from './command.ts';
import { jsonLine } from './escape.ts';
import { measurePeer, peers } from './pow-peers.ts';
import { powReport, reportText } from './pow-report.ts';
import type { HashRate, Measured } from './pow-report.ts';
import { openStatusLine } from './progress.ts';

const secondsFlag = '--seconds';
const defaultSeconds = 1;
/** One call of a kernel: about a millisecond. */
const hashesPerCall = 8192;

export const benchPow: Command = {
  name: 'bench pow',
  summary: 'measure how fast this machine does proof of work',
  parameters: [],
  flags: [
    jsonFlag,
    {
      flag: secondsFlag,
      placeholder: 'N',
      description: `How long to measure each kernel of the node [${defaultSeconds}].`,
    },
  ],
  details:
    "Tells how many hashes per second each of the node's kernels makes on this machine, and the miners of other IOTA libraries where they are installed; and how long messages take with the score and the CPU budget of the settings. Whatever else runs meanwhile makes it slower.",
  examples: [
    ['midge bench pow', 'this machine, with the settings of a node started here'],
    ['midge bench pow --pow.cpu-budget 1 --network.min-pow-score 100', 'other settings'],
  ],
  run: async ({ config, flags, print }) => {
    const durationMs = secondsOf(flags.get(secondsFlag)) * 1000;
    const measured = await measure(durationMs, config.pow.wideVectors);
    const { cpuBudget, workers } = config.pow;
    const { minPowScore } = config.network;
    const report = powReport(measured, { minPowScore, cpuBudget, workers });
    print(flags.has(jsonFlag.flag) ? jsonLine(report) : reportText(report));
  },
};

async function measure(durationMs: number, wideVectors: boolean): Promise<Measured> {
  // Imported here, so that the other commands start without the kernels.
  const { chooseMiner, makeMiner } = await import('../pow/choose.ts');
  const [widest, usual] = [chooseMiner({ wideVectors: true }), chooseMiner({})];
  const plain: MinerKernel = { name: 'lanes-32', lanes: 32 };
  using line = openStatusLine();
  const kernels = new Map<string, HashRate>();
  for (const kernel of [widest, usual, plain]) {
    const { name, lanes } = kernel;
    if (kernels.has(name)) continue;
    line.show(`Measuring ${name}`);
    const miner = makeMiner(kernel);
    // No nonce has so many zeros.
    miner.start(new Uint8Array(32), 0, 243);
    const run = (): unknown => miner.run(hashesPerCall / lanes);
    kernels.set(name, { name, hashesPerSecond: hashesPerCall * callsPerSecond(run, durationMs) });
  }
  const peerRates: HashRate[] = [];
  for (const peer of peers) {
    const name = `@iota/${peer.name}`;
    line.show(`Measuring ${name}`);
    const hashesPerSecond = await measurePeer(peer);
    if (hashesPerSecond !== undefined) peerRates.push({ name, hashesPerSecond });
  }
  return {
    kernels: [...kernels.values()],
    chosen: (wideVectors ? widest : usual).name,
    peers: peerRates,
    cores: availableParallelism(),
  };
}

function callsPerSecond(call: () => unknown, durationMs: number): number {
  // Until it is optimized.
  for (let count = 0; count < 20; count++) call();
  const startMs = performance.now();
  let elapsedMs = 0;
  let count = 0;
  for (; elapsedMs < durationMs; count++) {
    call();
    elapsedMs = performance.now() - startMs;
  }
  return (count / elapsedMs) * 1000;
}

function secondsOf(text: string | undefined): number {
  const seconds = Number(text ?? defaultSeconds);
  if (seconds > 0 && seconds <= 60) return seconds;
  throw new TangleError('USAGE_INVALID', `${secondsFlag} takes a number up to 60.`);
}
