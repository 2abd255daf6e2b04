// What a node answers, as far as the commands read it. Checked, because any server can be behind a URL.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { Check } from 'typebox/schema';

const hex = Type.String({ pattern: '^(?:[0-9a-f]{2})*$' });
const id = Type.String({ pattern: '^[0-9a-f]{64}$' });
const u64 = Type.String({ pattern: '^[0-9]{1,20}$' });

export const envelopeSchema = Type.Object({ data: Type.Unknown() });

export const submittedSchema = Type.Object({ messageId: id });

export const messageSchema = Type.Object({
  networkId: u64,
  parentMessageIds: Type.Array(id, { maxItems: 8 }),
  payload: Type.Optional(Type.Union([Type.Null(), Type.Object({ type: Type.Integer() })])),
  nonce: u64,
});
export type MessageReply = Static<typeof messageSchema>;

export const foundSchema = Type.Object({
  index: hex,
  maxResults: Type.Integer(),
  count: Type.Integer(),
  messageIds: Type.Array(id),
});
export type FoundReply = Static<typeof foundSchema>;

export const errorSchema = Type.Object({
  error: Type.Object({ message: Type.String(), reason: Type.Optional(Type.String()) }),
});

const progressSchema = Type.Object({
  position: Type.Integer(),
  hashes: Type.Number(),
  expectedHashes: Type.Number(),
  hashesPerSecond: Type.Number(),
  // What has no end is null in JSON.
  expectedMs: Type.Union([Type.Number(), Type.Null()]),
});
export type ProgressReply = Static<typeof progressSchema>;

export const jobSchema = Type.Object({
  jobId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  state: Type.Enum(['queued', 'mining', 'done', 'failed']),
  progress: Type.Optional(progressSchema),
  messageId: Type.Optional(id),
  error: Type.Optional(errorSchema.properties.error),
});
export type JobReply = Static<typeof jobSchema>;

const indexationSchema = Type.Object({
  type: Type.Literal(2),
  index: hex,
  data: Type.Optional(hex),
});
const transactionSchema = Type.Object({ essence: Type.Object({ payload: indexationSchema }) });

export interface Indexation {
  readonly indexHex: string;
  readonly data: Uint8Array;
}

/** The indexation of a message, or the one inside its transaction. */
export function indexationOf({ payload }: MessageReply): Indexation | undefined {
  const inner = Check(transactionSchema, payload) ? payload.essence.payload : payload;
  if (!Check(indexationSchema, inner)) return undefined;
  return { indexHex: inner.index, data: Buffer.from(inner.data ?? '', 'hex') };
}

export function payloadName({ payload }: MessageReply): string {
  if (payload === undefined || payload === null) return 'none';
  return ['transaction', 'milestone', 'indexation'][payload.type] ?? `type ${payload.type}`;
}
