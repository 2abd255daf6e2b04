import { describe, expect, it } from 'vitest';
import { TangleError } from '../../src/errors.ts';
import { verifyWork } from '../../src/pow/verify.ts';
import { hexOf } from '../../src/protocol/bytes.ts';
import { decodeMessage } from '../../src/protocol/codec.ts';
import { asMessageId, genesisId } from '../../src/protocol/ids.ts';
import { makeAttach } from '../../src/tangle/attach.ts';
import type { Attach, AttachDeps, Draft, Mine } from '../../src/tangle/attach.ts';
import type { Outcome } from '../../src/tangle/outcome.ts';
import { aMessage, testNetwork } from '../support/messages.ts';
import { aFolder } from '../support/folder.ts';
import { openTestTangle } from '../support/tangle.ts';
import type { TestTangle } from '../support/tangle.ts';

const codeOf = (outcome: Outcome): string =>
  'error' in outcome ? `${outcome.kind} ${outcome.error.code}` : outcome.kind;
const stranger = asMessageId(new Uint8Array(32).fill(7));
const payload = { type: 2, index: Buffer.from('attach'), data: Buffer.from('x') } as const;
const call = { client: 'test', signal: new AbortController().signal };

/** Real work, found by verifying many nonces. */
const search: Mine = ({ digest, zeros }) => {
  for (let base = 1n; ; base += 32n) {
    const work = Array.from({ length: 32 }, (_, lane) => ({ digest, nonce: base + BigInt(lane) }));
    const hit = Array.from(verifyWork(work)).findIndex((found) => found >= zeros);
    if (hit >= 0) return Promise.resolve({ nonce: base + BigInt(hit), digest });
  }
};

/** Counts jobs, so that a test can see that none was started. */
function countedMine(): { readonly mine: Mine; readonly count: () => number } {
  let jobs = 0;
  const mine: Mine = (job) => {
    jobs += 1;
    return search(job);
  };
  return { mine, count: () => jobs };
}

function depsOf(tangle: TestTangle, mine?: Mine): AttachDeps {
  return {
    selectTips: (count) => tangle.tips.select(count),
    store: tangle.store,
    intake: tangle.intake,
    verifyWork,
    mine,
  };
}

function attachOn(tangle: TestTangle, mine?: Mine, minPowScore = 1): Attach {
  return makeAttach({ networkId: testNetwork.id, minPowScore }, depsOf(tangle, mine));
}

const failing: Mine = () => Promise.reject(new TangleError('POW_BUSY'));

