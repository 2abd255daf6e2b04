import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/config/load.ts';
import type { ConfigSources } from '../../src/config/load.ts';
import { settings, settingsOf } from '../../src/config/settings.ts';
import type { Setting } from '../../src/config/settings.ts';

/** For each setting that is text: what it takes, and what lies just outside. */
const texts: Readonly<Record<string, { allowed: string[]; refused: string[] }>> = {
  'pruning.archive': { allowed: ['x', '/mnt/nas/archive'], refused: [''] },
  'api.tls.certFile': { allowed: ['cert.pem', '/etc/midge/cert.pem'], refused: [''] },
  'api.tls.keyFile': { allowed: ['key.pem', '/etc/midge/key.pem'], refused: [''] },
  dataDir: { allowed: ['x', '/var/lib/midge', 'with space'], refused: [''] },
  'api.bind': {
    allowed: ['127.0.0.1:0', 'localhost:65535', '[::1]:14265', '0.0.0.0:1', 'my-host.example:80'],
    refused: ['localhost', ':80', 'h:65536', 'h:-1', 'h:1x', '::1:80', '[::x]:80', '[]:1', 'a b:1'],
  },
  'api.agentBind': {
    allowed: ['127.0.0.1:0', '[::1]:14266'],
    refused: ['127.0.0.1', '14266'],
  },
  'api.heartbeatUrl': {
    allowed: ['http://127.0.0.1:8080/heartbeat', 'http://[::1]/beat'],
    refused: ['127.0.0.1:8080', 'https://a.example/', 'http://', 'http://user@a.example/', 'x'],
  },
  'api.publicScopes': { allowed: ['read', 'attach', 'pow'], refused: ['admin', 'READ', 'peers'] },
  'api.trustedProxies': {
    allowed: ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', 'fd00::/8', '2001:db8::1/128'],
    refused: [
      'proxy',
      '10.0.0.0/33',
      '10.0.0/8',
      'fd00::/129',
      '::1%lo',
      '1.2.3.4/',
      '1.2.3.4/8/8',
    ],
  },
  'mqtt.bind': {
    allowed: ['127.0.0.1:1883', '[::1]:0', 'localhost:65535'],
    refused: ['1883', '127.0.0.1', '127.0.0.1:65536', '::1:1883'],
  },
  'gossip.bind': {
    allowed: ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/15600'],
    refused: ['127.0.0.1:15600', '/ip4/127.0.0.1', '/ip4/127.0.0.1/udp/1', '/dns4/a.b/tcp/1'],
  },
  'gossip.announce': {
    allowed: ['/dns4/node.example/tcp/15600', '/ip4/192.0.2.1/tcp/1'],
    refused: ['/dns4/a b/tcp/1', '/dns4//tcp/1', '/ip4/192.0.2.1/tcp/1/p2p/x'],
  },
  'gossip.discovery': { allowed: ['mdns', 'bootstrap', 'exchange'], refused: ['dht', 'MDNS'] },
  'gossip.bootstrap': {
    allowed: ['/ip4/192.0.2.1/tcp/15600/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'],
    refused: ['/ip4/192.0.2.1/tcp/15600', 'x'],
  },
  'gossip.neighbours': {
    allowed: [
      '/ip4/192.0.2.1/tcp/15600/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
      '/dns/a.example/tcp/1/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
    ],
    refused: ['/ip4/192.0.2.1/tcp/15600', '/ip4/192.0.2.1/tcp/15600/p2p/short', 'x'],
  },
  'gossip.trusted': {
    allowed: [
      '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
      '/ip4/192.0.2.1/tcp/15600/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
    ],
    refused: ['12D3KooW', '/ip4/192.0.2.1/tcp/15600', 'p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54'],
  },
  'network.name': {
    allowed: ['x', 'chrysalis-mainnet', 'x'.repeat(64)],
    refused: ['', 'x'.repeat(65), 'a b', 'ä', 'a\n'],
  },
  'network.bech32Hrp': {
    allowed: ['iota', 'a', 'x'.repeat(30)],
    refused: ['', 'x'.repeat(31), 'IOTA', 'a-b'],
  },
};

const emptyFile = (): string => '{}';

function load(table: readonly Setting[], sources: Partial<ConfigSources>): readonly unknown[] {
  const all = { argv: [], env: {}, cwd: '/', readFile: emptyFile, ...sources };
  return loadSettings(table, all).effective.map(({ value }) => value);
}

/** Values on and just beyond every bound. */
function edgesOf({ path, schema }: Setting): { allowed: unknown[]; refused: unknown[] } {
  const { enum: words, type, minimum, maximum } = schema;
  if (words !== undefined) return { allowed: [...words], refused: ['', `${words[0]!}x`] };
  if (type === 'boolean') return { allowed: [true, false], refused: ['yes', 'TRUE', ''] };
  if (type === 'array') {
    const { allowed, refused } = texts[path]!;
    return { allowed: alone(allowed), refused: alone(refused) };
  }
  if (type !== 'integer' && type !== 'number') return texts[path]!;
  expect([minimum, maximum]).not.toContain(undefined);
  const fraction = type === 'integer' ? [minimum! + 0.5] : [];
  return {
    allowed: [minimum, maximum],
    refused: [minimum! - 1, maximum! + 1, ...fraction, '', 'x', '1e3', '0x10', ' 1'],
  };
}

