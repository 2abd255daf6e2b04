// Loads the WebAssembly SIMD kernel (src/pow/kernel/), mines and verifies with it.
// scripts/build-kernel.ts compiles it into dist/.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { MiningKernel, VerifyKernel, Work } from './kernels.ts';

const digestBytes = 32;
const inputBytes = 40;
const hashTrits = 243;

/**
 * So many messages are verified faster in one pass than one by one.
 * Measured: a pass takes 27 us, one alone 1.6 us (Node 24, Zen 4).
 */
const batchFrom = 18;

/** About a millisecond of mining each: short, so that on a busy machine some are undisturbed. */
const speedSamples = 80;
const noncesPerSample = 8192;

/** What the wasm file exports; the numbers are byte offsets into its memory. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly lanes: { readonly value: number };
  readonly inputs: { readonly value: number };
  readonly results: { readonly value: number };
  readonly work: { readonly value: number };
  start(workerId: number, zeros: number): void;
  run(batches: number): number;
  verifyAll(): void;
  trailingZeros(input: number): number;
}

// Neither the language's types nor Node's know WebAssembly, and those for browsers bring a browser.
declare global {
  namespace WebAssembly {
    interface Module {
      readonly [Symbol.toStringTag]: 'WebAssembly.Module';
    }
    const Module: new (bytes: Uint8Array) => Module;
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the caller knows
    const Instance: new <Exports>(module: Module) => { readonly exports: Exports };
    function validate(bytes: Uint8Array): boolean;
  }
}

/** A function that does nothing but i8x16.splat. */
const smallestSimdModule = Buffer.from(
  '0061736d010000000105016000017b030201000a080106004100fd0f0b',
  'hex',
);

/** Whether this machine can run the kernel at all; if not, there is lanes.ts. */
export function simdSupported(): boolean {
  return WebAssembly.validate(smallestSimdModule);
}

let loadedKernel: WebAssembly.Module | undefined;

/**
 * The kernel for 128 lanes, compiled once. Workers should get it by `workerData` instead of loading
 * it again: what V8 has optimized of it is then fast for them from the first call on.
 */
export function loadKernel(): WebAssembly.Module {
  loadedKernel ??= compileFile('pow-kernel.wasm');
  return loadedKernel;
}

/**
 * The kernel for 256 lanes if it mines faster than the other here, else the other. Only with an
 * experimental switch of V8 is it faster (by a quarter on Zen 4), hence for those who ask for it.
 * Blocks for about 0.2 s. For mining only.
 */
export function loadFastestKernel(): WebAssembly.Module {
  const narrow = loadKernel();
  if (process.arch !== 'x64') return narrow;
  setFlagsFromString('--experimental-wasm-revectorize');
  try {
    const wide = compileFile('pow-kernel-wide.wasm');
    const [narrowMs = 0, wideMs = 0] = bestSampleMs([narrow, wide]);
    return wideMs < narrowMs && minesRight(wide, new SimdVerifier(narrow)) ? wide : narrow;
  } finally {
    // What was measured is compiled by now, and stays so.
    setFlagsFromString('--no-experimental-wasm-revectorize');
  }
}

/** Were it compiled wrong it would find nothing, for ever; right it needs 80 batches. */
function minesRight(kernel: WebAssembly.Module, verifier: SimdVerifier): boolean {
  const digest = new Uint8Array(digestBytes);
  const miner = new SimdMiner(kernel);
  miner.start(digest, 0, 9);
  const nonce = miner.run(8000);
  return nonce !== undefined && verifier.verifyOne({ digest, nonce }) >= 9;
}

/** The kernels take turns; V8 optimizes them (10 to 20 ms) on the way. */
function bestSampleMs(kernels: readonly WebAssembly.Module[]): number[] {
  const best = kernels.map(() => Infinity);
  const instances = kernels.map(
    (kernel) => new WebAssembly.Instance<KernelExports>(kernel).exports,
  );
  for (const instance of instances) instance.start(0, hashTrits);
  for (let sample = 0; sample < speedSamples; sample++) {
    for (const [index, instance] of instances.entries()) {
      const startMs = performance.now();
      instance.run(noncesPerSample / instance.lanes.value);
      best[index] = Math.min(best[index] ?? Infinity, performance.now() - startMs);
    }
  }
  return best;
}