describe('attaching a message', () => {
  it('fills in network id, parents and nonce', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const { mine, count } = countedMine();
    const outcome = await attachOn(tangle, mine)({ payload }, call);
    expect(codeOf(outcome)).toBe('accepted');
    expect(count()).toBe(1);
    const stored = tangle.solid[0]!.message;
    expect(stored.networkId).toBe(testNetwork.id);
    expect(stored.parents.map(hexOf)).toEqual([hexOf(genesisId)]);
    expect(stored.nonce).not.toBe(0n);
  });

  it('takes a finished message as it is, without any work', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const { mine, count } = countedMine();
    const message = aMessage();
    const attach = attachOn(tangle, mine);
    expect(codeOf(await attach(decodeMessage(message.bytes), call))).toBe('accepted');
    expect(codeOf(await attach(decodeMessage(message.bytes), call))).toBe('known');
    expect(count()).toBe(0);
    expect(hexOf(tangle.store.get(message.id)?.bytes ?? new Uint8Array())).toBe(
      hexOf(message.bytes),
    );
  });

  it('does no work when a nonce of zero is enough', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({
      dataDir: folder.path,
      intake: { minPowScore: 0.0001 },
    });
    const { mine, count } = countedMine();
    expect(codeOf(await attachOn(tangle, mine, 0.0001)({ payload }, call))).toBe('accepted');
    expect(count()).toBe(0);
  });

  const unfit: readonly (readonly [string, Draft, string])[] = [
    ['another network', { networkId: 5n, payload }, 'rejected NETWORK_ID_MISMATCH'],
    [
      'a nonce without network id',
      { parents: [genesisId], nonce: 9n, payload },
      'rejected NETWORK_ID_MISSING',
    ],
    [
      'a nonce without parents',
      { networkId: testNetwork.id, nonce: 9n, payload },
      'rejected PARENTS_MISSING',
    ],
    ['an unknown parent', { parents: [stranger], payload }, 'rejected PARENT_UNKNOWN'],
    [
      'parents out of order',
      { parents: [stranger, genesisId], payload },
      'rejected PARENTS_NOT_SORTED',
    ],
    [
      'an index that is too long',
      { payload: { ...payload, index: new Uint8Array(65) } },
      'rejected INDEX_LENGTH_INVALID',
    ],
    [
      'more data than a message holds',
      { payload: { ...payload, data: new Uint8Array(32_768) } },
      'rejected MESSAGE_TOO_LARGE',
    ],
  ];
  it.each(unfit)('refuses %s before any work', async (_, draft, code) => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const { mine, count } = countedMine();
    expect(codeOf(await attachOn(tangle, mine)(draft, call))).toBe(code);
    expect(count()).toBe(0);
  });

  it('refuses parents that wait for their own parents', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const orphan = aMessage({ parents: [stranger] });
    await tangle.intake.submit(orphan.bytes, 'peer:a');
    const { mine, count } = countedMine();
    const outcome = await attachOn(tangle, mine)({ parents: [orphan.id], payload }, call);
    expect(codeOf(outcome)).toBe('rejected PARENT_NOT_SOLID');
    expect(count()).toBe(0);
  });

  it('says so when the node does no work', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const attach = attachOn(tangle);
    expect(codeOf(await attach({ payload }, call))).toBe('rejected POW_DISABLED');
    expect(codeOf(await attach({ parents: [genesisId], payload }, call))).toBe(
      'rejected POW_DISABLED',
    );
    expect(codeOf(await attach(decodeMessage(aMessage().bytes), call))).toBe('accepted');
  });

  it('works on newer tips while it takes long, if the node chose the parents', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const later = aMessage({ data: 'came while mining' });
    const refreshing: Mine = async (job) => {
      await tangle.intake.submit(later.bytes, 'client');
      tangle.tips.reset([later.id]);
      return search({ ...job, digest: job.refresh?.() ?? job.digest });
    };
    const attach = attachOn(tangle, refreshing);
    expect(codeOf(await attach({ payload }, call))).toBe('accepted');
    expect(tangle.solid.at(-1)!.message.parents.map(hexOf)).toEqual([hexOf(later.id)]);
    const own = { payload, parents: [genesisId] };
    expect(codeOf(await attach(own, call))).toBe('accepted');
    expect(tangle.solid.at(-1)!.message.parents.map(hexOf)).toEqual([hexOf(genesisId)]);
  });

  it('keeps the number of parents while it works, for with it the work would change', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const others = Array.from({ length: 3 }, (_, n) => aMessage({ data: `tip ${n}` }));
    const refreshing: Mine = async (job) => {
      await Promise.all(others.map(({ bytes }) => tangle.intake.submit(bytes, 'client')));
      return search({ ...job, digest: job.refresh?.() ?? job.digest });
    };
    expect(codeOf(await attachOn(tangle, refreshing)({ payload }, call))).toBe('accepted');
    expect(tangle.solid.at(-1)!.message.parents.length).toBe(1);
  });

  it('has its parents held against pruning while it works, those of each refresh too', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const chain = [aMessage({ data: 'first' })];
    for (let n = 1; n < 20; n++) {
      chain.push(aMessage({ parents: [chain.at(-1)!.id], data: `${n}` }));
    }
    for (const { bytes } of chain) await tangle.intake.submit(bytes, 'client');
    const own = chain[2]!.id;
    const pruning: Mine = async (job) => {
      await tangle.store.cut({ upToSeq: 15 });
      return search(job);
    };
    expect(codeOf(await attachOn(tangle, pruning)({ payload, parents: [own] }, call))).toBe(
      'accepted',
    );
    expect(tangle.store.has(own)).toBe(false);

    const selections = [[chain[15]!.id], [chain[16]!.id]];
    const held: boolean[] = [];
    const failsLater: Mine = async (job) => {
      job.refresh?.();
      await tangle.store.cut({ upToSeq: 18 });
      const facts = await tangle.store.facts([chain[15]!.id, chain[16]!.id]);
      held.push(...facts.map((fact) => fact?.isEntryPoint === true));
      throw new TangleError('POW_BUSY');
    };
    const attach = makeAttach(
      { networkId: testNetwork.id, minPowScore: 1 },
      { ...depsOf(tangle, failsLater), selectTips: () => selections.shift() ?? [] },
    );
    expect(codeOf(await attach({ payload }, call))).toBe('busy POW_BUSY');
    expect(held).toEqual([true, true]);
    await tangle.store.cut({ upToSeq: 19 });
    expect(await tangle.store.facts([chain[15]!.id, chain[16]!.id])).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('waits for the first catch-up to end', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    let isCatchingUp = true;
    const attach = makeAttach(
      { networkId: testNetwork.id, minPowScore: 1 },
      { ...depsOf(tangle, search), isCatchingUp: () => isCatchingUp },
    );
    expect(codeOf(await attach({ payload }, call))).toBe('busy CATCHING_UP');
    isCatchingUp = false;
    expect(codeOf(await attach({ payload }, call))).toBe('accepted');
  });

  it('does no work for a message that the store cannot take', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    const { mine, count } = countedMine();
    const attach = makeAttach(
      { networkId: testNetwork.id, minPowScore: 1 },
      { ...depsOf(tangle, mine), storeFailure: () => 'DISK_FULL' },
    );
    expect(codeOf(await attach({ payload }, call))).toBe('busy DISK_FULL');
    expect(count()).toBe(0);
  });

  it('passes on why mining ended without a nonce', async () => {
    await using folder = await aFolder();
    await using tangle = await openTestTangle({ dataDir: folder.path });
    expect(codeOf(await attachOn(tangle, failing)({ payload }, call))).toBe('busy POW_BUSY');
    expect(tangle.solid).toEqual([]);
  });
});
