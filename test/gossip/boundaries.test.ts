// Logs whose beginning was pruned.
import type { Stream } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import { Boundaries } from '../../src/gossip/boundaries.ts';
import { Cursors } from '../../src/gossip/cursors.ts';
import type { SyncChannel } from '../../src/gossip/sync-channel.ts';
import { encodeSyncFrame, maxPagePoints } from '../../src/gossip/sync-frames.ts';
import type { BoundaryPoint, SyncFrame } from '../../src/gossip/sync-frames.ts';
import { silentLogger } from '../../src/log.ts';
import { asMessageId, genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { EntryPointRecord } from '../../src/storage/store.ts';
import { rejected } from '../../src/tangle/outcome.ts';
import type { Outcome } from '../../src/tangle/outcome.ts';
import { eventually } from '../support/eventually.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';
import { aMessage } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';
import { openTestTangle } from '../support/tangle.ts';
import {
  aTangleOf,
  attach,
  caughtUp,
  follow,
  idsOf,
  openTestHost,
  openTestNode,
  protocol,
} from './sync-harness.ts';
import type { TestNode } from './sync-harness.ts';

const busy: Outcome = { kind: 'busy', error: new TangleError('INTAKE_BUSY') };

function pointsOf({ tangle }: TestNode): Promise<readonly EntryPointRecord[]> {
  return tangle.store.readEntryPoints({ limit: 10_000 });
}

const heldPoints = async (node: TestNode): Promise<number> =>
  (await pointsOf(node)).filter(({ isHeld }) => isHeld).length;

const tipsOf = ({ tangle: { tips } }: TestNode): string[] => tips.select().map(messageIdHex);

/** Many messages on the genesis, and a child of each: as many entry points when the first half is cut. */
function aWideTangle(width: number): TestMessage[] {
  const below = Array.from({ length: width }, (_, n) => aMessage({ data: `below ${n}` }));
  const above = below.map(({ id }, n) => aMessage({ parents: [id], data: `above ${n}` }));
  return [...below, ...above];
}

/** Cuts all but the newest messages. */
async function cutTo({ tangle }: TestNode, keptCount: number): Promise<void> {
  const upToSeq = tangle.store.lastSeq - keptCount;
  while (tangle.store.cutSeq < upToSeq) await tangle.store.cut({ upToSeq });
}

describe('a pruned log', () => {
  it('is taken over from a trusted neighbour, boundary and all', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using server = await openTestNode({ dataDir: one.path });
    await attach(server, aTangleOf(60));
    await cutTo(server, 20);
    await using node = await openTestNode({ dataDir: two.path, trusted: [server.host.peerId] });
    await follow(node, server.host);
    await caughtUp(node, server);
    expect(await idsOf(node)).toEqual(await idsOf(server));
    await eventually(async () => expect(await heldPoints(node)).toBe(0));
    const needed = (await pointsOf(server)).map(({ id }) => messageIdHex(id));
    expect((await pointsOf(node)).map(({ id }) => messageIdHex(id))).toEqual(needed);
    expect(needed).not.toContain(messageIdHex(genesisId));
    // What comes next builds on what is here, and on nothing that is gone.
    await node.tangle.intake.restore();
    const next = aMessage({ parents: node.tangle.tips.select(), data: 'next' });
    expect((await node.tangle.intake.submit(next.bytes, 'client')).kind).toBe('accepted');
    expect((await server.tangle.intake.submit(next.bytes, 'client')).kind).toBe('accepted');
    expect(node.misbehaved).toEqual([]);
  });

  it('is taken over with a boundary of several pages, also when the node stops in between', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const width = maxPagePoints + 100;
    await using server = await openTestNode({ dataDir: one.path });
    await attach(server, aWideTangle(width));
    await cutTo(server, width);
    const wish = { dataDir: two.path, trusted: [server.host.peerId] };
    {
      let answer: Outcome = busy;
      await using node = await openTestNode({ ...wish, answer: () => answer });
      await follow(node, server.host);
      await eventually(() => expect(node.submitted.length).toBeGreaterThan(0));
      expect(await heldPoints(node)).toBe(width);
      expect(node.catchUp.state().isFirstRunning).toBe(true);
      answer = rejected('STOPPING');
      node.clock.advance(100);
    }
    await using node = await openTestNode(wish);
    expect(await heldPoints(node)).toBe(width);
    await follow(node, server.host);
    await caughtUp(node, server);
    expect(await idsOf(node)).toEqual(await idsOf(server));
    await eventually(async () => expect(await heldPoints(node)).toBe(0));
    expect(await pointsOf(node)).toHaveLength(width);
    // From the cursor on: no boundary and no message was read twice.
    expect(node.submitted).toHaveLength(width);
  });

  it('is taken over from the next that is trusted when the first one left something out', async () => {
    await using folders = new AsyncDisposableStack();
    const folder = async (): Promise<string> => folders.use(await aFolder()).path;
    await using server = await openTestNode({ dataDir: await folder() });
    const tangle = aTangleOf(60);
    await attach(server, tangle);
    await cutTo(server, 20);
    const above = tangle.slice(40);
    await using liar = await openTestHost(await folder());
    const logId = 'ef'.repeat(16);
    await liar.libp2p.handle(protocol, (stream) => {
      const say = (...frames: SyncFrame[]) =>
        stream.send(Buffer.concat(frames.map(encodeSyncFrame)));
      const answers: (() => void)[] = [
        () => say({ type: 'below-cut', logId, cutSeq: 40 }),
        // It leaves out all that the messages name.
        () =>
          say(
            { type: 'boundary', logId, cutSeq: 40, count: 1, isLast: true },
            { type: 'entry-point', id: asMessageId(Buffer.alloc(32, 1)), isLazy: false },
          ),
        () =>
          say(
            { type: 'page', logId, lastSeq: 60, count: above.length },
            ...above.map(({ bytes }, n): SyncFrame => ({ type: 'record', seq: 41 + n, bytes })),
          ),
      ];
      stream.addEventListener('message', () => answers.shift()?.());
    });
    const trusted = [liar.peerId, server.host.peerId];
    await using node = await openTestNode({ dataDir: await folder(), trusted });
    await follow(node, liar);
    await eventually(() => expect(node.misbehaved).toEqual([`${liar.peerId} FRAME_INVALID`]));
    expect(await heldPoints(node)).toBeGreaterThan(0);
    await follow(node, server.host);
    await eventually(() => {
      node.clock.advance(1_000);
      expect(node.tangle.store.messageCount).toBe(20);
      expect(node.catchUp.state().isFirstRunning).toBe(false);
    });
    expect(await idsOf(node)).toEqual(await idsOf(server));
    await eventually(async () => expect(await heldPoints(node)).toBe(0));
  });

  it('frees what waited for its entry points', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using server = await openTestNode({ dataDir: one.path });
    const tangle = aTangleOf(40);
    await attach(server, tangle);
    await cutTo(server, 20);
    await using node = await openTestNode({ dataDir: two.path, trusted: [server.host.peerId] });
    // Gossip was faster than catch-up.
    for (const { bytes } of tangle.slice(20, 30)) {
      const outcome = await node.tangle.intake.submit(bytes, `peer:${server.host.peerId}`);
      expect(outcome.kind).toBe('pending');
    }
    await follow(node, server.host);
    await caughtUp(node, server);
    expect(await idsOf(node)).toEqual(await idsOf(server));
    expect(node.tangle.intake.pendingCount).toBe(0);
  });

  it('is followed on when the cut overtook the cursor', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const tangle = aTangleOf(60);
    await using server = await openTestNode({ dataDir: one.path });
    await attach(server, tangle.slice(0, 10));
    const wish = { dataDir: two.path, trusted: [server.host.peerId] };
    {
      await using node = await openTestNode(wish);
      await follow(node, server.host);
      await caughtUp(node, server);
    }
    await attach(server, tangle.slice(10));
    await cutTo(server, 30);
    const newest = [messageIdHex(tangle[59]!.id)];
    {
      await using node = await openTestNode(wish);
      // A message that it alone has, from before the gap: others could make nothing of its children.
      await attach(node, [aMessage({ parents: [tangle[5]!.id], data: 'lonely' })]);
      await follow(node, server.host);
      await eventually(() => expect(node.tangle.store.messageCount).toBe(41));
      expect(await idsOf(node)).toEqual(
        expect.arrayContaining(
          [...tangle.slice(0, 10), ...tangle.slice(30)].map(({ id }) => messageIdHex(id)),
        ),
      );
      await eventually(async () => expect(await heldPoints(node)).toBe(0));
      node.clock.advance(3_000);
      await eventually(() => expect(tipsOf(node)).toEqual(newest));
      expect(node.misbehaved).toEqual([]);
    }
    await using again = await openTestNode(wish);
    await eventually(() => expect(tipsOf(again)).toEqual(newest));
  });

  it('is not believed of others: the node says so and takes nothing', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using server = await openTestNode({ dataDir: one.path });
    await attach(server, aTangleOf(10));
    await cutTo(server, 5);
    await using node = await openTestNode({ dataDir: two.path });
    await follow(node, server.host);
    await eventually(() => {
      expect(node.catchUp.state().neighbours[0]?.isBelowCut).toBe(true);
    });
    const { behindMs = 0 } = node.catchUp.state().neighbours[0] ?? {};
    node.clock.advance(1_000);
    expect(node.catchUp.state().neighbours[0]?.behindMs).toBe(behindMs + 1_000);
    expect(node.tangle.store.messageCount).toBe(0);
    expect(node.catchUp.state().hasCaughtUp).toBe(false);
    expect((await pointsOf(node)).map(({ id }) => messageIdHex(id))).toEqual([
      messageIdHex(genesisId),
    ]);
    expect(node.misbehaved).toEqual([]);
  });

  it('that was empty when it was read first is no offence', async () => {
    await using folders = new AsyncDisposableStack();
    const folder = async (): Promise<string> => folders.use(await aFolder()).path;
    await using old = await openTestNode({ dataDir: await folder() });
    await attach(old, aTangleOf(20));
    await cutTo(old, 10);
    await using server = await openTestNode({
      dataDir: await folder(),
      trusted: [old.host.peerId],
    });
    await using node = await openTestNode({ dataDir: await folder() });
    await follow(node, server.host);
    await eventually(() => expect(node.catchUp.state().hasCaughtUp).toBe(true));
    await follow(server, old.host);
    await caughtUp(server, old);
    await eventually(() => {
      node.clock.advance(30_000);
      expect(node.catchUp.state().neighbours[0]?.isBelowCut).toBe(true);
    });
    expect([...node.misbehaved, ...server.misbehaved]).toEqual([]);
  });

  it('needs no trust where nothing is missing', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const tangle = aTangleOf(20);
    await using server = await openTestNode({ dataDir: one.path });
    await using node = await openTestNode({ dataDir: two.path });
    await attach(server, tangle);
    await attach(node, tangle.slice(0, 15));
    await cutTo(server, 10);
    await follow(node, server.host);
    await eventually(() => expect(node.catchUp.state().hasCaughtUp).toBe(true));
    expect(node.catchUp.state().neighbours[0]?.isBelowCut).toBe(false);
    expect(node.tangle.store.messageCount).toBe(20);
  });

  it('of this node does not keep it from reading longer ones', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    const tangle = aTangleOf(40);
    await using server = await openTestNode({ dataDir: one.path });
    await using node = await openTestNode({ dataDir: two.path });
    await attach(server, tangle);
    await attach(node, tangle.slice(0, 30));
    await cutTo(node, 10);
    await follow(node, server.host);
    await eventually(() => expect(node.catchUp.state().hasCaughtUp).toBe(true));
    const kept = tangle.slice(20).map(({ id }) => messageIdHex(id));
    expect(await idsOf(node)).toEqual(expect.arrayContaining(kept));
    expect(node.misbehaved).toEqual([]);
  });
});

