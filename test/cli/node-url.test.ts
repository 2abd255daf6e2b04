import { describe, expect, it } from 'vitest';
import { urlOfBind } from '../../src/cli/node-url.ts';
import { midge } from './midge.ts';

describe('the node that a command asks', () => {
  it.each([
    ['127.0.0.1:14265', 'http://127.0.0.1:14265'],
    ['0.0.0.0:80', 'http://127.0.0.1:80'],
    ['[::]:14265', 'http://[::1]:14265'],
    ['[fe80::1]:1', 'http://[fe80::1]:1'],
    ['10.0.0.0:80', 'http://10.0.0.0:80'],
  ])('is for a node that listens on %s at %s', (bind, url) => {
    expect(urlOfBind(bind)).toBe(url);
  });

  it.each(['ftp://x', 'http://', 'http://a b'])('is not %j', async (url) => {
    expect(await midge(['read', 'x', `--node=${url}`])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'midge: --node takes a URL such as http://127.0.0.1:14265.\n',
    });
  });
});
