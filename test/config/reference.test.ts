import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { helpGroups, renderConfigurationPage } from '../../src/config/reference.ts';
import { settings } from '../../src/config/settings.ts';

const page = renderConfigurationPage();

const emptyFile = (): string => '{}';

function blockOf(language: string): string {
  return new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1] ?? '';
}

describe('help and the page about configuration', () => {
  it.each(settings)('tell $path', ({ path, flag, variable, schema }) => {
    const rows = helpGroups().flatMap((group) => group.rows);
    expect(rows.filter(([name]) => name.startsWith(`${flag} `))).toHaveLength(1);
    for (const name of [path, flag, variable]) expect(page).toContain(`\`${name}\``);
    expect(page).toContain(schema.description);
  });

  it('are the same on every machine', () => {
    expect(page).toContain('cores - 1, at least 1');
  });

  it('have cells that fit into a table', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('|'));
    for (const row of rows) expect([4, 5]).toContain(row.split('|').length - 1);
  });

  it('give examples that mean the same in all places', () => {
    const [environment = '', flags = ''] = blockOf('sh').trim().split('\n');
    const cwd = '/';
    const byFile = loadConfig({ argv: [], env: {}, cwd, readFile: () => blockOf('json') });
    const pairs = environment.split(' ').slice(0, -1);
    const env: Record<string, string> = Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
    const byEnvironment = loadConfig({ argv: [], env, cwd, readFile: emptyFile });
    const byFlags = loadConfig({
      argv: flags.split(' ').slice(1),
      env: {},
      cwd,
      readFile: emptyFile,
    });
    expect(byFile.config.log.level).toBe('warn');
    expect(byEnvironment.config).toEqual(byFile.config);
    expect(byFlags.config).toEqual(byFile.config);
  });
});
