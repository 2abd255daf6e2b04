// Faults of the node are hidden from clients; the log has them, under the request id that clients are told.
import type { TangleError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { statusOf } from './problem.ts';

/** Logs the error unless it is the client's to read. */
export type LogFault = (error: TangleError, requestId: string) => void;

export function makeFaultLog(log: Logger): LogFault {
  return (error, requestId) => {
    if (statusOf[error.code] !== 500) return;
    log.error({ requestId, err: error.cause ?? error }, 'request failed');
  };
}
