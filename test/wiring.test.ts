import { expect, it } from 'vitest';
import { loadConfig } from '../src/config/load.ts';
import { archiveOptions } from '../src/wiring.ts';

const archiveOf = (...argv: string[]) =>
  archiveOptions(loadConfig({ argv, env: {}, cwd: '/tmp', commandFlags: [] }).config);

it('an archive lies outside of the data folder, whose size is kept to', () => {
  expect(archiveOf('--data-dir', '/x/data')).toBeUndefined();
  const outside = ['--data-dir', '/x/data', '--pruning.archive', '/x/archive'];
  expect(archiveOf(...outside)).toMatchObject({ folder: '/x/archive' });
  for (const inside of ['/x/data', '/x/data/archive']) {
    expect(() => archiveOf('--data-dir', '/x/data', '--pruning.archive', inside)).toThrow(
      'inside of the data folder',
    );
  }
});
