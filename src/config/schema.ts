// THE table of settings, its longer sections in files beside it. Types, defaults, bounds, flags, environment
// names, help and docs come from here; a new setting is one entry, and the line that reads it.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { apiSettings } from './api-settings.ts';
import { gossipSettings } from './gossip-settings.ts';
import { GiB, MiB, dayMs, minuteMs } from './leaves.ts';
import { mqttSettings } from './mqtt-settings.ts';
import { powSettings } from './pow-settings.ts';
import { pruningSettings } from './pruning-settings.ts';

/**
 * Leaves carry beside JSON Schema's own keywords: `placeholder`, what help writes for a value, and
 * `allowed`, what a person may write where a pattern or a check would say it badly.
 */
export const settingsSchema = Type.Object({
  dataDir: Type.String({
    description: 'Folder of everything the node keeps; made when it is not there.',
    default: './midge-data',
    placeholder: 'FOLDER',
    allowed: 'the path of a folder',
    minLength: 1,
  }),
  api: apiSettings,
  mqtt: mqttSettings,
  gossip: gossipSettings,
  network: Type.Object(
    {
      name: Type.String({
        description: 'The network; nodes and clients of another name stay strangers.',
        default: 'midge-private',
        placeholder: 'NAME',
        allowed: '1 to 64 visible ASCII characters without spaces',
        pattern: '^[!-~]{1,64}$',
      }),
      bech32Hrp: Type.String({
        description: 'What addresses of this network begin with.',
        default: 'atoi',
        placeholder: 'PREFIX',
        // A bech32 text has at most 90 characters, and an address needs 60 of them after this part.
        allowed: '1 to 30 lower-case letters and digits',
        pattern: '^[a-z0-9]{1,30}$',
      }),
      minPowScore: Type.Integer({
        description: 'Least proof of work (hashes per byte) that a message must carry.',
        default: 4000,
        minimum: 1,
        // Milestones announce the score as a u32.
        maximum: 0xffff_ffff,
      }),
    },
    { title: 'Network' },
  ),
  tangle: Type.Object(
    {
      maxParentAgeMs: Type.Integer({
        description:
          'A message whose parent got its first child longer ago than this is never offered as a tip.',
        default: 15 * minuteMs,
        // Tips live 3 s after their first approval, and none may be stale.
        minimum: 5000,
        maximum: 30 * dayMs,
      }),
    },
    { title: 'Tangle' },
  ),
  pow: powSettings,
  storage: Type.Object(
    {
      durability: Type.Enum(['power-loss', 'process-crash'], {
        description: 'What a message that was answered with 201 survives.',
        default: 'power-loss',
      }),
    },
    { title: 'Storage' },
  ),
  pruning: pruningSettings,
  memory: Type.Object(
    {
      budgetBytes: Type.Integer({
        description: 'Caches and queues are sized from it.',
        default: 256 * MiB,
        minimum: 32 * MiB,
        maximum: 64 * GiB,
      }),
    },
    { title: 'Memory' },
  ),
  log: Type.Object(
    {
      level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
        description: 'The least important lines that are still written.',
        default: 'info',
      }),
      format: Type.Enum(['auto', 'pretty', 'json'], {
        description: 'auto is pretty on a terminal and JSON lines elsewhere.',
        default: 'auto',
      }),
    },
    { title: 'Log' },
  ),
});

/** Every setting with its effective value, as `loadConfig` gives it. */
export type Config = DeepReadonly<Static<typeof settingsSchema>>;

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;
