import { PowHelper } from '@iota/iota.js';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { powDigestOf } from '../../src/protocol/ids.ts';
import { CpuAccount } from '../../src/pow/budget.ts';
import { chooseMiner } from '../../src/pow/choose.ts';
import { trailingZeros } from '../../src/pow/curl.ts';
import { Miners, type Mining } from '../../src/pow/miners.ts';
import { bootFailure, misbehaviour, started } from './misbehaviour.ts';

const kernel = chooseMiner({});
const easy = 3;
/** More than a lifetime of work. */
const endless = 243;

const digestOf = (firstByte: number): Uint8Array => new Uint8Array(32).fill(firstByte);
const search = (miners: Miners, zeros: number, firstByte = 0): Mining =>
  miners.search({ digest: digestOf(firstByte), zeros, space: 0 });

function openMiners(
  workers: number,
  { cores = workers, isTest = true }: { cores?: number; isTest?: boolean } = {},
): Promise<Miners> {
  const account = new CpuAccount();
  account.setCores(cores);
  const workerUrl = isTest ? new URL('test-worker.ts', import.meta.url) : undefined;
  return Miners.open({ workers, kernel }, { log: silentLogger, account, workerUrl });
}

async function expectToWork(miners: Miners): Promise<void> {
  const nonce = await search(miners, easy).nonce;
  expect(trailingZeros(digestOf(0), nonce ?? 0n)).toBeGreaterThanOrEqual(easy);
}

describe('the miners', () => {
  it('find what the scalar reference and the public client accept', async () => {
    await using miners = await openMiners(2, { isTest: false });
    for (const fill of [1, 2, 3, 4]) {
      const message = new Uint8Array(60).fill(fill);
      const digest = powDigestOf(message);
      const nonce = (await miners.search({ digest, zeros: 8, space: fill }).nonce) ?? 0n;
      new DataView(message.buffer).setBigUint64(52, nonce, true);
      expect(trailingZeros(digest, nonce)).toBeGreaterThanOrEqual(8);
      expect(PowHelper.score(message)).toBeGreaterThanOrEqual(3 ** 8 / 60);
    }
  });

  it('search the space they are given', async () => {
    await using miners = await openMiners(1);
    for (const space of [0, 1, 513, 0xffff]) {
      const nonce = await miners.search({ digest: digestOf(1), zeros: easy, space }).nonce;
      expect((nonce ?? 0n) >> 48n).toBe(BigInt(space));
    }
  });

  it('stop a search when it is cancelled, and only that one', async () => {
    await using miners = await openMiners(2);
    const running = Promise.all([started(1), started(2)]);
    const [first, second] = [search(miners, endless, 1), search(miners, endless, 2)];
    await running;
    first.cancel();
    expect(await first.nonce).toBeUndefined();
    await expectToWork(miners);
    second.cancel();
    expect(await second.nonce).toBeUndefined();
    expect(second.hashes()).toBeGreaterThan(0);
  });

  it('wake to be cancelled when they sleep because the account is empty', async () => {
    await using miners = await openMiners(1, { cores: 1e-6 });
    const running = started(1);
    const mining = search(miners, endless, 1);
    await running;
    mining.cancel(); // by itself the worker would sleep for half an hour
    expect(await mining.nonce).toBeUndefined();
  });

  it('do not mind a cancel that comes too late', async () => {
    await using miners = await openMiners(1);
    const mining = search(miners, easy);
    expect(await mining.nonce).toBeDefined();
    mining.cancel();
    await expectToWork(miners);
  });

  it('end what runs when they are closed', async () => {
    const miners = await openMiners(1);
    const running = started(1);
    const mining = search(miners, endless, 1);
    await running;
    await miners[Symbol.asyncDispose]();
    expect(await mining.nonce).toBeUndefined();
  });
});

describe('miners with bad workers', () => {
  afterEach(() => {
    delete process.env[bootFailure];
  });

  it.each(['dies', 'throws', 'lies'] as const)('go on after a worker %s', async (what) => {
    await using miners = await openMiners(1);
    const victim = search(miners, easy, misbehaviour[what]);
    await expect(victim.nonce).rejects.toMatchObject({ code: 'POW_FAILED' });
    await expectToWork(miners);
  });

  it('answer the search of a worker that did not start, and try another one', async () => {
    await using miners = await openMiners(1);
    process.env[bootFailure] = 'yes';
    for (const firstByte of [misbehaviour.dies, 0]) {
      const victim = search(miners, easy, firstByte);
      await expect(victim.nonce).rejects.toMatchObject({ code: 'POW_FAILED' });
    }
    delete process.env[bootFailure];
    await expectToWork(miners);
  });

  it('do not open when the workers cannot start at all', async () => {
    process.env[bootFailure] = 'yes';
    await expect(openMiners(2)).rejects.toMatchObject({ code: 'POW_FAILED' });
  });
});
