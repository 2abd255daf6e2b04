// midge db reindex: makes the index of a data folder again from its log.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import { TangleError } from '../errors.ts';
import { makeLogger } from '../log.ts';
import type { Command } from './command.ts';
import { counted } from './layout.ts';
import { openProgress } from './progress.ts';

export const dbReindex: Command = {
  name: 'db reindex',
  summary: 'make the index of a data folder again from its log',
  parameters: [],
  flags: [],
  details:
    'The log holds every message; the index only says where. This makes a damaged index new and loses nothing. The node must not be running.',
  examples: [
    ['midge db reindex', 'the data folder of the settings'],
    ['midge db reindex --data-dir /var/lib/midge', 'another one'],
  ],
  run: async ({ config, print }) => {
    const dataDir = resolve(config.dataDir);
    // Opening would make an empty store of whatever folder a mistyped path names.
    if (!existsSync(join(dataDir, 'log'))) {
      throw new TangleError('STORE_OPEN_FAILED', `There is no data folder at ${dataDir}.`);
    }
    const messageCount = await reindex(config, dataDir);
    print(`Indexed ${counted(messageCount, 'message')} of ${dataDir}.`);
  },
};

async function reindex(config: Config, dataDir: string): Promise<number> {
  // Imported here, so that commands which need no store start without LevelDB.
  const { openStore } = await import('../storage/open.ts');
  const { networkIdOf } = await import('../protocol/ids.ts');
  const { name } = config.network;
  using progress = openProgress('Indexing');
  await using store = await openStore(
    {
      dataDir,
      durability: config.storage.durability,
      network: { name, id: networkIdOf(name) },
      cacheBytes: config.memory.budgetBytes / 2,
      reindex: true,
    },
    {
      // Below a warning the progress says it all.
      log: makeLogger({ level: 'warn', format: config.log.format }),
      onProgress: (done, total) => progress.update(done, total),
    },
  );
  return store.messageCount;
}
