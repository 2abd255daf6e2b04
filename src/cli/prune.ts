// midge prune: takes old messages away from a running node, now.
import { setTimeout as wait } from 'node:timers/promises';
import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import { TangleError } from '../errors.ts';
import { askOwner } from './ask-owner.ts';
import { jsonFlag } from './command.ts';
import type { Call, Command } from './command.ts';
import { jsonLine } from './escape.ts';
import type { Question } from './exchange.ts';
import { counted } from './layout.ts';
import { ownerFlags } from './owner.ts';
import { openProgress } from './progress.ts';

const pollMs = 250;

const planSchema = Type.Object({
  fromSeq: Type.Integer(),
  toSeq: Type.Integer(),
  messageCount: Type.Integer(),
  estimatedBytes: Type.Integer(),
});
type Plan = Static<typeof planSchema>;

const statusSchema = Type.Object({
  cutSeq: Type.Integer(),
  folderBytes: Type.Integer(),
  job: Type.Union([Type.Null(), Type.Object({ isDone: Type.Boolean() })]),
});
type Status = Static<typeof statusSchema>;

const toFlag = {
  flag: '--to',
  placeholder: 'SEQ',
  description: 'Prune up to this sequence number.',
};
const keepFlag = {
  flag: '--keep',
  placeholder: 'N',
  description: 'Keep so many of the newest messages.',
};
const sizeFlag = {
  flag: '--size',
  placeholder: 'BYTES',
  description: 'Prune until the data folder has about this size.',
};
const pauseFlag = {
  flag: '--pause',
  description: 'Prune nothing but what is asked for, until --resume or the next start.',
};
const resumeFlag = { flag: '--resume', description: 'Let the settings prune again.' };
const stopFlag = { flag: '--stop', description: 'End a prune that goes on, where it is.' };
const dryRunFlag = { flag: '--dry-run', description: 'Only say what would go.' };

export const prune: Command = {
  name: 'prune',
  summary: 'take old messages away from a running node',
  parameters: [],
  flags: [
    toFlag,
    keepFlag,
    sizeFlag,
    dryRunFlag,
    pauseFlag,
    resumeFlag,
    stopFlag,
    ...ownerFlags,
    jsonFlag,
  ],
  details:
    'Once and now, beside what the settings of pruning do by themselves. The newest 100 messages and the newest tips stay. Ctrl-C ends the watching only; the node goes on.',
  examples: [
    ['midge prune --keep 100000 --dry-run', 'what would go'],
    ['midge prune --size 1000000000', 'down to a gigabyte'],
  ],
  run: async (call) => {
    const turn = turnOf(call);
    if (turn !== undefined) return sayTurn(call, turn);
    const isDryRun = call.flags.has(dryRunFlag.flag);
    const body = JSON.stringify({ ...wishOf(call), dryRun: isDryRun });
    const plan = await askNode(call, { method: 'POST', body }, planSchema);
    const status = isDryRun ? undefined : await watch(call, plan);
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(plan) : words(plan, status));
  },
};

/** What is no prune itself, but about pruning. */
const turns = [
  {
    flag: pauseFlag.flag,
    question: { method: 'POST', path: '/pause' },
    words:
      'Pruning is paused: nothing goes but what is asked for, until --resume or the next start.',
  },
  {
    flag: resumeFlag.flag,
    question: { method: 'POST', path: '/resume' },
    words: 'Pruning goes on as the settings say.',
  },
  {
    flag: stopFlag.flag,
    question: { method: 'DELETE', path: '' },
    words: 'What was asked for has ended where it was.',
  },
] as const;
type Turn = (typeof turns)[number];

function turnOf({ flags }: Call): Turn | undefined {
  const given = turns.filter(({ flag }) => flags.has(flag));
  const [turn] = given;
  if (turn === undefined) return undefined;
  const others = [toFlag, keepFlag, sizeFlag, dryRunFlag].filter(({ flag }) => flags.has(flag));
  if (given.length === 1 && others.length === 0) return turn;
  throw new TangleError('USAGE_INVALID', `${turn.flag} stands alone.`);
}

async function sayTurn(call: Call, { question, words: sentence }: Turn): Promise<void> {
  const status = await askNode(call, question, statusSchema);
  call.print(call.flags.has(jsonFlag.flag) ? jsonLine(status) : sentence);
}

function wishOf({ flags }: Call): Readonly<Record<string, number>> {
  const given = [
    ['toSeq', toFlag.flag],
    ['keepMessages', keepFlag.flag],
    ['targetSizeBytes', sizeFlag.flag],
  ].flatMap(([name = '', flag = '']) => {
    const text = flags.get(flag);
    return text === undefined ? [] : [[name, wholeNumber(flag, text)] as const];
  });
  if (given.length === 1) return Object.fromEntries(given);
  throw new TangleError(
    'USAGE_INVALID',
    'Say how far to prune with exactly one of --to, --keep and --size; or give --pause, --resume or --stop.',
  );
}

function wholeNumber(flag: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new TangleError(
    'USAGE_INVALID',
    `${flag} takes a whole number, not ${JSON.stringify(text)}.`,
  );
}

/** Until the node is done with it. */
async function watch(call: Call, { fromSeq, toSeq }: Plan): Promise<Status> {
  using progress = openProgress('Pruning');
  const total = toSeq + 1 - fromSeq;
  for (;;) {
    const status = await askNode(call, { method: 'GET' }, statusSchema);
    progress.update(Math.min(total, status.cutSeq + 1 - fromSeq), total);
    if (status.job?.isDone !== false) return status;
    await wait(pollMs);
  }
}

function askNode<Schema extends TSchema>(
  call: Call,
  { method, body, path = '' }: Pick<Question, 'method' | 'body'> & { readonly path?: string },
  schema: Schema,
): Promise<Static<Schema>> {
  return askOwner(
    call,
    { path: `midge/v1/prune${path}`, method, ...(body !== undefined && { body }) },
    schema,
  );
}

function words({ fromSeq, toSeq, messageCount, estimatedBytes }: Plan, status?: Status): string {
  if (messageCount === 0) return 'There is nothing to prune.';
  const range = `${counted(messageCount, 'message')}, numbers ${fromSeq} to ${toSeq}`;
  if (status === undefined) return `Would prune ${range}, some ${mebibytes(estimatedBytes)}.`;
  const folder = `The data folder has ${mebibytes(status.folderBytes)} now.`;
  return status.cutSeq < toSeq
    ? `It was stopped: of ${range}, those above ${status.cutSeq} are left. ${folder}`
    : `Pruned ${range}. ${folder}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