const logId = 'ab'.repeat(16);
const head = (count: number, isLast: boolean): SyncFrame => ({
  type: 'boundary',
  logId,
  cutSeq: 5,
  count,
  isLast,
});
const point = (byte: number): SyncFrame & BoundaryPoint => ({
  type: 'entry-point',
  id: asMessageId(new Uint8Array(32).fill(byte)),
  isLazy: false,
});
const orphan = aMessage({ parents: [aMessage({ data: 'nobody has it' }).id] });

/** What a trusted neighbour that lost its mind sends when it is asked for its boundary. */
const lies: Record<string, readonly SyncFrame[]> = {
  'that is no boundary': [{ type: 'nudge' }],
  'with a message in it': [head(1, true), { type: 'record', seq: 1, bytes: orphan.bytes }],
  'in no order': [head(2, true), point(2), point(1)],
  'with one id twice': [head(2, true), point(1), point(1)],
  'without an end': [head(0, false)],
  'in a page larger than any': [head(maxPagePoints + 1, true)],
  'that does not bear its log': [head(1, true), point(1)],
};

describe('a boundary', () => {
  it.each(Object.keys(lies))('%s is refused, even of who is trusted', async (name) => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using hostile = await openTestHost(one.path);
    const answers: (readonly SyncFrame[])[] = [
      [{ type: 'below-cut', logId, cutSeq: 5 }],
      lies[name] ?? [],
      [
        { type: 'page', logId, lastSeq: 9, count: 1 },
        { type: 'record', seq: 6, bytes: orphan.bytes },
      ],
    ];
    await hostile.libp2p.handle(protocol, (stream: Stream) => {
      stream.addEventListener('message', () => {
        stream.send(Buffer.concat((answers.shift() ?? []).map(encodeSyncFrame)));
      });
    });
    await using node = await openTestNode({ dataDir: two.path, trusted: [hostile.peerId] });
    await follow(node, hostile);
    await eventually(() => expect(node.misbehaved).toHaveLength(1));
    expect(node.tangle.store.messageCount).toBe(0);
  });

  it('is read no further than anybody can need', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, two] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using endless = await openTestHost(one.path);
    let count = 0;
    const page = (): readonly SyncFrame[] => [
      head(maxPagePoints, false),
      ...Array.from({ length: maxPagePoints }, () => {
        const id = Buffer.alloc(32);
        id.writeUInt32BE(++count);
        return { ...point(0), id: asMessageId(id) };
      }),
    ];
    await endless.libp2p.handle(protocol, (stream: Stream) => {
      let isAsked = false;
      stream.addEventListener('message', () => {
        const cut: SyncFrame = { type: 'below-cut', logId, cutSeq: 5 };
        stream.send(Buffer.concat((isAsked ? page() : [cut]).map(encodeSyncFrame)));
        isAsked = true;
      });
    });
    await using node = await openTestNode({ dataDir: two.path, trusted: [endless.peerId] });
    await follow(node, endless);
    await eventually(() => expect(node.catchUp.state().neighbours[0]?.isReading).toBe(false));
    expect(count).toBe(131_072 + maxPagePoints);
    expect(node.catchUp.state().neighbours[0]?.isBelowCut).toBe(true);
    expect(await pointsOf(node)).toHaveLength(1);
    expect(node.misbehaved).toEqual([]);
  });
});

