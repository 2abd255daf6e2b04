import { describe, expect, it } from 'vitest';
import { Attachment } from '../../src/api/attachment.ts';
import { IdempotencyKeys, idempotencyLimits } from '../../src/api/idempotency.ts';
import { TangleError } from '../../src/errors.ts';
import { HandClock } from '../support/clock.ts';

const done = (): Attachment => new Attachment(() => Promise.resolve('id'));
const running = (): Attachment => new Attachment(() => Promise.withResolvers<string>().promise);

const request = (client: string, key: string, digest = 'd') => ({ client, key, digest });

function keysOf(clock = new HandClock()) {
  const keys = new IdempotencyKeys(clock);
  const attachmentOf = keys.attachmentOf.bind(keys);
  /** Whether the request is taken for one that was sent before. */
  const isKnown = (client: string, key: string): boolean => {
    const fresh = done();
    return attachmentOf(request(client, key), () => fresh) !== fresh;
  };
  return { attachmentOf, isKnown };
}

describe('a key', () => {
  it('stands for one attach of one client', () => {
    const { attachmentOf } = keysOf();
    const first = attachmentOf(request('a', 'k'), running);
    expect(attachmentOf(request('a', 'k'), running)).toBe(first);
    expect(attachmentOf(request('a', 'l'), running)).not.toBe(first);
    expect(attachmentOf(request('b', 'k'), running)).not.toBe(first);
  });

  it('is refused with another body', () => {
    const { attachmentOf } = keysOf();
    attachmentOf(request('a', 'k', 'one'), running);
    expect(() => attachmentOf(request('a', 'k', 'two'), running)).toThrow(
      expect.objectContaining({ code: 'IDEMPOTENCY_KEY_REUSED' }),
    );
  });

  it('is forgotten when its attach fails, and some minutes after it is done', async () => {
    const clock = new HandClock();
    const { attachmentOf, isKnown } = keysOf(clock);
    const failing = new Attachment(() => Promise.reject(new TangleError('POW_BUSY')));
    attachmentOf(request('a', 'failed'), () => failing);
    const kept = done();
    attachmentOf(request('a', 'done'), () => kept);
    await Promise.all([failing.ended, kept.ended]);
    clock.advance(idempotencyLimits.rememberMs - 1);
    expect([isKnown('a', 'failed'), isKnown('a', 'done')]).toEqual([false, true]);
    clock.advance(1);
    expect(isKnown('a', 'done')).toBe(false);
  });

  it('is kept as long as its attach runs', () => {
    const clock = new HandClock();
    const { attachmentOf, isKnown } = keysOf(clock);
    attachmentOf(request('a', 'k'), running);
    clock.advance(100 * idempotencyLimits.rememberMs);
    expect(isKnown('a', 'k')).toBe(true);
  });

  it('begins anew only after the end of an attach that everyone has left', async () => {
    const { attachmentOf, isKnown } = keysOf();
    const end = Promise.withResolvers<string>();
    const abandoned = attachmentOf(request('a', 'k'), () => new Attachment(() => end.promise));
    abandoned.want(AbortSignal.abort());
    expect(isKnown('a', 'k')).toBe(true);
    end.reject(new Error('nobody waits'));
    await abandoned.ended;
    expect(isKnown('a', 'k')).toBe(false);
  });

  it('still stands for a message that was stored after everyone had left', async () => {
    const { attachmentOf, isKnown } = keysOf();
    const end = Promise.withResolvers<string>();
    const abandoned = attachmentOf(request('a', 'k'), () => new Attachment(() => end.promise));
    abandoned.want(AbortSignal.abort());
    end.resolve('00'.repeat(32));
    await abandoned.ended;
    expect(isKnown('a', 'k')).toBe(true);
  });
});

describe('keys that are too many', () => {
  it('push out the oldest of the client with most', () => {
    const { isKnown } = keysOf();
    isKnown('small', 'mine');
    for (let count = 0; count < idempotencyLimits.keys; count++) isKnown('big', `k${count}`);
    expect(isKnown('small', 'mine')).toBe(true);
    expect(isKnown('big', 'k1')).toBe(true);
    expect(isKnown('big', 'k0')).toBe(false);
  });
});
