// Neighbours that break a rule, against the shipped node: raw libp2p peers that know nothing of our code. Whatever they
// send, the node is rid of them at the first of it, and an honest neighbour and clients are served all the while.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { syncProtocol } from '../../src/gossip/sync-streams.ts';
import { aMessage } from '../support/messages.ts';
import { untilHealthy } from '../support/network.ts';
import { RawPeer, rawFrame, rawHeartbeat } from '../support/raw-peer.ts';
import { Victim, excessOfStopped, networkId } from '../support/victim.ts';

const MiB = 1024 * 1024;
/** Some ten thousand hashes for a client's message; one with a tenth of that does not pass. */
const minPowScore = 40;

const ansi = '\u001B[2J\u009B31m\r\nready\u0007';

/** What any honest node refuses at sight. Each is followed by as much of the same as the node would ever read. */
const crimes: readonly (readonly [string, string, () => Uint8Array])[] = [
  ['frames of no known type', 'FRAME_INVALID', () => rawFrame(9, new Uint8Array(8))],
  ['frames beyond 32 KiB', 'FRAME_INVALID', () => rawFrame(2, new Uint8Array(60_000))],
  ['a frame that is never whole', 'FRAME_INVALID', () => rawFrame(2, new Uint8Array(), 65_535)],
  ['short heartbeats', 'FRAME_INVALID', () => rawFrame(4, new Uint8Array(3))],
  ['long requests', 'FRAME_INVALID', () => rawFrame(3, new Uint8Array(33))],
  ['HTTP', 'FRAME_INVALID', () => Buffer.from(`GET /${ansi} HTTP/1.1\r\n\r\n`)],
  ['garbage as messages', 'PARENTS_COUNT_INVALID', () => rawFrame(2, new Uint8Array(200))],
  ['messages of another network', 'NETWORK_ID_MISMATCH', () => ofNetwork(5n)],
  ['messages with too little work', 'POW_INSUFFICIENT', () => withWork(minPowScore / 10)],
  ['messages without work', 'POW_INSUFFICIENT', () => withWork(0)],
];

function ofNetwork(id: bigint): Uint8Array {
  return rawFrame(2, aMessage({ networkId: id, minScore: minPowScore }).bytes);
}

/** Hundreds of different ones. */
function withWork(minScore: number): Uint8Array {
  const one = (n: number): Uint8Array =>
    rawFrame(2, aMessage({ networkId, data: `${n} `.repeat(40), minScore }).bytes);
  return Buffer.concat(Array.from({ length: 300 }, (_, n) => one(n)));
}

describe('a neighbour that breaks a rule', () => {
  let victim: Victim;

  beforeAll(async () => {
    victim = await Victim.start({ 'network.min-pow-score': minPowScore, 'log.level': 'debug' });
  });
  afterAll(() => victim[Symbol.asyncDispose]());

  it.each(crimes)('by %s is dropped and banned at the first', async (...row) => {
    const [, code, makeBytes] = row;
    const crime = makeBytes();
    const flood = Buffer.alloc(16 * MiB, crime);
    await using enemy = await RawPeer.open();
    const judged = await victim.metric('midge_intake_outcomes_total{outcome="rejected"}');
    let sentBytes = 0;
    const cost = await victim.costOf(async () => {
      const stream = await enemy.connect(victim.address, networkId);
      await stream.write(rawHeartbeat);
      for (let at = 0; at < flood.length; at += 64 * 1024) {
        if (!(await stream.write(flood.subarray(at, at + 64 * 1024)))) break;
        sentBytes += 64 * 1024;
      }
      await stream.closed;
      await victim.node.logged(`"peerId":"${enemy.peerId}","code":"${code}"`);
    });
    // What was under way when it was dropped.
    expect(sentBytes).toBeLessThan(4 * MiB);
    expect(
      (await victim.metric('midge_intake_outcomes_total{outcome="rejected"}')) - judged,
    ).toBeLessThanOrEqual(1_024);
    expect(excessOfStopped(cost)).toEqual([]);
    await expect(enemy.connect(victim.address, networkId)).rejects.toBeDefined();
  });

  it('of another network gets no stream', async () => {
    await using stranger = await RawPeer.open();
    await expect(stranger.connect(victim.address, 1n)).rejects.toBeDefined();
    await victim.serve();
  });

  it('writes nothing into the log that is not escaped', async () => {
    await using enemy = await RawPeer.open({
      userAgent: `midge/1.0 ${ansi}`,
      announce: [`/dns4/${encodeURIComponent(ansi)}/tcp/1`],
    });
    await using other = await RawPeer.open({ userAgent: ansi.repeat(1_000) });
    await enemy.dial(victim.address);
    for (const protocol of [`/${ansi}`, `${syncProtocol(networkId)}${ansi}`]) {
      await expect(enemy.openStream(victim.address, protocol)).rejects.toBeDefined();
    }
    const asking = await other.openStream(victim.address, syncProtocol(networkId));
    await asking.write(Buffer.from(ansi.repeat(100)));
    await asking.closed;
    const stream = await enemy.connect(victim.address, networkId);
    const message = aMessage({ networkId, index: ansi, data: ansi, minScore: minPowScore });
    await stream.write(rawFrame(2, message.bytes));
    while (!(await victim.holds(message.id)));
    await stream.write(Buffer.from(ansi));
    await stream.closed;
    for (const { peerId } of [enemy, other]) {
      await victim.node.logged(`"peerId":"${peerId}","code":"FRAME_INVALID"`);
    }
    await victim.serve();
    expect(victim.unsafeLines).toEqual([]);
  });

  it('is kept out for longer each time', async () => {
    await using enemy = await RawPeer.open();
    const bans = async (): Promise<number[]> => {
      const stream = await enemy.connect(victim.address, networkId);
      await stream.write(rawFrame(9, new Uint8Array(8)));
      await stream.closed;
      await victim.node.logged(`"peerId":"${enemy.peerId}","code":"FRAME_INVALID"`);
      const lines = victim.node.lines.filter((line) => line.includes(enemy.peerId));
      return lines.flatMap((line) => (JSON.parse(line) as { bannedMs?: number }).bannedMs ?? []);
    };
    const [first = 0] = await bans();
    const path = join(victim.dataDir, 'bans.json');
    await victim.restart(async () => {
      const kept = JSON.parse(await readFile(path, 'utf8')) as Record<string, { untilMs: number }>;
      expect(kept[enemy.peerId]!.untilMs).toBeGreaterThan(Date.now());
      // As if that time had passed.
      kept[enemy.peerId]!.untilMs = Date.now() - 1;
      await writeFile(path, JSON.stringify(kept));
    });
    const [second = 0] = await bans();
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThanOrEqual(2 * first);
    await expect(enemy.connect(victim.address, networkId)).rejects.toBeDefined();
    await victim.serve();
  });

  it('leaves the node well', async () => {
    await untilHealthy(victim.node);
    expect(await victim.node.stop()).toBe(0);
    expect(victim.node.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
    expect(victim.unsafeLines).toEqual([]);
  });
});
