// Watches how late the event loop is: the one sign of overload that every part of the node shares.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 50;
const windowMs = 500;
/** Some twenty seconds of windows are looked back on. */
const windowCount = 40;

export interface EventLoopWatch extends Disposable {
  /** The longest delay of the last twenty seconds. */
  maxDelayMs(): number;
  /** The usual delay of the last second. One long pause that is over does not show. */
  lateMs(): number;
}

/** Until V8 has compiled `nextTick`: 300 did not do, 1000 did each of seven times. */
const tickCount = 3_000;

/**
 * Before a node starts. Where `nextTick` is called by many and not yet compiled, V8 gives its objects up as too various,
 * and it stays three times as slow (390 against 125 ns, Node 24.21) as long as the process lives. A read by id
 * calls it seven times.
 */
export function compileTicks(): Promise<void> {
  return new Promise((resolve) => {
    let left = tickCount;
    const tick = (): void => {
      left -= 1;
      if (left === 0) resolve();
      else process.nextTick(tick);
    };
    tick();
  });
}

interface Window {
  readonly maxMs: number;
  readonly meanMs: number;
}

export function startEventLoopWatch(): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  const look = (): Window => ({ maxMs: histogram.max / 1e6, meanMs: histogram.mean / 1e6 });
  let windows: readonly Window[] = [];
  const timer = setInterval(() => {
    windows = [look(), ...windows.slice(0, windowCount - 1)];
    histogram.reset();
  }, windowMs);
  timer.unref();
  return {
    // Not by look(): for the mean Node goes through the whole histogram, and each attach asks.
    maxDelayMs: () => delayOf(Math.max(histogram.max / 1e6, ...windows.map(({ maxMs }) => maxMs))),
    lateMs: () => usualDelayMs(windows),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      histogram.disable();
    },
  };
}

/** The lesser of the last two windows: whoever is overloaded is late in both. */
export function usualDelayMs([last, before]: readonly Pick<Window, 'meanMs'>[]): number {
  if (last === undefined || before === undefined) return 0;
  // The mean of a window without a single tick is no number.
  return delayOf(Math.min(last.meanMs || 0, before.meanMs || 0));
}

/** The histogram counts from the timer's period on, so an idle loop shows the resolution itself. */
function delayOf(measuredMs: number): number {
  return Math.max(0, measuredMs - resolutionMs);
}
