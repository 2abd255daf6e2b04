// Answers what is no HTTP request, or was never finished; no hook and no route ever sees it.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { TangleError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { problemOf } from './problem.ts';

/** `cause` is the code of the parser's error. Ends the connection; returns what the client was told, if anything. */
export function refuseBroken(
  cause: string,
  socket: Socket,
  requestId: string,
): ErrorCode | undefined {
  if (cause === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const error = errorOf(cause);
  socket.end(rawProblem(error, requestId), () => socket.destroy());
  return error.code;
}

/** A whole answer, the last one of its connection. */
export function rawProblem(error: TangleError, requestId: string): string {
  const { status, body } = problemOf(error, requestId);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${text}`;
}

function errorOf(cause: string): TangleError {
  if (cause === 'ERR_HTTP_REQUEST_TIMEOUT') return new TangleError('REQUEST_TIMEOUT');
  if (cause === 'HPE_HEADER_OVERFLOW') return new TangleError('HEADERS_TOO_LARGE');
  return new TangleError('REQUEST_INVALID', 'This is not an HTTP request.');
}
