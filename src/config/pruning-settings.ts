// The settings of pruning: how much of the past is kept.
import { Type } from 'typebox';
import { GiB, dayMs, minuteMs } from './leaves.ts';

const TiB = 1024 * GiB;

export const pruningSettings = Type.Object(
  {
    maxSizeBytes: Type.Optional(
      Type.Integer({
        description:
          'Most bytes that the data folder takes on the disk, all that LevelDB needs included; 0 sets no limit. When not given, half of what the disk has for it at the start.',
        minimum: 0,
        maximum: 1024 * TiB,
      }),
    ),
    maxAgeMs: Type.Optional(
      Type.Integer({
        description:
          'Messages that arrived longer ago go; at least twice tangle.maxParentAgeMs. When not given, age is no reason.',
        minimum: minuteMs,
        maximum: 100 * 365 * dayMs,
      }),
    ),
    maxMessages: Type.Optional(
      Type.Integer({
        description:
          'Most messages that are kept, unless younger ones are needed as parents. When not given, their number is no reason.',
        minimum: 1000,
        maximum: 1_000_000_000_000,
      }),
    ),
    reserveDiskBytes: Type.Optional(
      Type.Integer({
        description:
          'With less free on the disk the node takes no messages, and prunes; 0 sets no limit. When not given, a twentieth of the disk, at most 1 GiB.',
        minimum: 0,
        maximum: 1024 * TiB,
      }),
    ),
    maxPinnedBytes: Type.Optional(
      Type.Integer({
        description:
          'Most bytes that pinned messages take, which count towards maxSizeBytes; 0 keeps none. When not given, a tenth of that, at most 64 MiB.',
        minimum: 0,
        maximum: 1024 * TiB,
      }),
    ),
    archive: Type.Optional(
      Type.String({
        description:
          'Folder of the archive: what is pruned is kept there, in compressed files. When not given, it is gone.',
        placeholder: 'FOLDER',
        allowed: 'the path of a folder',
        minLength: 1,
      }),
    ),
  },
  { title: 'Pruning' },
);
