import { describe, expect, it } from 'vitest';
import { Value } from 'typebox/value';
import { draftOf } from '../../src/api/drafts.ts';
import { draftSchema, messageSchema } from '../../src/api/message-schema.ts';
import { messageView } from '../../src/api/views.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import vectors from '../vectors/messages-valid.json' with { type: 'json' };

describe('a message as JSON', () => {
  it.each(vectors)('is what iota.js writes: $name', ({ bytes, json }) => {
    const view = messageView(decodeMessage(Buffer.from(bytes, 'hex')));
    expect(view).toEqual(json);
    expect(Value.Check(messageSchema, view)).toBe(true);
  });

  it.each(vectors)('comes back as the same bytes: $name', ({ bytes, json }) => {
    const draft = draftOf(Value.Parse(draftSchema, json));
    const { networkId = 0n, parents = [], payload, nonce = 0n } = draft;
    const encoded = encodeMessage({ networkId, parents, payload, nonce });
    expect(Buffer.from(encoded).toString('hex')).toBe(bytes);
  });
});
