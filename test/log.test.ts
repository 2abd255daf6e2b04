import { spawnSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** A device that is always out of space; Linux has it. */
const fullDevice = '/dev/full';

describe('the log', () => {
  it.each(['json', 'pretty'])('prints nothing that moves a cursor (%s)', (format) => {
    const code = `
      import { makeLogger } from './src/log.ts';
      const log = makeLogger({ level: 'info', format: '${format}' });
      const text = '\\u001b[2J\\u009b31m\\r\\u202e\\u2028';
      const err = new Error('first ' + text, { cause: new Error('second ' + text) });
      log.warn({ peerId: 'a', err }, 'a line');`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      encoding: 'utf8',
    });
    expect(child.stdout).toMatch(/first .*second /s);
    expect(child.stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });

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
