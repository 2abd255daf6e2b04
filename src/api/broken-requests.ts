// Answers what is no HTTP request, or was never finished; no hook and no route ever sees it.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { TangleError } from '../errors.ts';
import { problemOf } from './problem.ts';

/** `cause` is the code of the parser's error. Ends the connection. */
export function refuseBroken(cause: string, socket: Socket, requestId: string): void {
  if (cause === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const { status, body } = problemOf(errorOf(cause), requestId);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
}

function errorOf(cause: string): TangleError {
  if (cause === 'ERR_HTTP_REQUEST_TIMEOUT') return new TangleError('REQUEST_TIMEOUT');
  if (cause === 'HPE_HEADER_OVERFLOW') return new TangleError('HEADERS_TOO_LARGE');
  return new TangleError('REQUEST_INVALID', 'This is not an HTTP request.');
}
