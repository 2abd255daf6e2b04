// midge token: what the owner of a node lets others do, made, listed, revoked. Asks the node when it is running;
// else does it in the data folder.
import { resolve } from 'node:path';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { Tokens } from '../api/tokens.ts';
import { systemClock } from '../clock.ts';
import { TangleError } from '../errors.ts';
import { askOwner } from './ask-owner.ts';
import { jsonFlag, nodeFlag, parameterAt } from './command.ts';
import type { Call, Command } from './command.ts';
import { durationMs } from './duration.ts';
import { escapeLine, jsonLine } from './escape.ts';
import { alignColumns } from './layout.ts';
import { ownerFlags, tokenFileFlag } from './owner.ts';

const path = 'midge/v1/tokens';
const scopeNames = ['read', 'attach', 'pow', 'admin'] as const;
type ScopeName = (typeof scopeNames)[number];

const recordSchema = Type.Object({
  id: Type.String(),
  name: Type.Optional(Type.String()),
  scopes: Type.Array(Type.String()),
  createdAtMs: Type.Integer(),
  expiresAtMs: Type.Integer(),
});
const newSchema = Type.Object({ token: Type.String(), ...recordSchema.properties });
type RecordReply = Static<typeof recordSchema>;

const scopeFlag = {
  flag: '--scope',
  placeholder: 'WORDS',
  description: `What it allows: ${scopeNames.join(', ')}; several with commas.`,
};
const expiresFlag = {
  flag: '--expires',
  placeholder: 'TIME',
  description: 'How long it is good for, such as 12h, 30d or 1y, at most 10y [30d].',
};
const nameFlag = {
  flag: '--name',
  placeholder: 'NAME',
  description: 'Whom it is for, up to 64 characters.',
};

export const tokenCreate: Command = {
  name: 'token create',
  summary: 'make a token that lets others do something at a node',
  parameters: [],
  flags: [...ownerFlags, scopeFlag, expiresFlag, nameFlag, jsonFlag],
  details:
    'Prints the token, which is kept nowhere: who loses it needs another one. It is sent as "Authorization: Bearer TOKEN". Works while the node runs, and in the data folder while it does not.',
  examples: [
    ['midge token create --scope read --expires 90d --name dashboard', 'for who only reads'],
    ['midge token create --scope read,attach,pow', 'for a client that sends messages'],
  ],
  run: async (call) => {
    const request = {
      scopes: scopesOf(call),
      lifetimeMs: durationMs(call.flags.get(expiresFlag.flag) ?? '30d', expiresFlag.flag, '10y'),
      name: nameOf(call),
    };
    const made = await atNodeOrFolder<Static<typeof newSchema>>(call, {
      node: () =>
        askOwner(call, { path, method: 'POST', body: JSON.stringify(request) }, newSchema),
      folder: async (tokens) => {
        const { token, record } = await tokens.create(request);
        return { token, ...record, scopes: [...record.scopes] };
      },
    });
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(made) : madeView(made));
  },
};

export const tokenList: Command = {
  name: 'token list',
  summary: 'show which tokens a node knows',
  parameters: [],
  flags: [...ownerFlags, jsonFlag],
  details: 'What each allows, until when, and its id; the tokens themselves are kept nowhere.',
  examples: [['midge token list', 'those of the node on this machine']],
  run: async (call) => {
    const records = await atNodeOrFolder<readonly RecordReply[]>(call, {
      node: () => askOwner(call, { path, method: 'GET' }, Type.Array(recordSchema)),
      folder: async (tokens) =>
        (await tokens.list()).map((each) => ({ ...each, scopes: [...each.scopes] })),
    });
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(records) : listView(records));
  },
};

export const tokenRevoke: Command = {
  name: 'token revoke',
  summary: 'take back a token',
  parameters: ['<id>'],
  flags: ownerFlags,
  details: 'It opens nothing from the next request on. midge token list shows the ids.',
  examples: [['midge token revoke 0f3a9c55d2e1b764', 'by its id']],
  run: async (call) => {
    const id = parameterAt(call, 0);
    const question = { path: `${path}/${encodeURIComponent(id)}`, method: 'DELETE' } as const;
    await atNodeOrFolder<unknown>(call, {
      node: () => askOwner(call, question, Type.Null()),
      folder: (tokens) => tokens.revoke(id),
    });
    call.print(`The token ${escapeLine(id)} is revoked.`);
  },
};

interface Ways<T> {
  readonly node: () => Promise<T>;
  readonly folder: (tokens: Tokens) => Promise<T>;
}

/** A node that was named must answer; one of the settings may be stopped. */
async function atNodeOrFolder<T>(call: Call, { node, folder }: Ways<T>): Promise<T> {
  const isNamed = [nodeFlag, tokenFileFlag].some(({ flag }) => call.flags.has(flag));
  try {
    return await node();
  } catch (error) {
    if (!isNamed && isNobodyThere(error)) return folder(await openTokensOf(call));
    throw isNamed ? error : anotherNode(call, error);
  }
}

function isNobodyThere(error: unknown): boolean {
  if (!(error instanceof TangleError) || error.code !== 'NODE_UNREACHABLE') return false;
  const { cause } = error;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

/** The token of this folder is not good at the address of the settings. */
function anotherNode({ config }: Call, error: unknown): unknown {
  if (!(error instanceof TangleError) || error.details['status'] !== 401) return error;
  return new TangleError(
    'NODE_REFUSED',
    `What answers at ${config.api.bind} is not the node of ${resolve(config.dataDir)}: name its data folder with --data-dir, or its address with --node.`,
    { cause: error },
  );
}

async function openTokensOf({ config }: Call): Promise<Tokens> {
  // Imported here, so that commands which need no tokens start without what signs them.
  const { openTokens } = await import('../api/tokens.ts');
  return openTokens(resolve(config.dataDir), { clock: systemClock });
}

/** Throws USAGE_INVALID. */
function scopesOf({ flags }: Call): ScopeName[] {
  const words = (flags.get(scopeFlag.flag) ?? '').split(',').map((word) => word.trim());
  const known = scopeNames.filter((name) => words.includes(name));
  if (known.length === new Set(words).size) return known;
  throw new TangleError(
    'USAGE_INVALID',
    `${scopeFlag.flag} takes one or more of ${scopeNames.join(', ')}, with commas between.`,
  );
}

/** Throws USAGE_INVALID. */
function nameOf({ flags }: Call): string | undefined {
  const name = flags.get(nameFlag.flag);
  if (name === undefined || (name.length >= 1 && name.length <= 64)) return name;
  throw new TangleError('USAGE_INVALID', `${nameFlag.flag} takes 1 to 64 characters.`);
}

function madeView(made: Static<typeof newSchema>): string {
  const rows = [
    ['token', escapeLine(made.token)],
    ['id', escapeLine(made.id)],
    ['allows', escapeLine(made.scopes.join(', '))],
    ['until', dateWords(made.expiresAtMs)],
  ];
  return `${alignColumns(rows)}\nIt is shown only now; keep it.`;
}

function listView(records: readonly RecordReply[]): string {
  if (records.length === 0) return 'There are no tokens; make one with: midge token create';
  const rows = records.map(({ id, scopes, expiresAtMs, name = '-' }) => [
    escapeLine(id),
    escapeLine(scopes.join(', ')),
    `${expiresAtMs > systemClock.now() ? 'until' : 'expired'} ${dateWords(expiresAtMs)}`,
    escapeLine(name),
  ]);
  return alignColumns(rows);
}

function dateWords(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.valueOf())
    ? String(timeMs)
    : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