describe('the boundary of a log', () => {
  it.each([
    ['makes room for that of another one when nothing was read above it', true],
    ['stays while what is above it is being read', false],
  ])('%s', async (_, isOnlyRead) => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const { store } = tangle;
    const clock = new HandClock();
    const file = { read: () => Promise.resolve(undefined), replace: () => Promise.resolve() };
    const boundaries = new Boundaries({
      store,
      cursors: await Cursors.open(file, store),
      isOnlyRead: () => isOnlyRead,
      onChanged: () => undefined,
      clock,
      log: silentLogger,
    });
    const [first, second] = [aMessage({ data: 'first' }), aMessage({ data: 'second' })];
    for (const { id } of [first, second]) {
      await boundaries.take(messageIdHex(id), aChannelWith({ id, isLazy: false }), () => undefined);
    }
    expect(await store.facts([first.id, second.id])).toMatchObject([
      isOnlyRead ? undefined : { isEntryPoint: true },
      { isEntryPoint: true },
    ]);
  });
});

/** The other side tells a boundary of one point, whatever it is asked. */
function aChannelWith(only: BoundaryPoint): SyncChannel {
  const frames: SyncFrame[] = [head(1, true), { type: 'entry-point', ...only }];
  return {
    send: () => Promise.resolve(),
    receive: () => Promise.resolve(frames.shift()),
    close: () => Promise.resolve(),
    abort: () => undefined,
  };
}
