import { expect, it } from 'vitest';
import { noLogId } from '../../src/gossip/sync-frames.ts';
import type { SyncFrame } from '../../src/gossip/sync-frames.ts';
import { followLog } from '../../src/gossip/sync-follow.ts';
import type { FollowDeps } from '../../src/gossip/sync-follow.ts';
import { aMessage } from '../support/messages.ts';

const orphan = aMessage({ parents: [aMessage({ data: 'pruned here meanwhile' }).id] });

/** A whole log of one message that waits for a parent, read from its beginning. */
function readOrphan(isCut: boolean) {
  const frames: SyncFrame[] = [
    { type: 'page', logId: 'ab'.repeat(16), lastSeq: 1, count: 1 },
    { type: 'record', seq: 1, bytes: orphan.bytes },
  ];
  const channel = {
    send: () => Promise.resolve(),
    receive: () => Promise.resolve(frames.shift()),
    close: () => Promise.resolve(),
    abort: () => undefined,
  };
  const deps: FollowDeps = {
    submit: () => Promise.resolve({ kind: 'pending', id: orphan.id, missing: orphan.parents }),
    heldCount: () => 1,
    isEmpty: () => false,
    isCut: () => isCut,
    readHorizon: () => Promise.resolve(undefined),
    wait: () => Promise.resolve(),
    onAlive: () => undefined,
    onPage: () => undefined,
  };
  return followLog(channel, { logId: noLogId, nextSeq: 1 }, deps);
}

it('takes a log that names what it does not have for a lie, unless pruning began here meanwhile', async () => {
  await expect(readOrphan(false)).rejects.toMatchObject({ code: 'FRAME_INVALID' });
  expect(await readOrphan(true)).toBe('caught-up');
});
