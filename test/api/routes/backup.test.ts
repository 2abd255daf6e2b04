import { expect, it } from 'vitest';
import { asAdmin, ask, errorOf, openTestApi } from '../harness.ts';

const path = '/api/midge/v1/backup';

it('a backup is the owner’s, and comes as bytes', async () => {
  await using api = await openTestApi();
  expect((await ask(api, { path })).status).toBe(401);
  expect((await ask(api, { path, method: 'HEAD', headers: asAdmin })).status).toBe(405);
  const { status, headers, bytes } = await ask(api, { path, headers: asAdmin });
  expect({ status, text: bytes.toString() }).toEqual({ status: 200, text: 'a backup' });
  expect(headers['content-type']).toBe('application/octet-stream');
});

it('one is made at a time, and a client that leaves frees its place', async () => {
  const [begun, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let count = 0;
  async function* endless() {
    count += 1;
    begun.resolve();
    try {
      if (count > 1) return;
      for (;;) yield await Promise.resolve(Buffer.alloc(1024 * 1024));
    } finally {
      left.resolve();
    }
  }
  await using api = await openTestApi({ backup: endless });
  const leaving = new AbortController();
  const first = await fetch(`${api.url}${path}`, { headers: asAdmin, signal: leaving.signal });
  await begun.promise;
  expect(errorOf(await ask(api, { path, headers: asAdmin }))).toMatchObject({
    code: '503',
    reason: 'backup_busy',
  });
  leaving.abort();
  await expect(first.arrayBuffer()).rejects.toThrow('abort');
  await left.promise;
  const again = async (): Promise<number> => (await ask(api, { path, headers: asAdmin })).status;
  // The place is free once the stream has told that it is closed, which is after its source was.
  await expect.poll(again).toBe(200);
  expect(count).toBe(2);
});

it('is read no faster than it is taken', async () => {
  let yielded = 0;
  async function* pieces() {
    for (; yielded < 400; yielded++) yield await Promise.resolve(Buffer.alloc(1024 * 1024));
  }
  await using api = await openTestApi({ backup: pieces });
  const response = await fetch(`${api.url}${path}`, { headers: asAdmin });
  const reader = response.body!.getReader();
  await reader.read();
  // What the kernel and both ends buffer is some MiB; without backpressure it would be all of it by now.
  await expect.poll(() => yielded).toBeGreaterThan(0);
  const settled = async (): Promise<number> => {
    let before = -1;
    while (before !== yielded) {
      before = yielded;
      await ask(api, { path: '/health' });
    }
    return yielded;
  };
  expect(await settled()).toBeLessThan(100);
  await reader.cancel();
});
