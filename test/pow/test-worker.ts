// worker.ts, but it tells when a search begins and misbehaves when asked to.
import type { MineTask } from '../../src/pow/worker-task.ts';
import { mine as mineProperly } from '../../src/pow/worker.ts';
import { bootFailure, misbehaviour, startedChannel } from './misbehaviour.ts';

if (process.env[bootFailure] !== undefined) throw new Error('no worker today');

const started = new BroadcastChannel(startedChannel);
started.unref();

export function mine(task: MineTask): bigint | undefined {
  const [firstByte] = task.digest;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, not a window
  started.postMessage(firstByte);
  if (firstByte === misbehaviour.dies) process.exit(1);
  if (firstByte === misbehaviour.throws) throw new Error('no nonce today');
  return firstByte === misbehaviour.lies ? 0n : mineProperly(task);
}
