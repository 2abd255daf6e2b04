// Follows an attach that a node works on: shows how far it is, cancels it when asked to.
import { setTimeout as delay } from 'node:timers/promises';
import { TangleError } from '../errors.ts';
import { escapeLine } from './escape.ts';
import { defaultMineMs } from './client.ts';
import type { NodeClient } from './client.ts';
import { openStatusLine } from './progress.ts';
import type { JobReply, ProgressReply } from './replies.ts';
import { interruption } from './signals.ts';

/** Between two questions, where listening does not work. */
const askAgainMs = 1000;

/**
 * Returns the message id. Throws NODE_REFUSED when the node fails or takes longer than `mineMs`, POW_ABORTED after Ctrl-C;
 * then the node was told to stop.
 */
export async function followJob(
  node: NodeClient,
  begun: JobReply,
  mineMs = defaultMineMs,
): Promise<string> {
  using interrupted = interruption();
  using line = openStatusLine();
  const tooLate = AbortSignal.timeout(mineMs);
  const signal = AbortSignal.any([interrupted.signal, tooLate]);
  let job = begun;
  while (isRunning(job)) {
    line.show(miningLine(job));
    for await (job of node.jobEvents(job.jobId, signal)) {
      if (isRunning(job)) line.show(miningLine(job));
    }
    if (!isRunning(job)) break;
    if (signal.aborted) await cancel(node, job, tooLate.aborted ? tooSlow(mineMs) : cancelled());
    job = await node.job(job.jobId);
    if (isRunning(job)) await delay(askAgainMs, undefined, { signal }).catch(() => undefined);
  }
  return idOf(job);
}

const isRunning = ({ state }: JobReply): boolean => state === 'queued' || state === 'mining';

async function cancel(node: NodeClient, { jobId }: JobReply, why: TangleError): Promise<never> {
  await node.cancelJob(jobId);
  throw why;
}

function tooSlow(mineMs: number): TangleError {
  return new TangleError(
    'NODE_REFUSED',
    `The node has not attached it within ${durationWords(mineMs)}, and was told to stop.`,
  );
}

function cancelled(): TangleError {
  return new TangleError('POW_ABORTED', 'Cancelled; the message was not attached.');
}

function idOf({ messageId, error }: JobReply): string {
  if (messageId !== undefined) return messageId;
  const words = error === undefined ? 'It says no more.' : `${error.message} (${error.reason})`;
  throw new TangleError('NODE_REFUSED', escapeLine(`The node could not attach it: ${words}`));
}

/** So that the line fits a terminal of 80 columns. */
const barWidth = 15;

/** A job in one line for people. */
export function miningLine({ state, progress }: JobReply): string {
  if (progress === undefined) return 'Waiting for the node';
  const { position, expectedMs } = progress;
  const more = expectedMs === null ? '' : `, about ${durationWords(expectedMs)} more`;
  if (state === 'queued') return `Waiting at place ${position} of the queue${more}`;
  return `${bar(progress)}, ${rateWords(progress.hashesPerSecond)}${more}`;
}

/** How much of the expected work is done says nothing about what is left; but people like to see it. */
function bar({ hashes, expectedHashes }: ProgressReply): string {
  const share = expectedHashes > 0 ? hashes / expectedHashes : 0;
  const filled = Math.min(barWidth, Math.floor(share * barWidth));
  const percent = `${Math.floor(share * 100)} % of expected work`;
  const drawn = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
  return `${drawn} ${percent}${share > 1 ? ', luck needed' : ''}`;
}

/** `1.5 MH/s`. */
export function rateWords(hashesPerSecond: number): string {
  if (hashesPerSecond >= 1e6) return `${(hashesPerSecond / 1e6).toFixed(2)} MH/s`;
  return `${(hashesPerSecond / 1e3).toFixed(1)} kH/s`;
}

/** `300 ms`, `1.2 s`, `12 s`, `4 min`, `2.5 h`. */
export function durationWords(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  const seconds = durationMs / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
