import { describe, expect, it } from 'vitest';
import { measurePeer } from '../../src/cli/pow-peers.ts';
import { midge } from './midge.ts';

interface Report {
  readonly kernels: readonly { readonly name: string; readonly hashesPerSecond: number }[];
  readonly chosen: string;
  readonly peers: readonly { readonly name: string }[];
  readonly minPowScore: number;
}

describe('midge bench pow', () => {
  it('measures every kernel and every peer that is here', async () => {
    const line = ['bench', 'pow', '--json', '--seconds', '0.01', '--network.min-pow-score=100'];
    const { code, stdout, stderr } = await midge(line);
    expect([code, stderr]).toEqual([0, '']);
    const report = JSON.parse(stdout) as Report;
    expect(report.minPowScore).toBe(100);
    expect(report.kernels.map(({ name }) => name)).toContain('lanes-32');
    expect(report.kernels.map(({ name }) => name)).toContain(report.chosen);
    expect(report.kernels.every(({ hashesPerSecond }) => hashesPerSecond > 0)).toBe(true);
    expect(report.peers.map(({ name }) => name)).toEqual([
      '@iota/iota.js',
      '@iota/pow-node.js',
      '@iota/pow-wasm.js',
    ]);
  });

  it('is silent about what is not installed', async () => {
    expect(await measurePeer({ name: 'no-such-package', exported: 'X' })).toBeUndefined();
    expect(await measurePeer({ name: 'iota.js', exported: 'NoSuchClass' })).toBeUndefined();
  });

  it.each(['0', '-1', 'x', '61'])('takes no %s seconds', async (seconds) => {
    const { code, stderr } = await midge(['bench', 'pow', `--seconds=${seconds}`]);
    expect([code, stderr]).toEqual([2, 'midge: --seconds takes a number up to 60.\n']);
  });
});
