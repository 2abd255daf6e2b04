// How bodies are read: JSON when they say so, else the bytes as they came.
import type { FastifyRequest } from 'fastify';
import { TangleError } from '../errors.ts';
import type { ApiServer } from './route.ts';

/**
 * What the largest message needs as JSON, and some white space. Of all messages of 32 768 bytes the one
 * with the longest JSON, 86 254 bytes, is a transaction of 127 inputs (123 characters each), 127 outputs
 * (133) and 127 signatures (256), with 10 177 bytes of indexed data (2 characters a byte).
 */
export const maxBodyBytes = 90_000;

export const binaryType = 'application/octet-stream';
const jsonType = /^\s*application\/json\s*(;|$)/i;

export function addBodyParsers(app: ApiServer): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, parseJson);
  app.addContentTypeParser('*', { parseAs: 'buffer' }, takeAsIs);
}

/** A few bytes can unpack to any number of them, and no message is long enough to gain by it. */
function refuseEncoded({ raw }: FastifyRequest): void {
  const encoding = raw.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return;
  throw new TangleError('REQUEST_INVALID', 'Send the body as it is, without a Content-Encoding.');
}

/** An empty body is no body: clients send a JSON content type with every request, a DELETE too. */
async function parseJson(request: FastifyRequest, text: string): Promise<unknown> {
  refuseEncoded(request);
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TangleError('REQUEST_INVALID', 'The body is not valid JSON.', { cause: error });
  }
}

async function takeAsIs(request: FastifyRequest, bytes: Buffer): Promise<Buffer> {
  refuseEncoded(request);
  return bytes;
}

/** An `onRequest` hook for routes that take bytes: whatever is not called JSON is bytes, whatever it is called. */
export function takeBytes(request: FastifyRequest, _reply: unknown, done: () => void): void {
  const { headers } = request.raw;
  if (!jsonType.test(headers['content-type'] ?? '')) headers['content-type'] = binaryType;
  done();
}
