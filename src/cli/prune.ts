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
const dryRunFlag = { flag: '--dry-run', description: 'Only say what would go.' };

export const prune: Command = {
  name: 'prune',
  summary: 'take old messages away from a running node',
  parameters: [],
  flags: [toFlag, keepFlag, sizeFlag, dryRunFlag, ...ownerFlags, jsonFlag],
  details:
    'Once and now, beside what the settings of pruning do by themselves. The newest 100 messages and the newest tips stay. Ctrl-C ends the watching only; the node goes on.',
  examples: [
    ['midge prune --keep 100000 --dry-run', 'what would go'],
    ['midge prune --size 1000000000', 'down to a gigabyte'],
  ],
  run: async (call) => {
    const isDryRun = call.flags.has(dryRunFlag.flag);
    const body = JSON.stringify({ ...wishOf(call), dryRun: isDryRun });
    const plan = await askNode(call, { method: 'POST', body }, planSchema);
    const status = isDryRun ? undefined : await watch(call, plan);
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(plan) : words(plan, status));
  },
};

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
    'Say how far to prune with exactly one of --to, --keep and --size.',
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
  { method, body }: Pick<Question, 'method' | 'body'>,
  schema: Schema,
): Promise<Static<Schema>> {
  return askOwner(
    call,
    { path: 'midge/v1/prune', method, ...(body !== undefined && { body }) },
    schema,
  );
}

function words({ fromSeq, toSeq, messageCount, estimatedBytes }: Plan, status?: Status): string {
  if (messageCount === 0) return 'There is nothing to prune.';
  const range = `${counted(messageCount, 'message')}, numbers ${fromSeq} to ${toSeq}`;
  return status === undefined
    ? `Would prune ${range}, some ${mebibytes(estimatedBytes)}.`
    : `Pruned ${range}. The data folder has ${mebibytes(status.folderBytes)} now.`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
