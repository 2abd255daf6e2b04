// Makes dist/: the WebAssembly kernels and the bundled node. Runs in `prepare`, so after `npm ci` there is
// something to start and to test.
import { rename, rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { buildKernel } from './build-kernel.ts';

const outdir = 'dist';
/** Built beside and moved into place at the end, so that a build that fails breaks nothing. */
const workdir = `${outdir}.${process.pid}`;

await buildKernel(workdir);
await build({
  entryPoints: { cli: 'src/cli.ts', 'pow-worker': 'src/pow/worker.ts' },
  outdir: workdir,
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
await rm(outdir, { recursive: true, force: true });
await rename(workdir, outdir);
