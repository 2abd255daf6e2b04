// End-to-end tests run what ships, so what ships is made from the sources as they are now.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';

const product = 'dist/cli.js';
const sources = ['src/**/*.ts', 'scripts/*.ts', 'package.json'];

export function setup(): void {
  const changedMs = Math.max(...globSync(sources).map((file) => statSync(file).mtimeMs));
  if (existsSync(product) && statSync(product).mtimeMs > changedMs) return;
  execFileSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' });
}
