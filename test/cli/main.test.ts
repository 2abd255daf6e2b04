import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { commands } from '../../src/cli/commands.ts';
import { settings } from '../../src/config/settings.ts';
import { cliPath, midge, midgeProcess, newFolder } from './midge.ts';

describe.concurrent('midge', () => {
  it('tells its version', async () => {
    const { version } = packageJson;
    expect(await midgeProcess(['--version'])).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  it.each([['--help'], ['help']])('tells every command and setting for %s', async (word) => {
    const { code, stdout } = await midgeProcess([word]);
    expect(code).toBe(0);
    for (const { name, summary } of commands) {
      expect(stdout).toContain(`  ${name}`);
      // Wrapped where the column of the commands is wide.
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(summary);
    }
    for (const { flag, group } of settings) {
      expect(stdout).toContain(`    ${flag} `);
      expect(stdout).toContain(`\n  ${group}\n`);
    }
  });

  it('tells more about one command, whichever way it is asked', async () => {
    const [byWord, byFlag] = await Promise.all([
      midge(['help', 'attach']),
      midge(['attach', 'x', '--help']),
    ]);
    expect(byWord.stdout).toMatch(/^Usage\n {2}midge attach <index> <text\|@file\|->/);
    expect(byWord.stdout).toContain('--node URL');
    expect(byWord.stdout).toContain('midge attach photos @cat.jpg');
    expect(byFlag).toEqual(byWord);
  });

  it('tells the commands that share a word', async () => {
    const { code, stdout } = await midge(['db', '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Commands\n {2}db status {3}/);
  });

  it('helps also where the settings are wrong', async () => {
    const { code } = await midge(['run', '--help'], { env: { MIDGE_LOG_LEVEL: 'loud' } });
    expect(code).toBe(0);
  });
});

describe.concurrent('a wrong command line', () => {
  it('ends the process with code 2 and a sentence on standard error', async () => {
    expect(await midgeProcess(['atach'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'midge: There is no command "atach"; did you mean attach?\n',
    });
  });

  it.each([
    [
      ['\u001B[2J'],
      String.raw`midge: There is no command "\u001b[2J"; "midge help" lists them all.` + '\n',
    ],
    [['help', 'zzz'], 'midge: There is no command "zzz"; "midge help" lists them all.\n'],
    [
      ['db'],
      'midge: One more word is missing: midge db status, midge db verify, midge db repair, midge db reindex.\n',
    ],
    [
      ['db', 'foo'],
      'midge: There is no command "db foo", but there is midge db status, midge db verify, midge db repair, midge db reindex.\n',
    ],
    [['read'], 'midge: The command is "midge read <id|index>"; see midge read --help.\n'],
    [['run', 'x'], 'midge: The command is "midge run"; see midge run --help.\n'],
    [['config', '--jsn'], 'midge: --jsn is not a flag; did you mean --json?\n'],
    [['config', '--api.bind'], 'midge: --api.bind needs a value.\n'],
    [
      ['attach', '', 'x'],
      'midge: An index is a text of 1 to 64 bytes, or 0x and as many bytes in hex.\n',
    ],
    [['read', 'x', '--limit', '0'], 'midge: --limit takes a whole number from 1 to 1000.\n'],
    [
      ['read', 'x', '--node', 'ftp://x'],
      'midge: --node takes a URL such as http://127.0.0.1:14265.\n',
    ],
    [
      ['attach', 'x', '@nothing'],
      'midge: Cannot read nothing: there is no such file; a text that begins with @ comes from standard input.\n',
    ],
  ])('%j ends with code 2 and one sentence', async (args, stderr) => {
    expect(await midge(args)).toEqual({ code: 2, stdout: '', stderr });
  });

  it('is told everything that is wrong with the settings', async () => {
    const { code, stderr } = await midge(['--pow.workers', '0'], { env: { MIDGE_X: '1' } });
    expect(code).toBe(2);
    expect(stderr).toBe(
      'midge: The settings have 2 problems:\n' +
        '  MIDGE_X is not a setting.\n' +
        '  pow.workers (--pow.workers) is 0; it takes a whole number from 1 to 256.\n',
    );
  });
});

describe.concurrent('midge config', () => {
  it('shows every setting with its value and its place', async () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, 'midge.json'), '{"log": {"level": "warn"}}');
    const env = { MIDGE_API_BIND: '[::1]:0' };
    const { stdout } = await midge(['config', '--data-dir', 'x'], { cwd, env });
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(rows).toHaveLength(settings.length);
    expect(rows).toContainEqual(['log.level', 'warn', 'midge.json']);
    expect(rows).toContainEqual(['api.bind', '[::1]:0', 'MIDGE_API_BIND']);
    expect(rows).toContainEqual(['dataDir', 'x', '--data-dir']);
    expect(rows).toContainEqual(['tangle.maxParentAgeMs', '900000 (15 min)', 'default']);
  });

  it('prints JSON for scripts', async () => {
    const { stdout } = await midge(['config', '--json', '--pow.enabled', 'false']);
    expect(JSON.parse(stdout)).toMatchObject({
      'pow.enabled': { value: false, origin: 'flag', place: '--pow.enabled' },
      'log.level': { value: 'info', origin: 'default', place: 'default' },
    });
  });
});

describe.skipIf(!existsSync('/dev/full'))('a standard output that takes nothing', () => {
  it('is told in one sentence', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [cliPath, 'config'], {
      cwd: newFolder(),
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect([status, stderr]).toEqual([1, 'midge: The output could not be written (ENOSPC).\n']);
  });
});

describe.concurrent('midge db reindex', () => {
  it('does not make a data folder where there is none', async () => {
    const { code, stderr } = await midge(['db', 'reindex', '--data-dir', '/nowhere/at/all']);
    expect(code).toBe(1);
    expect(stderr).toBe('midge: There is no data folder at /nowhere/at/all.\n');
  });
});
