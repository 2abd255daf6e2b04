import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { interruption, onHangUp, stopSignal } from '../../src/cli/signals.ts';

function listen() {
  const signals = new EventEmitter();
  const clock = { nowMs: 5_000, now: () => clock.nowMs };
  const left: number[] = [];
  const stop = stopSignal({ signals, clock, leaveAtOnce: () => left.push(clock.nowMs) });
  return { signals, clock, left, stop };
}

describe('a signal to stop', () => {
  it.each(['SIGINT', 'SIGTERM'])('may be %s', async (signal) => {
    const { signals, stop, left } = listen();
    signals.emit(signal, signal);
    await expect(stop).resolves.toBe(signal);
    expect(left).toEqual([]);
  });

  it('may arrive twice at once, as under npm', async () => {
    const { signals, clock, stop, left } = listen();
    signals.emit('SIGINT', 'SIGINT');
    clock.nowMs += 1_000;
    signals.emit('SIGINT', 'SIGINT');
    await expect(stop).resolves.toBe('SIGINT');
    expect(left).toEqual([]);
  });

  it('leaves at once when it is given again while closing takes long', () => {
    const { signals, clock, left } = listen();
    signals.emit('SIGTERM', 'SIGTERM');
    clock.nowMs += 1_001;
    signals.emit('SIGINT', 'SIGINT');
    expect(left).toEqual([6_001]);
  });
});

describe('a hang-up', () => {
  it('is told of every time, until nobody listens', () => {
    const signals = new EventEmitter();
    let count = 0;
    {
      using _ = onHangUp(() => (count += 1), signals);
      signals.emit('SIGHUP');
      signals.emit('SIGHUP');
    }
    signals.emit('SIGHUP');
    expect([count, signals.listenerCount('SIGHUP')]).toEqual([2, 0]);
  });
});

describe('an interruption', () => {
  it.each(['SIGINT', 'SIGTERM'])('is noticed only while somebody waits: %s', (name) => {
    const signals = new EventEmitter();
    {
      using waiting = interruption(signals);
      expect(waiting.signal.aborted).toBe(false);
      signals.emit(name, name);
      signals.emit(name, name);
      expect(waiting.signal.aborted).toBe(true);
    }
    expect(signals.eventNames()).toEqual([]);
  });
});
