// midge db verify: looks whether everything in a data folder is as it must be.
import { TangleError } from '../errors.ts';
import { faultTable, noteTable } from '../storage/findings.ts';
import type { VerifyReport } from '../storage/verify.ts';
import { jsonFlag } from './command.ts';
import type { Call, Command } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { jsonLine } from './escape.ts';
import { counted } from './layout.ts';
import { openProgress } from './progress.ts';
import type { Progress } from './progress.ts';

export const dbVerify: Command = {
  name: 'db verify',
  summary: 'look whether everything in a data folder is as it must be',
  parameters: [],
  flags: [jsonFlag],
  details:
    'Reads all of log and index: every message must match its checksum and its id, numbers go on without a gap, parents stand before their children, and log and index know the same. Changes nothing, and takes no more memory for a larger folder. Ends with 0 when all is well and with 1 when there are faults. The node must not be running.',
  examples: [
    ['midge db verify', 'the data folder of the settings'],
    ['midge db verify --data-dir /var/lib/midge --json', 'another one, for a script'],
  ],
  run: async (call) => {
    const dataDir = dataFolderOf(call);
    const report = await verify(call, dataDir);
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(report) : words(report));
    if (report.faults.length > 0) throw new TangleError('STORE_DAMAGED', wayOut(report, dataDir));
  },
};

async function verify({ config }: Call, dataDir: string): Promise<VerifyReport> {
  // Imported here, so that commands which need no store start without LevelDB.
  const { verifyStore } = await import('../storage/verify.ts');
  const { storeOptions } = await import('../wiring.ts');
  const { network, cacheBytes } = storeOptions(config);
  using bars = new DisposableStack();
  const open = new Map<string, Progress>();
  return await verifyStore({
    dataDir,
    network,
    cacheBytes,
    onProgress: (what, done, total) => {
      const bar = open.get(what) ?? bars.use(openProgress(`Reading the ${what}`));
      open.set(what, bar);
      bar.update(done, total);
    },
  });
}

function words({ messageCount, cutSeq, lastSeq, faults, notes }: VerifyReport): string {
  const numbers = lastSeq > cutSeq ? `, numbers ${cutSeq + 1} to ${lastSeq}` : '';
  return [
    `${counted(messageCount, 'message')}${numbers}.`,
    ...faults.map(({ kind, count, examples }) => {
      return `FAULT ${kind}: ${faultTable[kind]} (${count}x)${listed(examples)}`;
    }),
    ...notes.map(({ kind, count, examples }) => {
      return `note ${kind}: ${noteTable[kind]} (${count}x)${listed(examples)}`;
    }),
    ...(faults.length === 0 ? ['Everything is as it must be.'] : []),
  ].join('\n');
}

function listed(examples: readonly string[]): string {
  return examples.length === 0 ? '' : `: ${examples.join('; ')}`;
}

/** What is wrong with the index alone costs nothing but time. */
function wayOut({ faults }: VerifyReport, dataDir: string): string {
  const ofIndex = /^(index|id|ids|child|children|indexation|pending)-/;
  return faults.every(({ kind }) => ofIndex.test(kind))
    ? `The index in ${dataDir} has faults; "midge db reindex" makes it again and loses nothing.`
    : `The log in ${dataDir} has faults; "midge db repair" keeps all that can be proven.`;
}
