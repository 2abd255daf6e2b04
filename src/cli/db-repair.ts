// midge db repair: saves of a damaged data folder all that can be proven.
import { jsonFlag } from './command.ts';
import type { Call, Command } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { jsonLine } from './escape.ts';
import { counted } from './layout.ts';
import { openProgress } from './progress.ts';
import type { RepairReport } from '../storage/repair.ts';
import type { SeqRanges } from '../storage/seq-ranges.ts';

const shownIds = 20;

export const dbRepair: Command = {
  name: 'db repair',
  summary: 'save of a damaged data folder all that can be proven',
  parameters: [],
  flags: [jsonFlag],
  details:
    'Reads all of the log that can be read, keeps every message that proves itself, and writes log and index anew. Only damaged messages are lost, and it is told which. The damaged log is kept beside the new one until you remove it. Needs about as much free room as the data folder takes. The node must not be running; a repair that is cut short changes nothing.',
  examples: [
    ['midge db repair', 'the data folder of the settings'],
    ['midge db repair --data-dir /var/lib/midge', 'another one'],
  ],
  run: async (call) => {
    const dataDir = dataFolderOf(call);
    const report = await repair(call, dataDir);
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(reportJson(report)) : words(report));
  },
};

async function repair({ config }: Call, dataDir: string): Promise<RepairReport> {
  // Imported here, so that commands which need no store start without LevelDB.
  const { repairStore } = await import('../storage/repair.ts');
  const { storeOptions } = await import('../wiring.ts');
  const { network, cacheBytes } = storeOptions(config);
  using progress = openProgress('Reading');
  const moment = new Date().toISOString().replaceAll(/[:.]/g, '-');
  return await repairStore({
    dataDir,
    network,
    cacheBytes,
    keepAs: `damaged-${moment}`,
    onProgress: (done, total) => progress.update(done, total),
  });
}

function words(report: RepairReport): string {
  const kept = counted(report.messageCount, 'message');
  if (report.isLogWhole) {
    return `Nothing of the log is damaged: all ${kept} are there. The index was made again.`;
  }
  return [
    `Kept ${kept}; the index was made again.`,
    ...lossLine(report.damaged, 'damaged and lost'),
    ...lossLine(report.missing, 'missing'),
    ...lossLine(report.mended, 'kept, but when they arrived is not known any more'),
    ...(report.lostPins === 0
      ? []
      : [`${counted(report.lostPins, 'message')} lost that had been pinned and kept.`]),
    ...(report.state.length === 0
      ? []
      : [`Set anew, because the log did not know it any more: ${report.state.join(', ')}.`]),
    ...idLines(report.adoptedIds),
    ...(report.pendingCount === 0
      ? []
      : [`${counted(report.pendingCount, 'message')} still wait for their parents.`]),
    `The damaged log is in ${report.keptAs}; remove it when you need it no more.`,
    'Neighbours are read from their beginning at the next start: what they have beyond that comes again.',
  ].join('\n');
}

function lossLine({ count, ranges }: SeqRanges, what: string): string[] {
  if (count === 0) return [];
  const shown = ranges.slice(0, shownIds).map(([first, last]) => {
    return first === last ? String(first) : `${first} to ${last}`;
  });
  const rest = ranges.length > shownIds ? ', …' : '';
  return [`${counted(count, 'message')} ${what}: number ${shown.join(', ')}${rest}.`];
}

function idLines(ids: readonly string[]): string[] {
  if (ids.length === 0) return [];
  const rest = ids.length > shownIds ? [`  … and ${ids.length - shownIds} more (--json)`] : [];
  return [
    'Of the lost ones others name these, and count them as pruned:',
    ...ids.slice(0, shownIds).map((id) => `  ${id}`),
    ...rest,
  ];
}

const seqs = ({ count, ranges }: SeqRanges) => ({ count, ranges });

function reportJson({ damaged, missing, mended, ...report }: RepairReport): unknown {
  return { ...report, damaged: seqs(damaged), missing: seqs(missing), mended: seqs(mended) };
}
