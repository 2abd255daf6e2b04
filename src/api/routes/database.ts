// How large the store is, how fast it grows, and when that meets a limit.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { dataOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

const count = Type.Integer({ minimum: 0 });
const days = Type.Union([Type.Number(), Type.Null({ description: 'never' })]);

const growthSchema = Type.Object({
  messagesPerDay: Type.Number(),
  bytesPerDay: Type.Number(),
  measuredMs: Type.Number({ description: 'how much of the past was counted: a day, or all' }),
  daysToMaxSize: Type.Optional(days),
  daysToFullDisk: days,
});

export const databaseSchema = Type.Object({
  messageCount: count,
  cutSeq: Type.Integer({ description: 'up to this number messages were pruned' }),
  lastSeq: count,
  messageBytes: Type.Integer({ description: 'of the messages alone, from samples' }),
  diskBytes: Type.Integer({ description: 'of the data folder' }),
  reclaimableBytes: Type.Integer({ description: 'pruned, and gone with the next compactions' }),
  freeBytes: Type.Integer({ description: 'of the disk' }),
  oldestMs: Type.Optional(Type.Integer({ description: 'arrival of the oldest message' })),
  newestMs: Type.Optional(Type.Integer({ description: 'arrival of the newest message' })),
  growth: Type.Optional(growthSchema),
  maxSizeBytes: Type.Optional(count),
  reserveDiskBytes: count,
  keptMessages: Type.Integer({ description: 'pruned, and readable because they are pinned' }),
  pinnedBytes: Type.Integer({ description: 'of pinned messages, in the log or kept' }),
  maxPinnedBytes: count,
  entryPoints: Type.Integer({ description: 'pruned, and named as parents by stored messages' }),
  maxEntryPoints: count,
});
export type DatabaseReply = Static<typeof databaseSchema>;
type Growth = NonNullable<DatabaseReply['growth']>;

/** As pruning tells it: what has no end is Infinity there, and null in JSON. */
export interface DatabaseInfo extends Readonly<
  Omit<DatabaseReply, 'growth' | 'oldestMs' | 'newestMs' | 'maxSizeBytes'>
> {
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
  readonly maxSizeBytes: number | undefined;
  readonly growth:
    | (Readonly<Omit<Growth, 'daysToMaxSize' | 'daysToFullDisk'>> & {
        readonly daysToMaxSize: number | undefined;
        readonly daysToFullDisk: number;
      })
    | undefined;
}

export interface DatabaseDeps {
  readonly database: () => Promise<DatabaseInfo>;
}

export function databaseRoutes(app: ApiServer, { database }: DatabaseDeps): void {
  app.route({
    method: 'GET',
    url: '/api/midge/v1/database',
    config: { scope: 'admin', limit: 'report' },
    schema: {
      summary: 'how large the store is, and how it grows',
      response: { 200: dataOf(databaseSchema), ...problems },
    },
    handler: async () => ({ data: databaseView(await database()) }),
  });
}

/** Of a stopped node too. */
export function databaseView(info: DatabaseInfo): DatabaseReply {
  const { growth, oldestMs, newestMs, maxSizeBytes, ...rest } = info;
  return {
    ...rest,
    ...(oldestMs === undefined ? {} : { oldestMs }),
    ...(newestMs === undefined ? {} : { newestMs }),
    ...(maxSizeBytes === undefined ? {} : { maxSizeBytes }),
    ...(growth === undefined ? {} : { growth: growthView(growth) }),
  };
}

function growthView({
  daysToMaxSize,
  daysToFullDisk,
  ...rest
}: NonNullable<DatabaseInfo['growth']>): Growth {
  return {
    ...rest,
    daysToFullDisk: finite(daysToFullDisk),
    ...(daysToMaxSize === undefined ? {} : { daysToMaxSize: finite(daysToMaxSize) }),
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
