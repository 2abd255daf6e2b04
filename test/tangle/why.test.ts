import { describe, expect, it } from 'vitest';
import { genesisId, messageIdHex } from '../../src/protocol/ids.ts';
import type { MessageId } from '../../src/protocol/ids.ts';
import type { MissingReport } from '../../src/tangle/fetcher.ts';
import { explain } from '../../src/tangle/why.ts';
import type { WhyDeps } from '../../src/tangle/why.ts';
import { aMessage } from '../support/messages.ts';
import type { TestMessage } from '../support/messages.ts';

const asking: MissingReport = {
  state: 'asking',
  asked: [{ peerId: 'a', atMs: 1 }],
  againMs: 5_001,
};

interface Given {
  readonly solid?: readonly MessageId[];
  readonly pending?: readonly TestMessage[];
  readonly asked?: readonly MessageId[];
}

function keysOf(ids: readonly MessageId[]): ReadonlySet<string> {
  return new Set(ids.map(messageIdHex));
}

function aNode({ solid = [], pending = [], asked = [] }: Given): WhyDeps {
  const [solidKeys, askedKeys] = [keysOf([genesisId, ...solid]), keysOf(asked)];
  const records = new Map(pending.map((message) => [messageIdHex(message.id), message]));
  const facts = {
    seq: 1,
    arrivalMs: 0,
    isLazy: false,
    firstChildMs: 0,
    isEntryPoint: false,
    isClosed: false,
  };
  return {
    readFacts: (ids) =>
      Promise.resolve(ids.map((id) => (solidKeys.has(messageIdHex(id)) ? facts : undefined))),
    getPending: (id) => {
      const found = records.get(messageIdHex(id));
      return Promise.resolve(found === undefined ? undefined : { ...found, arrivalMs: 0 });
    },
    reportOf: (id) => (askedKeys.has(messageIdHex(id)) ? asking : undefined),
  };
}

const [lost, other] = [aMessage({ data: 'lost' }), aMessage({ data: 'other' })];
const child = aMessage({ parents: [genesisId, lost.id, other.id] });
const grandchild = aMessage({ parents: [lost.id, child.id] });

describe('why', () => {
  it('a solid message is fine', async () => {
    const deps = aNode({ solid: [lost.id] });
    expect(await explain(lost.id, deps)).toEqual({ state: 'solid', missing: [], isCut: false });
  });

  it('a message waits is told down to what is missing, each once', async () => {
    const deps = aNode({ pending: [child, grandchild], asked: [lost.id] });
    const { state, missing, isCut } = await explain(grandchild.id, deps);
    expect({ state, isCut }).toEqual({ state: 'pending', isCut: false });
    expect(missing).toHaveLength(2);
    expect(missing).toContainEqual({ id: lost.id, ...asking });
    expect(missing).toContainEqual({ id: other.id, state: 'not_asked', asked: [] });
  });

  it('a message is unknown is told only when it was asked for', async () => {
    const deps = aNode({ asked: [lost.id] });
    expect(await explain(lost.id, deps)).toMatchObject({
      state: 'unknown',
      missing: [{ id: lost.id }],
    });
    expect(await explain(other.id, deps)).toEqual({ state: 'unknown', missing: [], isCut: false });
  });

  it('goes a bounded way and says that it stopped', async () => {
    const chain = [lost];
    for (let n = 0; n < 1_001; n++) {
      chain.push(aMessage({ parents: [chain.at(-1)!.id], minScore: 0 }));
    }
    const deps = aNode({ pending: chain.slice(1) });
    const report = await explain(chain.at(-1)!.id, deps);
    expect(report).toEqual({ state: 'pending', missing: [], isCut: true });
  });
});
