// midge db reindex: makes the index of a data folder again from its log.
import type { Call, Command } from './command.ts';
import { dataFolderOf, quietLogger } from './data-folder.ts';
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
  run: async (call) => {
    const dataDir = dataFolderOf(call);
    const messageCount = await reindex(call);
    call.print(`Indexed ${counted(messageCount, 'message')} of ${dataDir}.`);
  },
};

async function reindex(call: Call): Promise<number> {
  // Imported here, so that commands which need no store start without LevelDB.
  const { openWithBallast } = await import('../pruning/ballast.ts');
  const { storeOptions } = await import('../wiring.ts');
  using progress = openProgress('Indexing');
  await using store = await openWithBallast(
    { ...storeOptions(call.config), reindex: true },
    {
      log: quietLogger(call),
      onProgress: (done, total) => progress.update(done, total),
    },
  );
  return store.messageCount;
}
