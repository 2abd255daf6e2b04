// The yardstick of the API bench: a server that does nothing but send bytes it has in memory. Takes them from its
// parent as one message, and tells its port.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** By path; what is posted is read to its end and answered alike. */
export type Answers = Readonly<Record<string, { readonly status: number; readonly body: string }>>;

process.once('message', (answers: Answers) => {
  const prepared = new Map(
    Object.entries(answers).map(([path, { status, body }]) => [
      path,
      { status, bytes: Buffer.from(body) },
    ]),
  );
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const { status, bytes } = prepared.get(request.url ?? '') ?? missing;
      const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
      response.writeHead(status, headers);
      response.end(bytes);
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
});

const missing = { status: 404, bytes: Buffer.alloc(0) };
