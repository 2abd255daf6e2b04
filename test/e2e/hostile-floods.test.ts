// Neighbours that break no rule but send or ask without end, or read nothing, against the shipped node: each gets its
// share and costs no more than that, and an honest neighbour and clients are served all the while.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asMessageId } from '../../src/protocol/ids.ts';
import { attach, isAcknowledged } from '../support/client.ts';
import { aMessage } from '../support/messages.ts';
import { RawPeer, rawFrame, rawHeartbeat } from '../support/raw-peer.ts';
import type { RawStream } from '../support/raw-peer.ts';
import { Victim, excessOfBounded, networkId, pause } from '../support/victim.ts';
import type { Cost } from '../support/victim.ts';

const MiB = 1024 * 1024;
const bytesPerSecond = MiB;
const framesPerSecond = Math.ceil(bytesPerSecond / 320);
/** What may be under way beyond what was read: the window of the stream, what both kernels hold, the last write. */
const underWayBytes = 4 * MiB;
/** Of waiting messages, with a memory budget of 32 MiB. */
const maxPending = 2_048;
const maxQueuedBytes = MiB;

interface Flood extends Cost {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** As the victim counted at the end. */
  readonly counts: Readonly<Record<string, number>>;
}

/** At most so much in that time, however fast it is sent: the burst, what each second adds, and a little for the clocks. */
function share({ tookMs }: Cost, perSecond: number, burst = perSecond): number {
  return 1.02 * (burst + (perSecond * tookMs) / 1_000);
}

const repeated = (frame: Uint8Array, count: number): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, () => frame));

const requestOf = (id: string): Uint8Array => rawFrame(3, Buffer.from(id, 'hex'));

