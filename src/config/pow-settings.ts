// The settings of proof of work for clients.
import { availableParallelism } from 'node:os';
import { Type } from 'typebox';
import { dayMs, minuteMs } from './leaves.ts';
import type { MachineDefault } from './leaves.ts';

const workersOfThisMachine: MachineDefault = {
  words: 'cores - 1, at least 1',
  find: () => Math.max(1, availableParallelism() - 1),
};

export const powSettings = Type.Object(
  {
    enabled: Type.Boolean({
      description: 'Mine for clients that send messages without a nonce.',
      default: true,
    }),
    workers: Type.Integer({
      description: 'Threads that mine.',
      default: workersOfThisMachine,
      minimum: 1,
      maximum: 256,
    }),
    cpuBudget: Type.Number({
      description: 'Share of all cores that mining may use.',
      default: 0.5,
      minimum: 0.05,
      maximum: 1,
    }),
    maxZeros: Type.Integer({
      description:
        'Trailing zeros of the hardest work done for clients; each more takes three times as long, and 17 are enough for nearly every message at score 4000.',
      default: 17,
      minimum: 1,
      // A nonce has 64 bits: there are just 3^40 of them.
      maximum: 40,
    }),
    queueSize: Type.Integer({
      description: 'Messages that may wait to be mined.',
      default: 32,
      minimum: 1,
      maximum: 10_000,
    }),
    refreshTipsIntervalMs: Type.Integer({
      description: 'How often a message that is mined long gets newer parents.',
      default: 5000,
      minimum: 100,
      maximum: 60 * minuteMs,
    }),
    maxJobMs: Type.Integer({
      description: 'Longest time from the admission of a message to its nonce, waiting included.',
      default: 10 * minuteMs,
      minimum: 1000,
      maximum: dayMs,
    }),
    quotaHashesPerMinute: Type.Integer({
      description: 'Most hashes a minute that one client gets; 0 sets no limit.',
      default: 0,
      minimum: 0,
      maximum: 1_000_000_000_000,
    }),
    wideVectors: Type.Boolean({
      description:
        'Try vectors of 256 bits, an experimental switch of V8, and use them if they are faster.',
      default: false,
    }),
  },
  { title: 'Proof of work' },
);
