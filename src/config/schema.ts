// THE table of settings. Types, defaults, bounds, flags, environment names, help and docs come from
// here; a new setting is one entry, and the line that reads it.
import { isIP, isIPv6 } from 'node:net';
import { availableParallelism } from 'node:os';
import { Type } from 'typebox';
import type { Static, TSchemaOptions, TString } from 'typebox';

/** A default that depends on the machine: found when the settings are loaded, told in words. */
export interface MachineDefault {
  readonly words: string;
  find(): number;
}

const workersOfThisMachine: MachineDefault = {
  words: 'cores - 1, at least 1',
  find: () => Math.max(1, availableParallelism() - 1),
};

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

// Only the shapes: whether the parts make sense is seen when they are used.
const host = '(ip4/[0-9.]{7,15}|ip6/[0-9a-fA-F:.]{2,45}|dns[46]?/[A-Za-z0-9.-]{1,253})';
const listenPattern = '^/(ip4/[0-9.]{7,15}|ip6/[0-9a-fA-F:.]{2,45})/tcp/[0-9]{1,5}$';
const addressPattern = `^/${host}/tcp/[0-9]{1,5}$`;
const neighbourPattern = `^/${host}/tcp/[0-9]{1,5}/p2p/[1-9A-HJ-NP-Za-km-z]{46,64}$`;

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
  api: Type.Object(
    {
      bind: hostPort({
        description: 'Address the REST API listens on. Port 0 asks for a free one.',
        default: '127.0.0.1:14265',
      }),
      publicScopes: Type.Array(Type.Enum(['read', 'attach', 'pow']), {
        description:
          'What callers without a token may do; pow is the work for messages without a nonce.',
        default: ['read', 'attach', 'pow'],
        maxItems: 3,
      }),
      trustedProxies: Type.Array(ipNetwork(), {
        description:
          'Proxies whose X-Forwarded-For names the client; clients share mining fairly, so behind a proxy all are one without it.',
        default: [],
        maxItems: 1000,
      }),
    },
    { title: 'REST API' },
  ),
  gossip: Type.Object(
    {
      bind: Type.Array(multiaddr(listenPattern, 'addresses such as /ip4/0.0.0.0/tcp/15600'), {
        description: 'Addresses that neighbours reach this node at. Port 0 asks for a free one.',
        default: ['/ip4/127.0.0.1/tcp/15600'],
        maxItems: 16,
      }),
      announce: Type.Array(multiaddr(addressPattern, 'addresses such as /dns4/HOST/tcp/15600'), {
        description: 'Addresses to tell neighbours instead, when this node is behind a router.',
        default: [],
        maxItems: 16,
      }),
      neighbours: Type.Array(
        multiaddr(neighbourPattern, 'addresses such as /ip4/192.0.2.1/tcp/15600/p2p/PEER-ID'),
        {
          description:
            'Neighbours to connect to; without any, and without discovery, no others are let in. The own address is passed over.',
          default: [],
          maxItems: 100,
        },
      ),
      discovery: Type.Array(Type.Enum(['mdns', 'bootstrap', 'exchange']), {
        description:
          'How to find nodes that nobody named: on the local network, through gossip.bootstrap, by asking neighbours. Then unknown ones are let in.',
        default: [],
        maxItems: 3,
      }),
      bootstrap: Type.Array(
        multiaddr(neighbourPattern, 'addresses such as /ip4/192.0.2.1/tcp/15600/p2p/PEER-ID'),
        {
          description: 'Nodes through which others are found, with gossip.discovery bootstrap.',
          default: [],
          maxItems: 100,
        },
      ),
      maxConnections: Type.Integer({
        description: 'Most connections with other nodes, whatever they are used for.',
        default: 256,
        minimum: 1,
        maximum: 10_000,
      }),
      maxUnknownNeighbours: Type.Integer({
        description: 'Neighbours that nobody named, found by discovery or come by themselves.',
        default: 4,
        minimum: 0,
        maximum: 100,
      }),
      maxBytesPerSecond: Type.Integer({
        description: 'Most that is read from one neighbour.',
        default: 8 * MiB,
        // One frame at least.
        minimum: 64 * 1024,
        maximum: GiB,
      }),
    },
    { title: 'Gossip' },
  ),
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
  pow: Type.Object(
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
  ),
  storage: Type.Object(
    {
      durability: Type.Enum(['power-loss', 'process-crash'], {
        description: 'What a message that was answered with 201 survives.',
        default: 'power-loss',
      }),
    },
    { title: 'Storage' },
  ),
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

function multiaddr(pattern: string, allowed: string): TString {
  return Type.String({ placeholder: 'MULTIADDR', allowed, pattern });
}

/** Every setting with its effective value, as `loadConfig` gives it. */
export type Config = DeepReadonly<Static<typeof settingsSchema>>;

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

function ipNetwork(): TString {
  return Type.Refine(
    Type.String({
      placeholder: 'ADDRESS[/BITS]',
      allowed: 'IP addresses and networks such as 10.0.0.0/8',
    }),
    isIpNetwork,
  );
}

function isIpNetwork(text: string): boolean {
  const parts = /^(?<address>[^/%]+)(?:\/(?<bits>\d{1,3}))?$/.exec(text)?.groups;
  const version = isIP(parts?.['address'] ?? '');
  return version !== 0 && Number(parts?.['bits'] ?? 0) <= (version === 4 ? 32 : 128);
}

function hostPort(options: TSchemaOptions): TString {
  return Type.Refine(
    Type.String({
      placeholder: 'HOST:PORT',
      allowed: 'HOST:PORT with a port from 0 to 65535; an IPv6 host stands in brackets',
      ...options,
    }),
    isHostPort,
  );
}

function isHostPort(text: string): boolean {
  const parts = /^(?:\[(?<ipv6>[^\]]*)\]|[^\s:/[\]]+):(?<port>\d{1,5})$/.exec(text)?.groups;
  if (parts === undefined) return false;
  const isHostFine = parts['ipv6'] === undefined || isIPv6(parts['ipv6']);
  return isHostFine && Number(parts['port']) <= 0xffff;
}
