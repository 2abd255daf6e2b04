// Runs the benches and prints one table: `npm run bench [-- NAME …] [--large]`, `npm run bench:smoke`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { apiBench } from './api.bench.ts';
import { budgetBench } from './budget.bench.ts';
import { codecBench } from './codec.bench.ts';
import { gossipBench } from './gossip.bench.ts';
import { intakeBench } from './intake.bench.ts';
import { powBench } from './pow.bench.ts';
import { storeBench } from './store.bench.ts';
import { printTable } from './table.ts';
import type { Mode, Row } from './table.ts';

const benches: Readonly<Record<string, (mode: Mode) => Promise<readonly Row[]>>> = {
  codec: codecBench,
  intake: intakeBench,
  store: storeBench,
  gossip: gossipBench,
  api: apiBench,
  pow: powBench,
  budget: budgetBench,
};

const { values, positionals } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(
    `No bench is named ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.`,
  );
  process.exit(2);
}

const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
const machine = {
  node: process.version,
  cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
  revision: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+'),
  date: new Date().toISOString(),
};
console.log(`Node ${machine.node}, ${machine.cpu}, revision ${machine.revision}\n`);

const rows: Row[] = [];
for (const [name, bench] of Object.entries(benches)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  rows.push(...(await bench({ isSmoke: values.smoke, isLarge: values.large })));
}
printTable(rows);
if (!values.smoke) {
  mkdirSync('bench/results', { recursive: true });
  const file = `bench/results/${machine.date.replaceAll(':', '-')}.json`;
  writeFileSync(file, `${JSON.stringify({ ...machine, rows }, undefined, 2)}\n`);
  console.log(`\nWritten to ${file}`);
}
