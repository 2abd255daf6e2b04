// The style guide as a test: who may import whom, no file left over, no promise without a number.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Rooms from the bottom up. A file imports from lower levels or from its own room, types included. */
const levels: readonly (readonly string[])[] = [
  [
    'errors.ts',
    'clock.ts',
    'log.ts',
    'event-loop.ts',
    'files.ts',
    'in-turn.ts',
    'open-files.ts',
    'metrics.ts',
  ],
  ['registry.ts', 'memory.ts'],
  ['protocol'],
  ['storage', 'pow'],
  ['tangle', 'backup'],
  ['api', 'gossip', 'pruning'],
  ['balance', 'proxies'],
  ['health.ts', 'summary.ts', 'wiring.ts', 'start-progress.ts'],
  ['meters.ts'],
  ['node.ts'],
  ['cli.ts', 'cli', 'index.ts', 'ops'],
];
/** Settings stand beside the line: they know only errors, and only the top knows them. */
const settings = {
  room: 'config',
  mayImport: ['errors.ts'],
  importedBy: ['summary.ts', 'wiring.ts', 'node.ts', 'cli.ts', 'cli', 'index.ts'],
};
/** Where the program starts: everything in src/ must be reachable from here. */
const entries = ['src/cli.ts', 'src/index.ts', 'src/pow/worker.ts'];

const sources = globSync('src/**/*.ts', { exclude: ['src/pow/kernel/**'] }).toSorted();
const roomOf = (file: string): string => file.split('/')[1] ?? '';
const levelOf = (room: string): number => levels.findIndex((rooms) => rooms.includes(room));

interface Import {
  readonly from: string;
  readonly to: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/(?:from|import|new URL\()\s*\(?'(\.{1,2}\/[^']+\.ts)'/g);
  return [...found].map(([, path]) => ({ from: file, to: normalize(join(dirname(file), path!)) }));
}

function isAllowed({ from, to }: Import): boolean {
  const [own, other] = [roomOf(from), roomOf(to)];
  if (own === other) return !own.endsWith('.ts') || from === to;
  if (other === settings.room) return settings.importedBy.includes(own);
  if (own === settings.room) return settings.mayImport.includes(other);
  return levelOf(other) < levelOf(own) || (own === 'cli.ts' && other === 'cli');
}

describe('the house', () => {
  it('has a level for every room', () => {
    const strange = sources.filter(
      (file) => levelOf(roomOf(file)) < 0 && roomOf(file) !== settings.room,
    );
    expect(strange).toEqual([]);
  });

  it('imports downwards only', () => {
    const wrong = sources
      .flatMap(importsOf)
      .filter((edge) => !isAllowed(edge))
      .map(({ from, to }) => `${from} imports ${to}`);
    expect(wrong).toEqual([]);
  });

  it('has no file that nothing reaches', () => {
    const reached = new Set(entries);
    for (const file of reached) {
      if (!existsSync(file)) continue;
      for (const { to } of importsOf(file)) reached.add(to);
    }
    expect(sources.filter((file) => !reached.has(file))).toEqual([]);
  });

  it('has a source for every test in a folder named like a room', () => {
    const rooms = new Set([...levels.flat(), settings.room]);
    const orphans = globSync('test/*/*.test.ts').filter((file) => {
      const [, room, name] = file.split('/');
      if (room === undefined || name === undefined || !rooms.has(room)) return false;
      const stem = name.replace(/\.test\.ts$/, '').split('.')[0] ?? '';
      return !existsSync(`src/${room}/${stem}.ts`);
    });
    expect(orphans).toEqual([]);
  });

  it('says no "to do" without a number', () => {
    const files = [...sources, ...globSync(['test/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'])];
    const marks = new RegExp(
      `\\b(${['TO', 'FIX'].map((word) => word + (word === 'TO' ? 'DO' : 'ME')).join('|')})\\b(?!.*#\\d+)`,
    );
    expect(files.filter((file) => marks.test(readFileSync(file, 'utf8')))).toEqual([]);
  });
});
