import { spawnSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** A device that is always out of space; Linux has it. */
const fullDevice = '/dev/full';

describe('the log', () => {
  it.skipIf(!existsSync(fullDevice)).each(['json', 'pretty'])(
    'loses lines rather than the node when its disk is full (%s, needs /dev/full)',
    (format) => {
      const code = `
        import { makeLogger } from './src/log.ts';
        const log = makeLogger({ level: 'info', format: '${format}' });
        for (let line = 0; line < 1000; line++) log.info({ line }, 'a line');
        setImmediate(() => process.stderr.write('alive'));`;
      const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
        stdio: ['ignore', openSync(fullDevice, 'w'), 'pipe'],
        encoding: 'utf8',
      });
      expect(child.stderr).toBe('alive');
      expect(child.status).toBe(0);
    },
  );
});
