// Which kernel does the work: the fastest one that proves itself on this machine.
import { TangleError } from '../errors.ts';
import type { MiningKernel, VerifyKernel } from './kernels.ts';
import { LaneMiner, LaneVerifier } from './lanes.ts';
import { loadFastestKernel, loadKernel, SimdMiner, simdSupported, SimdVerifier } from './simd.ts';
import { testMiner, testVerifier } from './self-test.ts';

/** Can be posted to a thread, where `makeMiner` brings it to life. */
export interface MinerKernel {
  readonly name: 'simd-256' | 'simd-128' | 'lanes-32';
  /** Hashes a batch. */
  readonly lanes: number;
  /** Absent: plain TypeScript. */
  readonly module?: WebAssembly.Module | undefined;
}

export interface ChooseOptions {
  /** Tries 256 lanes, with an experimental switch of V8, and takes them if they are faster here. */
  readonly wideVectors?: boolean | undefined;
  /** Hears of a kernel that cannot be used, and why. */
  readonly onRefused?: ((name: string, cause: unknown) => void) | undefined;
}

const lanes32: MinerKernel = { name: 'lanes-32', lanes: 32 };

/** @throws TangleError POW_FAILED when not even plain TypeScript finds a nonce. */
export function chooseMiner({ wideVectors = false, onRefused }: ChooseOptions): MinerKernel {
  const candidates = [
    ...(wideVectors ? [{ name: 'simd-256', make: fastestSimd }] : []),
    { name: 'simd-128', make: simd128 },
    { name: 'lanes-32', make: () => lanes32 },
  ];
  return firstGood(candidates, (kernel) => testMiner(makeMiner(kernel), kernel.lanes), onRefused);
}

/** @throws TangleError POW_FAILED when not even plain TypeScript verifies what is known. */
export function chooseVerifier(onRefused?: ChooseOptions['onRefused']): VerifyKernel {
  const candidates = [
    { name: 'simd-128', make: () => new SimdVerifier(simd128().module) },
    { name: 'lanes-32', make: () => new LaneVerifier() },
  ];
  return firstGood<VerifyKernel>(candidates, testVerifier, onRefused);
}

export function makeMiner({ module }: MinerKernel): MiningKernel {
  return module === undefined ? new LaneMiner() : new SimdMiner(module);
}

function simd128(): MinerKernel & { readonly module: WebAssembly.Module } {
  if (!simdSupported()) throw new Error('this machine has no WebAssembly SIMD');
  return { name: 'simd-128', lanes: 128, module: loadKernel() };
}

function fastestSimd(): MinerKernel {
  const narrow = simd128();
  const module = loadFastestKernel();
  return module === narrow.module ? narrow : { name: 'simd-256', lanes: 256, module };
}

export interface Candidate<Kernel> {
  readonly name: string;
  readonly make: () => Kernel;
}

/** The first that can be made and passes. */
export function firstGood<Kernel>(
  candidates: readonly Candidate<Kernel>[],
  test: (kernel: Kernel) => void,
  onRefused: ChooseOptions['onRefused'],
): Kernel {
  for (const { name, make } of candidates) {
    try {
      const kernel = make();
      test(kernel);
      return kernel;
    } catch (error) {
      onRefused?.(name, error);
    }
  }
  throw new TangleError('POW_FAILED', 'No proof of work kernel passes its test on this machine.');
}
