// Watches how late the event loop is: the one sign of overload that every part of the node shares.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 50;
const windowMs = 10_000;

export interface EventLoopWatch extends Disposable {
  /** The longest delay of the last ten to twenty seconds. */
  maxDelayMs(): number;
}

export function startEventLoopWatch(): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let previousMaxMs = 0;
  const timer = setInterval(() => {
    previousMaxMs = histogram.max / 1e6;
    histogram.reset();
  }, windowMs);
  timer.unref();
  return {
    // The histogram counts from the timer's period on, so an idle loop shows the resolution itself.
    maxDelayMs: () => Math.max(0, Math.max(histogram.max / 1e6, previousMaxMs) - resolutionMs),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