/** Each value as a list of its own. */
const alone = (values: readonly unknown[]): unknown[][] => values.map((value) => [value]);

describe('the table', () => {
  it('has names that differ in every place', () => {
    for (const name of ['path', 'flag', 'variable'] as const) {
      expect(new Set(settings.map((setting) => setting[name])).size).toBe(settings.length);
    }
  });

  it('spells a name for each place', () => {
    expect(settings.find(({ path }) => path === 'tangle.maxParentAgeMs')).toMatchObject({
      flag: '--tangle.max-parent-age-ms',
      variable: 'MIDGE_TANGLE_MAX_PARENT_AGE_MS',
      group: 'Tangle',
    });
    expect(settings.map(({ flag }) => flag)).toContain('--network.bech32-hrp');
    expect(settings.map(({ variable }) => variable)).toContain('MIDGE_DATA_DIR');
  });

  it('describes every setting in a sentence', () => {
    for (const { schema } of settings) expect(schema.description).toMatch(/^.{10,}\.$/);
  });

  it('has defaults that it would allow, or is off until somebody sets it', () => {
    const values = load(settings, {});
    const isOff = (index: number): boolean => values[index] === undefined;
    const off = settings.filter((_, index) => isOff(index));
    expect(off.filter(({ schema }) => schema.default !== undefined)).toEqual([]);
    for (const [index, setting] of settings.entries()) {
      if (isOff(index)) continue;
      const text = [values[index]].flat().map(String).join(',');
      expect(() => load([setting], { env: { [setting.variable]: text } })).not.toThrow();
    }
  });
});

describe.each(settings.map((setting) => [setting.path, setting] as const))('%s', (_, setting) => {
  const { allowed, refused } = edgesOf(setting);
  const { path, flag, variable } = setting;
  const fileWith = (value: unknown): string =>
    JSON.stringify(
      path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value),
    );

  // A value that is a list would be spread over the parameters of the test.
  it.each(alone(allowed))('can be %j in the file, the environment and a flag', (value) => {
    const text = String(value);
    expect(load(settings, { readFile: () => fileWith(value) })).toContainEqual(value);
    expect(load([setting], { env: { [variable]: text } })).toEqual([value]);
    expect(load([setting], { argv: [flag, text] })).toEqual([value]);
    expect(load([setting], { argv: [`${flag}=${text}`] })).toEqual([value]);
  });

  it.each(alone(refused))('is refused as %j everywhere', (value) => {
    const text = String(value);
    const start = `${path} (`;
    expect(() => load(settings, { readFile: () => fileWith(value) })).toThrow(start);
    expect(() => load([setting], { env: { [variable]: text } })).toThrow(start);
    expect(() => load([setting], { argv: [`${flag}=${text}`] })).toThrow(start);
  });

  it('is refused in the file when its type is another', () => {
    const wrong = typeof allowed[0] === 'string' ? 5 : String(allowed[0]);
    for (const value of [wrong, null, [5], {}, [allowed[0]]]) {
      expect(() => load(settings, { readFile: () => fileWith(value) })).toThrow(path);
    }
  });
});

describe('a list', () => {
  const table = settingsOf(
    Type.Object({
      peers: Type.Array(Type.String({ minLength: 2 }), { default: [], maxItems: 3 }),
      ports: Type.Array(Type.Integer({ minimum: 1 }), { default: [80] }),
      maxAgeMs: Type.Optional(Type.Integer()),
    }),
  );

  it('is an array in the file, commas in the environment, a repeated flag', () => {
    expect(load(table, {})).toEqual([[], [80], undefined]);
    expect(load(table, { readFile: () => '{"peers":["aa"],"ports":[]}' })).toEqual([
      ['aa'],
      [],
      undefined,
    ]);
    expect(load(table, { env: { MIDGE_PEERS: 'aa, bb', MIDGE_PORTS: '' } })).toEqual([
      ['aa', 'bb'],
      [],
      undefined,
    ]);
    expect(load(table, { argv: ['--peers', 'a,b', '--ports=1', '--peers=cc'] })).toEqual([
      ['a,b', 'cc'],
      [1],
      undefined,
    ]);
  });

  it('is refused when one of its items is', () => {
    expect(() => load(table, { env: { MIDGE_PORTS: '1,x' } })).toThrow(
      'ports (MIDGE_PORTS) is [1,"x"]; it takes a list: a whole number from 1.',
    );
    expect(() => load(table, { argv: ['a', 'b', 'c', 'd'].map(() => '--peers=xx') })).toThrow(
      'a list: text',
    );
  });
});
