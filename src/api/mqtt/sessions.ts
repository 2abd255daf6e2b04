// Who is connected by MQTT, what each has subscribed to, and how much of that is allowed.
import type { Client } from 'aedes';
import { mayDo } from '../scopes.ts';
import type { Grant, GrantOf } from '../scopes.ts';

export interface SessionLimits {
  readonly maxSubscriptions: number;
  readonly maxSubscriptionsPerClient: number;
}

interface Session {
  readonly filters: Set<string>;
  /** Of a client that was let in by it. */
  token?: string;
}

export class Sessions {
  readonly #sessions = new Map<Client, Session>();
  readonly #limits: SessionLimits;
  #subscriptionCount = 0;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  get clientCount(): number {
    return this.#sessions.size;
  }

  open(client: Client): void {
    this.#sessions.set(client, { filters: new Set() });
  }

  keepToken(client: Client, token: string): void {
    const session = this.#sessions.get(client);
    if (session !== undefined) session.token = token;
  }

  close(client: Client): void {
    this.#subscriptionCount -= this.#sessions.get(client)?.filters.size ?? 0;
    this.#sessions.delete(client);
  }

  closeAll(): void {
    for (const client of this.#sessions.keys()) client.close();
  }

  /** False when the client has as many as it may, or all together have. */
  subscribe(client: Client, filter: string): boolean {
    const filters = this.#sessions.get(client)?.filters;
    if (filters === undefined) return false;
    if (filters.has(filter)) return true;
    const { maxSubscriptions, maxSubscriptionsPerClient } = this.#limits;
    const isFull = this.#subscriptionCount >= maxSubscriptions;
    if (isFull || filters.size >= maxSubscriptionsPerClient) return false;
    filters.add(filter);
    this.#subscriptionCount += 1;
    return true;
  }

  unsubscribe(client: Client, filter: string): void {
    if (this.#sessions.get(client)?.filters.delete(filter) === true) this.#subscriptionCount -= 1;
  }

  /** Ends the sessions whose token has expired or was revoked. */
  async closeRevoked(grantOf: GrantOf): Promise<void> {
    for (const [client, { token }] of this.#sessions) {
      if (token === undefined) continue;
      const grant = await grantOf(token);
      if (grant === undefined || !mayRead(grant)) client.close();
    }
  }
}

export function mayRead(grant: Grant): boolean {
  return mayDo(grant, 'read');
}
