// What hash rates mean for messages: the figures of midge bench pow, and how people read them.
import { requiredZeros } from '../protocol/score.ts';
import { alignColumns, heading } from './layout.ts';
import { durationWords, rateWords } from './mining.ts';

/** From a short text to a picture that fills a tenth of a message. */
const sizesBytes = [132, 398, 1195, 3587];

export interface HashRate {
  readonly name: string;
  /** Of one thread. */
  readonly hashesPerSecond: number;
}

export interface Measured {
  /** At least one. */
  readonly kernels: readonly HashRate[];
  /** The kernel that the node would choose, by name. */
  readonly chosen: string;
  readonly peers: readonly HashRate[];
  readonly cores: number;
}

export interface BudgetSettings {
  readonly minPowScore: number;
  readonly cpuBudget: number;
  readonly workers: number;
}

export interface MessageCost {
  readonly sizeBytes: number;
  readonly zeros: number;
  readonly expectedHashes: number;
  readonly oneThreadMs: number;
  /** All threads together, within the CPU budget. */
  readonly withinBudgetMs: number;
}

export interface PowReport extends Measured, BudgetSettings {
  /** Of all threads together, within the CPU budget. */
  readonly hashesPerSecond: number;
  readonly messages: readonly MessageCost[];
}

export function powReport(measured: Measured, settings: BudgetSettings): PowReport {
  const { kernels, chosen, cores } = measured;
  const { minPowScore, cpuBudget, workers } = settings;
  const oneThread = kernels.find(({ name }) => name === chosen)?.hashesPerSecond ?? 0;
  const hashesPerSecond = oneThread * Math.min(workers, cores * cpuBudget);
  const messages = sizesBytes.map((sizeBytes) => {
    const zeros = requiredZeros(sizeBytes, minPowScore);
    const expectedHashes = 3 ** zeros;
    return {
      sizeBytes,
      zeros,
      expectedHashes,
      oneThreadMs: (expectedHashes / oneThread) * 1000,
      withinBudgetMs: (expectedHashes / hashesPerSecond) * 1000,
    };
  });
  return { ...measured, ...settings, hashesPerSecond, messages };
}

export function reportText(report: PowReport): string {
  const { cores, cpuBudget, workers, minPowScore, hashesPerSecond } = report;
  const threads = Math.min(workers, cores * cpuBudget);
  return [
    heading('Hashes per second of one thread'),
    alignColumns(rateRows(report), { indent: 2 }),
    '',
    heading(`A message at score ${minPowScore}, on average`),
    alignColumns(costRows(report), { indent: 2 }),
    '',
    `The CPU budget is ${percent(cpuBudget)} of ${cores} cores: ${threads.toFixed(1)} of ${workers} threads, ${rateWords(hashesPerSecond)}.`,
  ].join('\n');
}

function rateRows({ kernels, chosen, peers }: PowReport): string[][] {
  return [...kernels, ...peers].map(({ name, hashesPerSecond }) => [
    name,
    rateWords(hashesPerSecond),
    name === chosen ? 'used by the node' : '',
  ]);
}

function costRows({ messages }: PowReport): string[][] {
  const rows = messages.map(({ sizeBytes, zeros, expectedHashes, ...cost }) => [
    `${sizeBytes} bytes`,
    String(zeros),
    expectedHashes.toLocaleString('en'),
    durationWords(cost.oneThreadMs),
    durationWords(cost.withinBudgetMs),
    String(Math.floor(60_000 / cost.withinBudgetMs)),
  ]);
  return [['size', 'zeros', 'hashes', 'one thread', 'within budget', 'a minute'], ...rows];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
