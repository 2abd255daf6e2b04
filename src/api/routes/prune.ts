// Pruning on demand: the field's route, and one of Midge's own with a plan and progress.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { TangleError } from '../../errors.ts';
import { dataOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

const count = Type.Integer({ minimum: 0 });
const amount = (description: string) =>
  Type.Optional(Type.Integer({ description, minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));

const planSchema = Type.Object({
  fromSeq: count,
  toSeq: Type.Integer({
    description: 'the newest that goes; less than was asked for where the newest messages stay',
    minimum: 0,
  }),
  messageCount: count,
  estimatedBytes: count,
});
type Plan = Static<typeof planSchema>;

const statusSchema = Type.Object({
  state: Type.Enum(['idle', 'pruning', 'compacting', 'paused', 'waiting']),
  cutSeq: count,
  folderBytes: count,
  freeBytes: count,
  maxSizeBytes: Type.Union([count, Type.Null({ description: 'no limit' })]),
  prunedMessages: Type.Integer({ description: 'since the start', minimum: 0 }),
  prunedBytes: count,
  job: Type.Union([
    Type.Null({ description: 'nothing was asked for since the start' }),
    Type.Object({ ...planSchema.properties, cutSeq: count, isDone: Type.Boolean() }),
  ]),
});

const wishes = {
  toSeq: amount('prune up to this sequence number'),
  keepMessages: amount('keep so many of the newest messages'),
  targetSizeBytes: amount('prune until the data folder has about this size'),
};
const bodySchema = Type.Object(
  { ...wishes, dryRun: Type.Optional(Type.Boolean({ description: 'only say what would go' })) },
  { additionalProperties: false },
);

const fieldBodySchema = Type.Object(
  {
    index: amount('a milestone index'),
    depth: amount('a number of milestones'),
    targetDatabaseSize: Type.Optional(
      Type.String({ description: 'such as 20GB or 500MiB', maxLength: 32 }),
    ),
    toSeq: wishes.toSeq,
    keepMessages: wishes.keepMessages,
  },
  { additionalProperties: false },
);

/** As the pruner takes it. */
export type PruneWish =
  | { readonly toSeq: number }
  | { readonly keepMessages: number }
  | { readonly targetSizeBytes: number };

interface PruningReport {
  readonly state: Static<typeof statusSchema>['state'];
  readonly disk: { readonly folderBytes: number; readonly freeBytes: number };
  readonly limits: {
    readonly maxSizeBytes: number | undefined;
    readonly maxPinnedBytes: number;
  };
  readonly prunedMessages: number;
  readonly prunedBytes: number;
  readonly job: (Plan & { readonly cutSeq: number; readonly isDone: boolean }) | undefined;
}

export interface PruneDeps {
  readonly pruner: {
    readonly plan: (wish: PruneWish) => Promise<Plan>;
    /** Goes on whether or not anybody waits for `done`. Throws PRUNING_BUSY. */
    readonly begin: (
      wish: PruneWish,
    ) => Promise<{ readonly plan: Plan; readonly done: Promise<void> }>;
    /** Nothing is pruned but what is asked for, until `resume` or the next start. */
    readonly pause: () => void;
    readonly resume: () => void;
    readonly interrupt: () => void;
    readonly status: () => PruningReport;
  };
  readonly store: { readonly cutSeq: number };
}

const url = '/api/midge/v1/prune';

/** What is no prune itself, but about pruning. */
const switches = [
  {
    method: 'DELETE',
    url,
    verb: 'interrupt',
    summary: 'end the prune that was asked for where it is',
  },
  {
    method: 'POST',
    url: `${url}/pause`,
    verb: 'pause',
    summary: 'prune nothing but what is asked for, until it is resumed or the node starts anew',
  },
  {
    method: 'POST',
    url: `${url}/resume`,
    verb: 'resume',
    summary: 'let the settings prune again',
  },
] as const;

export function pruneRoutes(app: ApiServer, deps: PruneDeps): void {
  const { pruner, store } = deps;

  app.route({
    method: 'GET',
    url,
    config: { scope: 'admin', limit: 'lookup' },
    schema: {
      summary: 'what pruning does, and the prune that was asked for',
      response: { 200: dataOf(statusSchema), ...problems },
    },
    handler: () => ({ data: statusView(deps) }),
  });

  app.route({
    method: 'POST',
    url,
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'prune now, beyond what the settings ask for',
      body: bodySchema,
      response: { 200: dataOf(planSchema), 202: dataOf(planSchema), ...problems },
    },
    handler: async ({ body: { dryRun = false, ...given } }, reply) => {
      const wish = onlyOne(given);
      if (dryRun) return { data: await pruner.plan(wish) };
      const { plan } = await pruner.begin(wish);
      return reply.code(202).send({ data: plan });
    },
  });

  switchRoutes(app, deps);

  app.route({
    method: 'POST',
    url: '/api/v1/control/database/prune',
    config: { scope: 'admin', limit: 'change' },
    schema: {
      summary: 'prune now, as clients of the field ask for it',
      body: fieldBodySchema,
      response: { 200: dataOf(Type.Object({ index: count, cutSeq: count })), ...problems },
    },
    handler: async ({ body: { index, depth, targetDatabaseSize, ...given } }) => {
      if (index !== undefined || depth !== undefined) throw noMilestones();
      const size = targetDatabaseSize === undefined ? {} : sizeWish(targetDatabaseSize);
      const { done } = await pruner.begin(onlyOne({ ...given, ...size }));
      await done;
      // Nothing is pruned by milestones while there are none.
      return { data: { index: 0, cutSeq: store.cutSeq } };
    },
  });
}

function switchRoutes(app: ApiServer, deps: PruneDeps): void {
  for (const { method, url: at, verb, summary } of switches) {
    app.route({
      method,
      url: at,
      config: { scope: 'admin', limit: 'change' },
      schema: { summary, response: { 200: dataOf(statusSchema), ...problems } },
      handler: () => {
        deps.pruner[verb]();
        return { data: statusView(deps) };
      },
    });
  }
}

type Given = Partial<Record<keyof typeof wishes, number | undefined>>;

function onlyOne({ toSeq, keepMessages, targetSizeBytes }: Given): PruneWish {
  const given: PruneWish[] = [];
  if (toSeq !== undefined) given.push({ toSeq });
  if (keepMessages !== undefined) given.push({ keepMessages });
  if (targetSizeBytes !== undefined) given.push({ targetSizeBytes });
  const [wish] = given;
  if (wish !== undefined && given.length === 1) return wish;
  throw new TangleError(
    'REQUEST_INVALID',
    'Say how far to prune in exactly one way: toSeq, keepMessages or a target size.',
  );
}

function noMilestones(): TangleError {
  return new TangleError(
    'REQUEST_INVALID',
    'This Tangle has no milestones, so index and depth mean nothing here. Use targetDatabaseSize, toSeq or keepMessages.',
  );
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

function sizeWish(text: string): { readonly targetSizeBytes: number } {
  const [, digits = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,9})?) *([a-zA-Z]{0,3})$/.exec(text) ?? [];
  const factor = units[unit.toLowerCase()];
  if (digits !== '' && factor !== undefined) {
    return { targetSizeBytes: Math.floor(Number(digits) * factor) };
  }
  throw new TangleError(
    'REQUEST_INVALID',
    'targetDatabaseSize takes a number with a unit, such as 20GB or 500MiB.',
  );
}

function statusView({ pruner, store }: PruneDeps): Static<typeof statusSchema> {
  const { state, disk, limits, prunedMessages, prunedBytes, job } = pruner.status();
  return {
    state,
    cutSeq: store.cutSeq,
    folderBytes: disk.folderBytes,
    freeBytes: disk.freeBytes,
    maxSizeBytes: limits.maxSizeBytes ?? null,
    prunedMessages,
    prunedBytes,
    job: job ?? null,
  };
}
