// What is kept of a client, and the end of a token.
import type { Client } from 'aedes';
import { describe, expect, it } from 'vitest';
import { Sessions } from '../../../src/api/mqtt/sessions.ts';

function aClient(): { readonly client: Client; readonly isClosed: () => boolean } {
  let isClosed = false;
  const client = { close: () => (isClosed = true) } as unknown as Client;
  return { client, isClosed: () => isClosed };
}

describe('sessions', () => {
  it('count subscriptions as clients come, change them and go', () => {
    const sessions = new Sessions({ maxSubscriptions: 3, maxSubscriptionsPerClient: 2 });
    const [one, two] = [aClient().client, aClient().client];
    sessions.open(one);
    sessions.open(two);
    expect(['a', 'b', 'b', 'c'].map((topic) => sessions.subscribe(one, topic))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(['a', 'b'].map((topic) => sessions.subscribe(two, topic))).toEqual([true, false]);
    sessions.unsubscribe(one, 'a');
    sessions.unsubscribe(one, 'a');
    expect(sessions.subscriptionCount).toBe(2);
    sessions.close(one);
    sessions.close(one);
    expect([sessions.clientCount, sessions.subscriptionCount]).toEqual([1, 1]);
    expect(sessions.subscribe(one, 'late')).toBe(false);
  });

  it('end when their token is no longer good', async () => {
    const sessions = new Sessions({ maxSubscriptions: 3, maxSubscriptionsPerClient: 2 });
    const kinds = ['public', 'good', 'revoked', 'changed'] as const;
    const clients = kinds.map((kind) => ({ kind, ...aClient() }));
    for (const { kind, client } of clients) {
      sessions.open(client);
      if (kind !== 'public') sessions.keepToken(client, kind);
    }
    await sessions.closeRevoked((token) => {
      if (token === 'revoked') return Promise.resolve(undefined);
      return Promise.resolve({ scopes: new Set([token === 'good' ? 'read' : 'pow']) });
    });
    expect(clients.filter(({ isClosed }) => isClosed()).map(({ kind }) => kind)).toEqual([
      'revoked',
      'changed',
    ]);
  });
});
