import { describe, expect, it } from 'vitest';
import { Attachment } from '../../src/api/attachment.ts';
import type { RunAttach } from '../../src/api/attachment.ts';
import { TangleError } from '../../src/errors.ts';

const mining = {
  state: 'mining',
  position: 0,
  hashes: 1,
  expectedHashes: 2,
  hashesPerSecond: 3,
  expectedMs: 4,
} as const;

function anAttach() {
  const end = Promise.withResolvers<string>();
  const call = Promise.withResolvers<Parameters<RunAttach>[0]>();
  const attachment = new Attachment((given) => {
    call.resolve(given);
    return end.promise;
  });
  return { attachment, end, call: call.promise };
}

describe('an attach', () => {
  it('goes on until the last one who wants it has left', async () => {
    const { attachment, call } = anAttach();
    const { signal } = await call;
    const [first, second] = [new AbortController(), new AbortController()];
    attachment.want(first.signal);
    void attachment.messageId(second.signal);
    first.abort();
    expect(signal.aborted).toBe(false);
    second.abort();
    expect([signal.aborted, attachment.isAbandoned]).toEqual([true, true]);
  });

  it('ends at once for one who has left already', () => {
    const { attachment } = anAttach();
    attachment.want(AbortSignal.abort());
    expect(attachment.isAbandoned).toBe(true);
  });

  it('gives its id to all who wait, and is not abandoned by those who got it', async () => {
    const { attachment, end, call } = anAttach();
    const reader = new AbortController();
    const waiting = [attachment.messageId(reader.signal), attachment.messageId(reader.signal)];
    end.resolve('id');
    expect(await Promise.all(waiting)).toEqual(['id', 'id']);
    reader.abort();
    expect([attachment.isAbandoned, (await call).signal.aborted]).toEqual([false, false]);
  });

  it.each([
    [new TangleError('POW_BUSY'), 'POW_BUSY'],
    [new Error('unexpected'), 'INTERNAL'],
  ])('fails for all with a coded error: %s', async (error, code) => {
    const { attachment, end } = anAttach();
    const waiting = attachment.messageId(new AbortController().signal);
    end.reject(error);
    await expect(waiting).rejects.toThrow(expect.objectContaining({ code }));
    expect(attachment.state).toMatchObject({ name: 'failed', error: { code } });
  });

  it('is admitted with its first progress', async () => {
    const { attachment, call } = anAttach();
    (await call).onProgress?.(mining);
    await attachment.admitted;
    expect(attachment.state).toEqual({ name: 'mining', progress: mining });
  });

  it('is admitted when it ends without any', async () => {
    const { attachment, end } = anAttach();
    end.reject(new TangleError('POW_BUSY'));
    await attachment.admitted;
    expect(attachment.state.name).toBe('failed');
  });

  it('takes no progress after its end', async () => {
    const { attachment, end, call } = anAttach();
    end.resolve('id');
    await attachment.ended;
    (await call).onProgress?.(mining);
    expect(attachment.state).toEqual({ name: 'done', messageId: 'id' });
  });

  it('tells its end once, soon or late', async () => {
    const { attachment, end, call } = anAttach();
    const told: string[] = [];
    attachment.onEnd(({ name }) => told.push(`soon ${name}`));
    (await call).onProgress?.(mining);
    end.resolve('id');
    await attachment.ended;
    attachment.onEnd(({ name }) => told.push(`late ${name}`));
    expect(told).toEqual(['soon done', 'late done']);
  });
});
