import { describe, expect, it } from 'vitest';
import { Slots } from '../../src/pow/slots.ts';

const never = new AbortController().signal;

describe('the slots', () => {
  it('go to those who wait in the order in which they came', async () => {
    const slots = new Slots({ slots: 1, maxWaiting: 3 });
    const order: number[] = [];
    const first = await slots.take(never);
    const waiting = [1, 2, 3].map(async (place) => {
      using _ = await slots.take(never);
      order.push(place);
    });
    first[Symbol.dispose]();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
  });

  it('are refused when the line is full, and only then', async () => {
    const slots = new Slots({ slots: 2, maxWaiting: 1 });
    const held = await slots.take(never);
    await slots.take(never);
    const waiting = slots.take(never);
    await expect(slots.take(never)).rejects.toMatchObject({ code: 'POW_BUSY' });
    held[Symbol.dispose]();
    await waiting;
    const next = slots.take(never);
    await expect(slots.take(never)).rejects.toMatchObject({ code: 'POW_BUSY' });
    (await waiting)[Symbol.dispose]();
    await next;
  });

  it('are not waited for any longer after the signal, and the place in the line is free', async () => {
    const slots = new Slots({ slots: 1, maxWaiting: 1 });
    const held = await slots.take(never);
    const impatient = new AbortController();
    const waiting = slots.take(impatient.signal);
    impatient.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'POW_ABORTED' });
    const next = slots.take(never);
    held[Symbol.dispose]();
    await next;
  });

  it('are not given to someone who has already gone', async () => {
    const slots = new Slots({ slots: 1, maxWaiting: 1 });
    await expect(slots.take(AbortSignal.abort())).rejects.toMatchObject({ code: 'POW_ABORTED' });
    await slots.take(never);
  });
});
