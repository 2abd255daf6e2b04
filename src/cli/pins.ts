// midge pin: what pruning does not take of a running node, pinned, unpinned, listed.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { askOwner } from './ask-owner.ts';
import { jsonFlag, parameterAt } from './command.ts';
import type { Call, Command } from './command.ts';
import { escapeLine, jsonLine } from './escape.ts';
import { indexHexOf, indexWords } from './index-key.ts';
import { alignColumns, bytesWords, counted } from './layout.ts';
import { ownerFlags } from './owner.ts';
import { isId } from './read-view.ts';

const path = 'midge/v1/pins';

const totals = {
  keptMessages: Type.Integer(),
  usedBytes: Type.Integer(),
  maxBytes: Type.Integer(),
  missedMessages: Type.Integer(),
};
const totalsSchema = Type.Object(totals);
const listSchema = Type.Object({
  messages: Type.Array(
    Type.Object({
      messageId: Type.String(),
      sizeBytes: Type.Integer(),
      state: Type.String(),
    }),
  ),
  indexes: Type.Array(Type.String()),
  ...totals,
});
type PinsReply = Static<typeof listSchema>;

const whichDetails =
  'What has 64 hex digits is a message id, all else an index: a text, or 0x and hex.';

export const pinAdd: Command = {
  name: 'pin add',
  summary: 'keep a message, or all under an index, when pruning comes to it',
  parameters: ['<id|index>'],
  flags: [...ownerFlags, jsonFlag],
  details: `${whichDetails} A pinned message is read as before when all around it is gone, and is in backups. Together they take at most pruning.maxPinnedBytes: a message counts when it is pinned, those under an index when they are pruned.`,
  examples: [
    ['midge pin add greetings', 'what is under an index, now and later'],
    ['midge pin add 0x00ff', 'a binary index'],
  ],
  run: async (call) => {
    const target = targetOf(call);
    const body = JSON.stringify(target.body);
    const found = await askOwner(call, { path, method: 'POST', body }, totalsSchema);
    call.print(
      call.flags.has(jsonFlag.flag)
        ? jsonLine(found)
        : `${target.words} is pinned now. ${totalWords(found)}`,
    );
  },
};

export const pinRemove: Command = {
  name: 'pin remove',
  summary: 'pin a message or an index no longer',
  parameters: ['<id|index>'],
  flags: ownerFlags,
  details: `${whichDetails} What was pruned and kept for this pin alone is gone at once; the rest goes when pruning comes to it.`,
  examples: [['midge pin remove greetings', 'by its index, which midge pin list shows']],
  run: async (call) => {
    const target = targetOf(call);
    await askOwner(call, { path: `${path}?${target.query}`, method: 'DELETE' }, Type.Null());
    call.print(`${target.words} is pinned no longer.`);
  },
};

export const pinList: Command = {
  name: 'pin list',
  summary: 'show what is pinned',
  parameters: [],
  flags: [...ownerFlags, jsonFlag],
  details:
    'Messages and indexes that are pinned, what pinned messages take and may take. A message is stored until pruning comes to it, and kept from then on.',
  examples: [['midge pin list', 'those of the node on this machine']],
  run: async (call) => {
    const found = await askOwner(call, { path, method: 'GET' }, listSchema);
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(found) : listView(found));
  },
};

interface Target {
  readonly body: { readonly messageId: string } | { readonly index: string };
  readonly query: string;
  readonly words: string;
}

/** Throws USAGE_INVALID. */
function targetOf(call: Call): Target {
  const given = parameterAt(call, 0);
  if (isId(given)) {
    const messageId = given.toLowerCase();
    return {
      body: { messageId },
      query: `messageId=${messageId}`,
      words: `The message ${messageId}`,
    };
  }
  const index = indexHexOf(given);
  return { body: { index }, query: `index=${index}`, words: `The index ${shown(index)}` };
}

const shown = (indexHex: string): string => escapeLine(indexWords(indexHex));

function totalWords({ keptMessages, usedBytes, maxBytes }: Static<typeof totalsSchema>): string {
  const kept = counted(keptMessages, 'pruned message');
  return `Pins take ${bytesWords(usedBytes)} of ${bytesWords(maxBytes)}; ${kept} kept.`;
}

function listView(found: PinsReply): string {
  const { messages, indexes, missedMessages } = found;
  if (messages.length + indexes.length === 0) {
    return 'Nothing is pinned; pin a message or an index with: midge pin add <id|index>';
  }
  const rows = [
    ...indexes.map((index) => ['index', shown(index), '', '']),
    ...messages.map(({ messageId, state, sizeBytes }) => [
      'message',
      escapeLine(messageId),
      escapeLine(state),
      bytesWords(sizeBytes),
    ]),
  ];
  const missed = counted(missedMessages, 'message');
  return [
    totalWords(found),
    ...(missedMessages === 0
      ? []
      : [`There was no room for ${missed} of a pinned index since the start.`]),
    '',
    alignColumns(rows),
  ].join('\n');
}
