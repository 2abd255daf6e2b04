import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { ConfigSources, LoadedConfig } from '../../src/config/load.ts';
import { TangleError } from '../../src/errors.ts';

function load(sources: Partial<ConfigSources> & { file?: unknown } = {}): LoadedConfig {
  const { file, ...others } = sources;
  const readFile = (): string => {
    if (file === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' });
    return typeof file === 'string' ? file : JSON.stringify(file);
  };
  return loadConfig({ argv: [], env: {}, cwd: '/somewhere', readFile, ...others });
}

function problemsOf(sources: Parameters<typeof load>[0]): unknown {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof TangleError && error.code === 'CONFIG_INVALID') {
      return error.details['problems'];
    }
    throw error;
  }
  return [];
}

function deniedFile(): never {
  throw new Error('EACCES: permission denied');
}

describe('the settings that count', () => {
  it('are the defaults when nobody gives any', () => {
    const { config, effective } = load();
    expect(config.dataDir).toBe('./midge-data');
    expect(config.api.bind).toBe('127.0.0.1:14265');
    expect(config.pow.workers).toBeGreaterThanOrEqual(1);
    expect(effective.every(({ origin }) => origin === 'default')).toBe(true);
  });

  it('come from the file before the defaults, the environment before it, flags before all', () => {
    const file = {
      log: { level: 'debug' },
      api: { bind: 'f:1' },
      dataDir: 'f',
      pow: { workers: 2 },
    };
    const env = { MIDGE_API_BIND: 'e:2', MIDGE_DATA_DIR: 'e', MIDGE_POW_WORKERS: '3' };
    const argv = ['--data-dir', 'a', '--pow.workers=4'];
    const { config, effective } = load({ file, env, argv });
    expect(config).toMatchObject({
      log: { level: 'debug', format: 'auto' },
      api: { bind: 'e:2' },
      dataDir: 'a',
      pow: { enabled: true, workers: 4 },
    });
    const places = Object.fromEntries(effective.map((each) => [each.setting.path, each.place]));
    expect(places).toMatchObject({
      'log.format': 'default',
      'log.level': 'midge.json',
      'api.bind': 'MIDGE_API_BIND',
      dataDir: '--data-dir',
    });
  });

  it('take the last of a flag that is given twice', () => {
    expect(load({ argv: ['--data-dir', 'a', '--data-dir', 'b'] }).config.dataDir).toBe('b');
  });

  it('come from another file when a flag or the environment names one', () => {
    const read: string[] = [];
    const readFile = (path: string): string => {
      read.push(path);
      return '{}';
    };
    load({ readFile });
    load({ readFile, env: { MIDGE_CONFIG: 'other.json' } });
    load({ readFile, env: { MIDGE_CONFIG: 'other.json' }, argv: ['--config', '/etc/m.json'] });
    expect(read).toEqual(['/somewhere/midge.json', '/somewhere/other.json', '/etc/m.json']);
  });

  it('may be written in a file that begins with a byte order mark', () => {
    expect(load({ file: '\uFEFF{"dataDir":"x"}' }).config.dataDir).toBe('x');
  });
});

describe('the command line', () => {
  const commandFlags = [
    { flag: '--json', description: '' },
    { flag: '--node', placeholder: 'URL', description: '' },
  ];

  it('leaves parameters and the flags of the command to the command', () => {
    const argv = ['read', '--node', 'http://x', '--json', 'a', '-', '--', '--data-dir'];
    const { rest, flags } = load({ argv, commandFlags });
    expect(rest).toEqual(['read', 'a', '-', '--data-dir']);
    expect([...flags]).toEqual([
      ['--node', 'http://x'],
      ['--json', ''],
    ]);
  });

  it('refuses flags without a value, and switches with one', () => {
    const argv = ['--json=yes', '--node', '--data-dir', '--api.bind'];
    expect(problemsOf({ argv, commandFlags })).toEqual([
      '--json takes no value.',
      '--node needs a value.',
      '--api.bind needs a value.',
    ]);
  });

  it('takes a value that begins with a dash when it is joined to its flag', () => {
    expect(load({ argv: ['--data-dir=-odd'] }).config.dataDir).toBe('-odd');
    expect(load({ argv: ['--data-dir', '-1 odd'] }).config.dataDir).toBe('-1 odd');
  });
});

describe('what is wrong', () => {
  it('is told together, each with its place, what was given and what is allowed', () => {
    const problems = problemsOf({
      file: { pow: { workers: '3', wrkers: 3 }, api: 5, dataDir: ['a'], zzz: 1 },
      env: { MIDGE_API_BND: 'x', MIDGE_LOG_LEVEL: 'loud', PATH: '/bin' },
      argv: ['--bind', 'x', '--tangle.maxParentAgeMs=1', '--pow.workers', '0', '-q'],
    });
    expect(problems).toEqual([
      'pow.wrkers (midge.json) is not a setting; did you mean pow.workers?',
      'api (midge.json) must be an object of settings.',
      'zzz (midge.json) is not a setting.',
      'MIDGE_API_BND is not a setting; did you mean MIDGE_API_BIND?',
      '--bind is not a flag; did you mean --api.bind?',
      '--tangle.maxParentAgeMs is not a flag; did you mean --tangle.max-parent-age-ms?',
      '-q is not a flag.',
      'pow.workers (midge.json) is "3"; it takes a whole number from 1 to 256.',
      'dataDir (midge.json) is ["a"]; it takes the path of a folder.',
      'log.level (MIDGE_LOG_LEVEL) is "loud"; it takes one of trace, debug, info, warn, error, fatal, silent.',
      'pow.workers (--pow.workers) is 0; it takes a whole number from 1 to 256.',
    ]);
  });

  it('is one sentence when it is one thing, and a list when it is more', () => {
    expect(() => load({ argv: ['--x'] })).toThrow(/^--x is not a flag\.$/);
    expect(() => load({ argv: ['--x', '--y'] })).toThrow(
      'The settings have 2 problems:\n  --x is not a flag.\n  --y is not a flag.',
    );
  });

  it('is refused in the file even where a flag says better', () => {
    const file = { pow: { workers: 0 } };
    expect(problemsOf({ file, argv: ['--pow.workers', '1'] })).toHaveLength(1);
  });

  it('may be the file: absent though named, no JSON, or no object', () => {
    expect(problemsOf({ argv: ['--config', 'm.json'] })).toEqual([
      'm.json cannot be read: there is no such file.',
    ]);
    expect(() => load({ file: '{"api":' })).toThrow(/^midge\.json is not JSON: .*\.$/);
    expect(problemsOf({ file: [] })).toEqual(['midge.json must be an object of settings.']);
    expect(problemsOf({ readFile: deniedFile })).toEqual([
      'midge.json cannot be read: EACCES: permission denied.',
    ]);
  });

  it('includes names that objects have by birth', () => {
    const file = '{"__proto__": {"x": 1}, "api": {"constructor": 1}, "toString": {}}';
    expect(problemsOf({ file })).toHaveLength(3);
    expect(problemsOf({ argv: ['--__proto__', '--constructor=1'] })).toHaveLength(2);
  });
});
