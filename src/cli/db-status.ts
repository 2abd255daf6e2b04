// midge db status: how large the store of a node is, how fast it grows, and when that meets a limit.
import { resolve } from 'node:path';
import { databaseSchema, databaseView } from '../api/routes/database.ts';
import type { DatabaseReply } from '../api/routes/database.ts';
import { isCoded } from '../errors.ts';
import { askOwner } from './ask-owner.ts';
import { jsonFlag, nodeFlag } from './command.ts';
import type { Call, Command } from './command.ts';
import { hasStore, quietLogger } from './data-folder.ts';
import { jsonLine } from './escape.ts';
import { alignColumns, bytesWords, counted } from './layout.ts';
import { ownerFlags } from './owner.ts';

const hourMs = 3_600_000;
/** What came within less says nothing about a day. */
const minMeasuredMs = hourMs / 6;

export const dbStatus: Command = {
  name: 'db status',
  summary: 'show how large the store of a node is, and when it meets its limits',
  parameters: [],
  flags: [...ownerFlags, jsonFlag],
  details:
    'Of a running node, which is asked, or of a stopped one. Growth is measured: what arrived within the last day, or since the oldest message if that is younger. Days are those until pruning begins by size, and until the disk is so full that messages are refused.',
  examples: [
    ['midge db status', 'the node of the settings'],
    ['midge db status --json', 'for a script'],
  ],
  run: async (call) => {
    const status = await statusOf(call);
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(status) : words(status));
  },
};

/** Of the stopped node in the data folder; where that is running, or another one is named, it is asked. */
async function statusOf(call: Call): Promise<DatabaseReply> {
  const dataDir = resolve(call.config.dataDir);
  if (call.flags.has(nodeFlag.flag) || !hasStore(dataDir)) return ofNode(call);
  // Imported here, so that commands which need no store start without LevelDB.
  const { openWithBallast } = await import('../pruning/ballast.ts');
  const { pruningOptions, storeOptions } = await import('../wiring.ts');
  const { databaseStatus } = await import('../pruning/forecast.ts');
  const { FolderMeter } = await import('../pruning/disk.ts');
  const { limitsOf } = await import('../pruning/limits.ts');
  try {
    await using store = await openWithBallast(storeOptions(call.config), {
      log: quietLogger(call),
    });
    const disk = await new FolderMeter(dataDir).measure();
    const limits = limitsOf(pruningOptions(call.config), disk);
    return databaseView(await databaseStatus({ store, disk, limits, nowMs: Date.now() }));
  } catch (error) {
    if (!isCoded(error, 'STORE_LOCKED')) throw error;
    return ofNode(call);
  }
}

function ofNode(call: Call): Promise<DatabaseReply> {
  return askOwner(call, { path: 'midge/v1/database', method: 'GET' }, databaseSchema);
}

function words(status: DatabaseReply): string {
  const { growth, maxSizeBytes } = status;
  return alignColumns([
    ['messages', status.messageCount.toLocaleString('en')],
    ['numbers', `${status.cutSeq + 1} to ${status.lastSeq}`],
    ['oldest', timeWords(status.oldestMs)],
    ['newest', timeWords(status.newestMs)],
    ['their bytes', `about ${bytesWords(status.messageBytes)}`],
    ['on the disk', bytesWords(status.diskBytes)],
    ['reclaimable', bytesWords(status.reclaimableBytes)],
    ['pinned', pinnedWords(status)],
    ['entry points', entryPointWords(status)],
    ['size limit', maxSizeBytes === undefined ? 'none' : bytesWords(maxSizeBytes)],
    [
      'disk free',
      `${bytesWords(status.freeBytes)}, ${bytesWords(status.reserveDiskBytes)} of it kept`,
    ],
    ...(growth === undefined ? [] : growthRows(growth)),
  ]);
}

function pinnedWords({ keptMessages, pinnedBytes, maxPinnedBytes }: DatabaseReply): string {
  const kept = `${counted(keptMessages, 'pruned message')} kept`;
  return `${bytesWords(pinnedBytes)} of ${bytesWords(maxPinnedBytes)}, ${kept}`;
}

function entryPointWords({ entryPoints, maxEntryPoints }: DatabaseReply): string {
  return `${entryPoints.toLocaleString('en')} of ${maxEntryPoints.toLocaleString('en')}`;
}

function timeWords(timeMs: number | undefined): string {
  return timeMs === undefined ? 'none' : new Date(timeMs).toISOString();
}

function growthRows(growth: NonNullable<DatabaseReply['growth']>): string[][] {
  const { messagesPerDay, bytesPerDay, measuredMs, daysToMaxSize, daysToFullDisk } = growth;
  if (measuredMs < minMeasuredMs) return [['growth', 'not known yet: the store is too young']];
  const hours = measuredMs / hourMs;
  const over = hours < 1 ? `${Math.round(hours * 60)} min` : `${Math.round(hours)} h`;
  const perDay = Math.round(messagesPerDay).toLocaleString('en');
  return [
    ['growth', `${perDay} messages and ${bytesWords(bytesPerDay)} a day, by the last ${over}`],
    ...(daysToMaxSize === undefined ? [] : [['size limit in', daysWords(daysToMaxSize)]]),
    ['disk full in', `${daysWords(daysToFullDisk)}, were nothing pruned`],
  ];
}

function daysWords(days: number | null): string {
  if (days === null) return 'never';
  return days < 10 ? `${days.toFixed(1)} days` : `${Math.round(days).toLocaleString('en')} days`;
}