/** Mines one message at a time. Memory: 0.3 MB. */
export class SimdMiner implements MiningKernel {
  readonly #kernel: KernelExports;
  readonly #digest: Uint8Array;
  readonly #nonce: DataView;

  constructor(kernel: WebAssembly.Module) {
    this.#kernel = new WebAssembly.Instance<KernelExports>(kernel).exports;
    const { memory, work } = this.#kernel;
    this.#digest = new Uint8Array(memory.buffer, work.value, digestBytes);
    this.#nonce = new DataView(memory.buffer, work.value + digestBytes, 8);
  }

  /** The worker id (u16) becomes bytes 6 and 7 of each nonce; takes 15 us. */
  start(digest: Uint8Array, workerId: number, zeros: number): void {
    assert(digest.length === digestBytes);
    assert(workerId >>> 16 === 0 && zeros >= 0 && zeros <= hashTrits);
    this.#digest.set(digest);
    this.#kernel.start(workerId, zeros);
  }

  /** A batch is one nonce a lane and takes 17 us. After a nonce, `run` gives the same one again. */
  run(batches: number): bigint | undefined {
    return this.#kernel.run(batches) === 0 ? undefined : this.#nonce.getBigUint64(0, true);
  }
}

/** Counts the trailing zero trits of hashes. */
export class SimdVerifier implements VerifyKernel {
  readonly #kernel: KernelExports;
  readonly #digests: Uint8Array;
  readonly #nonces: DataView;
  readonly #results: Uint8Array;

  constructor(kernel: WebAssembly.Module) {
    this.#kernel = new WebAssembly.Instance<KernelExports>(kernel).exports;
    const { memory, inputs, lanes, results } = this.#kernel;
    const byteCount = lanes.value * inputBytes;
    this.#digests = new Uint8Array(memory.buffer, inputs.value, byteCount);
    this.#nonces = new DataView(memory.buffer, inputs.value, byteCount);
    this.#results = new Uint8Array(memory.buffer, results.value, lanes.value);
  }

  /** Trailing zeros of each, exact, in order; any number. */
  verify(work: readonly Work[]): Uint8Array {
    const zeros = new Uint8Array(work.length);
    const { lanes } = this.#kernel;
    for (let start = 0; start < work.length; start += lanes.value) {
      const chunk = work.slice(start, start + lanes.value);
      const found = chunk.length < batchFrom ? this.#verifyEach(chunk) : this.#verifyBatch(chunk);
      zeros.set(found, start);
    }
    return zeros;
  }

  verifyOne(work: Work): number {
    this.#write(work, 0);
    return this.#kernel.trailingZeros(this.#kernel.inputs.value);
  }

  #verifyEach(work: readonly Work[]): Uint8Array {
    return Uint8Array.from(work, (one) => this.verifyOne(one));
  }

  #verifyBatch(work: readonly Work[]): Uint8Array {
    work.forEach((one, lane) => this.#write(one, lane));
    this.#kernel.verifyAll();
    return this.#results.subarray(0, work.length);
  }

  #write({ digest, nonce }: Work, lane: number): void {
    assert(digest.length === digestBytes);
    this.#digests.set(digest, lane * inputBytes);
    this.#nonces.setBigUint64(lane * inputBytes + digestBytes, nonce, true);
  }
}

/** The build puts the kernel beside the bundled code; the sources take it from there too. */
function compileFile(name: string): WebAssembly.Module {
  const folder = import.meta.url.endsWith('.ts') ? '../../dist/' : './';
  return new WebAssembly.Module(readFileSync(new URL(folder + name, import.meta.url)));
}
