// A backup of the whole log, made while the node runs.
import { Readable } from 'node:stream';
import { TangleError } from '../../errors.ts';
import { binaryType } from '../body.ts';
import { contentOf, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

export interface BackupDeps {
  /** The bytes of the file; it takes from the store no faster than they are taken. */
  readonly backup: () => AsyncIterable<Buffer>;
}

/** What waits for the client at the most, beside the piece in hand. */
const aheadBytes = 1024 * 1024;

const fileSchema = contentOf<Readable>(binaryType);

export function backupRoutes(app: ApiServer, { backup }: BackupDeps): void {
  let isRunning = false;

  app.route({
    method: 'GET',
    url: '/api/midge/v1/backup',
    // It would make the whole file to throw it away.
    exposeHeadRoute: false,
    config: { scope: 'admin', limit: 'report' },
    schema: {
      summary: 'a copy of the store, as one file',
      response: { 200: fileSchema, ...problems },
    },
    handler: async (_request, reply) => {
      if (isRunning) throw new TangleError('BACKUP_BUSY');
      isRunning = true;
      const stream = Readable.from(backup(), { objectMode: false, highWaterMark: aheadBytes });
      stream.once('close', () => {
        isRunning = false;
      });
      return reply.type(binaryType).send(stream);
    },
  });
}
