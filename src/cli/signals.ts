// How a running node, or a command that waits for one, is asked to end.
import type { EventEmitter } from 'node:events';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';

/** Ctrl-C under npm arrives twice within milliseconds: from the terminal, and passed on by npm. */
const echoMs = 1000;
/** As shells say it: 128 and the number of the signal. */
export const exitCodeOfSigint = 130;

interface SignalDeps {
  readonly signals: EventEmitter;
  readonly clock: Clock;
  readonly leaveAtOnce: () => void;
}

const ofThisProcess: SignalDeps = { signals: process, clock: systemClock, leaveAtOnce };

/** Resolves at the first SIGINT or SIGTERM. One that comes while closing takes long ends the process at once. */
export function stopSignal(deps: SignalDeps = ofThisProcess): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let firstAtMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const nowMs = deps.clock.now();
    firstAtMs ??= nowMs;
    if (nowMs - firstAtMs > echoMs) deps.leaveAtOnce();
    resolve(signal);
  };
  deps.signals.on('SIGINT', onSignal);
  deps.signals.on('SIGTERM', onSignal);
  return promise;
}

/** Its signal is aborted by SIGINT and SIGTERM, which do nothing else until it is disposed of. */
export function interruption(
  signals: EventEmitter = process,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const onSignal = (): void => controller.abort();
  for (const name of ['SIGINT', 'SIGTERM']) signals.on(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of ['SIGINT', 'SIGTERM']) signals.off(name, onSignal);
    },
  };
}

/** Daemons are told by SIGHUP to read their files again; nothing else ends or begins by it until it is disposed of. */
export function onHangUp(callback: () => void, signals: EventEmitter = process): Disposable {
  signals.on('SIGHUP', callback);
  return { [Symbol.dispose]: () => signals.off('SIGHUP', callback) };
}

function leaveAtOnce(): never {
  process.stderr.write(
    'midge: left before closing was done; no message that was answered is lost.\n',
  );
  // The only way out while open parts still hold the event loop.
  process.exit(exitCodeOfSigint);
}
