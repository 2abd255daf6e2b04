import { describe, expect, it } from 'vitest';
import { asMessageId, messageIdHex } from '../../../src/protocol/ids.ts';
import type { WhyReport } from '../../../src/tangle/why.ts';
import { ask, errorOf, openTestApi } from '../harness.ts';

const id = asMessageId(new Uint8Array(32).fill(7));
const parent = asMessageId(new Uint8Array(32).fill(8));

async function answerTo(report: WhyReport, messageId = messageIdHex(id)) {
  await using api = await openTestApi({ why: () => Promise.resolve(report) });
  return await ask(api, { path: `/api/midge/v1/why/${messageId}` });
}

describe('GET /api/midge/v1/why/:messageId', () => {
  it('tells what is missing, who was asked, when', async () => {
    const asked = [{ peerId: '12D3', atMs: 1_700_000_000_000 }];
    const againMs = 1_700_000_005_000;
    const missing = [
      { id: parent, state: 'asking', asked, againMs },
      { id, state: 'not_asked', asked: [] },
    ] as const;
    const { status, json } = await answerTo({ state: 'pending', missing, isCut: true });
    expect(status).toBe(200);
    expect(json).toEqual({
      data: {
        messageId: messageIdHex(id),
        state: 'pending',
        missing: [
          { messageId: messageIdHex(parent), state: 'asking', asked, againMs },
          { messageId: messageIdHex(id), state: 'not_asked', asked: [] },
        ],
        isCut: true,
      },
    });
  });

  it('knows nothing of what nobody named', async () => {
    const answer = await answerTo({ state: 'unknown', missing: [], isCut: false });
    expect(answer.status).toBe(404);
    expect(errorOf(answer).reason).toBe('message_not_found');
  });

  it('refuses what is no id', async () => {
    const answer = await answerTo({ state: 'solid', missing: [], isCut: false }, 'abc');
    expect(answer.status).toBe(400);
    expect(errorOf(answer).reason).toBe('hex_invalid');
  });
});
