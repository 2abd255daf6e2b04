// Compiles the proof-of-work kernel (src/pow/kernel/) to WebAssembly, for 128 lanes and for 256.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const compiler = fileURLToPath(import.meta.resolve('assemblyscript/bin/asc.js'));
const source = fileURLToPath(new URL('../src/pow/kernel/kernel.as.ts', import.meta.url));

const options = [
  '-O3',
  // Optimizes again what inlining has laid open: constants move into the addresses, 3 % faster.
  '--converge',
  '--noAssert',
  '--runtime=stub',
  '--enable=simd',
  // "Exchange of v128 values", said of functions shared between files; none leaves the kernel.
  '--disableWarning=112',
];

/** Writes pow-kernel.wasm and pow-kernel-wide.wasm into the folder, which need not exist. */
export async function buildKernel(outdir: string): Promise<void> {
  await Promise.all([
    compile(path.join(outdir, 'pow-kernel.wasm'), '--use=WIDE=0'),
    compile(path.join(outdir, 'pow-kernel-wide.wasm'), '--use=WIDE=1'),
  ]);
}

/** Rejects with what the compiler wrote if the source is wrong. */
async function compile(outFile: string, width: string): Promise<void> {
  const args = [compiler, source, `--outFile=${outFile}`, ...options, width];
  await promisify(execFile)(process.execPath, args);
}
