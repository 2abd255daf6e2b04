// Bundles the node into dist/. Runs in `prepare`, so after `npm ci` there is something to start.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

const outdir = 'dist';

await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: { cli: 'src/cli.ts', 'pow-worker': 'src/pow/worker.ts' },
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // Both load files beside themselves (prebuilt LevelDB, the worker entry), which a bundle would hide.
  external: ['classic-level', 'piscina'],
  banner: {
    // CommonJS packages inside the bundle still call require for Node's own modules.
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
});