describe('a neighbour that knows no end', () => {
  let resources: AsyncDisposableStack;
  let victim: Victim;
  let deaf: RawStream;
  let deafId: string;

  beforeAll(async () => {
    resources = new AsyncDisposableStack();
    victim = resources.use(
      await Victim.start({
        'gossip.max-bytes-per-second': bytesPerSecond,
        'memory.budget-bytes': 32 * MiB,
      }),
    );
  });
  afterAll(() => resources.disposeAsync());

  /** Sends the same over and over while others are served, and until the victim has counted so many. */
  async function flood(chunk: Uint8Array, [name, count]: [string, number]): Promise<Flood> {
    await using enemy = await RawPeer.open();
    const stream = await enemy.connect(victim.address, networkId);
    await stream.write(rawHeartbeat);
    let sentBytes = 0;
    let counts: Flood['counts'] = {};
    const cost = await victim.costOf(async (goesOn) => {
      const sending = (async () => {
        while (sentBytes < 256 * MiB && (await stream.write(chunk))) sentBytes += chunk.length;
      })();
      while (goesOn() || (counts[name] ?? 0) < count) {
        await pause();
        counts = await victim.metricsOf(enemy.peerId);
      }
      stream.stream.abort(new Error('enough'));
      await sending;
    });
    return { ...cost, sentBytes, receivedBytes: stream.receivedBytes, counts };
  }

  async function newCount({ peerId }: RawPeer): Promise<number> {
    return (await victim.metricsOf(peerId))['newMessages'] ?? 0;
  }

  async function attached(text: string): Promise<string> {
    const answer = await attach(victim.node.url, 'flood', text);
    if (!isAcknowledged(answer)) throw new Error(answer.body);
    return answer.id;
  }

  it('that reads nothing is sent no more than its queue holds', async () => {
    const enemy = resources.use(await RawPeer.open());
    deafId = enemy.peerId;
    deaf = await enemy.connect(victim.address, networkId);
    // From the first heartbeat on: what a stream forgets in its opening it would read on.
    while (deaf.receivedBytes === 0) await pause();
    deaf.stopReading();
    const dropped = async (): Promise<number> =>
      (await victim.metricsOf(deafId))['droppedPackets'] ?? 0;
    let attachedBytes = 0;
    for (let n = 0; (await dropped()) === 0; n++) {
      await attached(`${n}`.padEnd(30_000, '.'));
      attachedBytes += 30_000;
    }
    // Its own side holds some of it, then its queue is full.
    expect(attachedBytes).toBeLessThan(maxQueuedBytes + underWayBytes);
    const cost = await victim.costOf(() => attached('.'.repeat(30_000)));
    expect(excessOfBounded(cost)).toEqual([]);
    const queuedBytes = await victim.metric('midge_gossip_queued_bytes');
    expect(queuedBytes).toBeGreaterThan(maxQueuedBytes / 2);
    expect(queuedBytes).toBeLessThanOrEqual(maxQueuedBytes);
  });

  it('of messages that are known is read at its rate of frames', async () => {
    const { bytes } = aMessage({ networkId, data: 'again' });
    const cost = await flood(repeated(rawFrame(2, bytes), 1_000), ['receivedMessages', 1_000]);
    expect(excessOfBounded(cost)).toEqual([]);
    expect(cost.counts['receivedMessages']).toBeLessThan(share(cost, framesPerSecond));
    expect(cost.counts['newMessages']).toBeLessThanOrEqual(512);
  });

  it('of large messages is read at its rate of bytes', async () => {
    const { bytes } = aMessage({ networkId, data: '.'.repeat(30_000) });
    const cost = await flood(repeated(rawFrame(2, bytes), 10), ['receivedMessages', 30]);
    expect(excessOfBounded(cost)).toEqual([]);
    expect(cost.sentBytes).toBeLessThan(share(cost, bytesPerSecond) + underWayBytes);
  });

  it('of heartbeats is read at its rate of frames', async () => {
    const cost = await flood(repeated(rawHeartbeat, 1_000), ['receivedHeartbeats', 1_000]);
    expect(excessOfBounded(cost)).toEqual([]);
    expect(cost.counts['receivedHeartbeats']).toBeLessThan(share(cost, framesPerSecond));
  });

  it('of requests for large messages is sent its share of bytes', async () => {
    const ids = [await attached('a'.repeat(30_000)), await attached('b'.repeat(30_000))];
    const cost = await flood(repeated(Buffer.concat(ids.map(requestOf)), 500), [
      'sentMessages',
      160,
    ]);
    expect(excessOfBounded(cost)).toEqual([]);
    expect(cost.receivedBytes).toBeLessThan(share(cost, MiB, 2 * MiB) + 64 * 1024);
  });

  it('of requests for small messages is answered its share of requests', async () => {
    const cost = await flood(repeated(requestOf(await attached('small')), 1_000), [
      'receivedMessageRequests',
      2_500,
    ]);
    expect(excessOfBounded(cost)).toEqual([]);
    expect(cost.counts['sentMessages']).toBeLessThan(share(cost, 1_000, 2_000) + 20);
  });

  it('of requests for milestones has spent its requests with them', async () => {
    const asked = requestOf(await attached('asked'));
    const milestones = repeated(rawFrame(1, new Uint8Array(4)), 2_500);
    const cost = await flood(Buffer.concat([milestones, repeated(asked, 500)]), [
      'receivedMilestoneRequests',
      2_500,
    ]);
    expect(excessOfBounded(cost)).toEqual([]);
    // Of its thousand a second the sixth part that asks for messages, and what others attach meanwhile.
    expect(cost.counts['sentMessages']).toBeLessThan(100 + (cost.tookMs / 1_000) * 300);
  });

  it('of messages without parents fills its own waiting room only', async () => {
    await using friend = await RawPeer.open();
    const honest = await friend.connect(victim.address, networkId);
    const parent = aMessage({ networkId, data: 'parent' });
    const child = aMessage({ networkId, data: 'child', parents: [parent.id] });
    await honest.write(rawFrame(2, child.bytes));
    await using enemy = await RawPeer.open();
    const stream = await enemy.connect(victim.address, networkId);
    const orphans = Array.from({ length: 2 * maxPending }, (_, n) => {
      const parents = [asMessageId(randomBytes(32)), asMessageId(randomBytes(32))];
      return rawFrame(2, aMessage({ networkId, data: `${n}`, parents }).bytes);
    });
    const cost = await victim.costOf(async () => {
      await stream.write(Buffer.concat([rawHeartbeat, ...orphans]));
      while ((await newCount(enemy)) < orphans.length) await pause();
    });
    expect(excessOfBounded(cost)).toEqual([]);
    expect(await victim.metric('midge_intake_pending_messages')).toBe(maxPending);
    // Of each 36 bytes; the fetcher wants 4 096 ids at a time at most, each eight times.
    expect(stream.receivedBytes).toBeLessThan(4 * maxPending * 36 * 2);
    await honest.write(rawFrame(2, parent.bytes));
    while (!(await victim.holds(child.id))) await pause();
  });

  it('that sends a byte now and then costs next to nothing', async () => {
    await using enemy = await RawPeer.open();
    const stream = await enemy.connect(victim.address, networkId);
    const message = aMessage({ networkId, data: '.'.repeat(2_000) });
    const frame = rawFrame(2, message.bytes);
    const cost = await victim.costOf(async (goesOn) => {
      let at = 0;
      while (goesOn() && at < frame.length) await stream.write(frame.subarray(at, ++at));
      await stream.write(frame.subarray(at));
      while (!(await victim.holds(message.id))) await pause();
    });
    expect(excessOfBounded(cost)).toEqual([]);
  });

  it('that read nothing all the while is dropped, and others had everything', async () => {
    await victim.node.logged(`"peerId":"${deafId}","code":"SLOW"`);
    expect(await victim.metric('midge_gossip_drops_total{reason="slow"}')).toBe(1);
    await deaf.closed;
    await victim.serve();
    // Of the others at most what goes out together.
    expect(await victim.metric('midge_gossip_queued_bytes')).toBeLessThan(16 * 1024);
    expect(await victim.metric('midge_gossip_bans_total')).toBe(0);
  });
});
