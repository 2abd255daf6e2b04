// Opens what tells proxies of a node, as far as its settings ask for it.
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { openAgent } from './agent.ts';
import { HeartbeatSender } from './beat.ts';
import type { Balance } from './watch.ts';
import type { Pool } from './words.ts';

export interface TellersOptions {
  readonly agentBind?: string | undefined;
  readonly heartbeatUrl?: string | undefined;
}

export interface TellersDeps {
  /** Where it listens. */
  readonly api: { readonly host: string; readonly port: number };
  readonly balance: () => Balance;
  readonly onAnswer: (pool: Pool) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Tellers extends AsyncDisposable {
  /** `HOST:PORT` of the agent. */
  readonly agentAddress: string | undefined;
}

/** To be opened after the API and closed before it: proxies know of a node as long as it serves, no longer. */
export async function openTellers(
  { agentBind, heartbeatUrl }: TellersOptions,
  { api, balance, onAnswer, clock, log }: TellersDeps,
): Promise<Tellers> {
  await using opening = new AsyncDisposableStack();
  const agent =
    agentBind === undefined
      ? undefined
      : opening.use(await openAgent(agentBind, { balance, clock, onAnswer }));
  if (heartbeatUrl !== undefined) {
    const options = { url: heartbeatUrl, address: api.host, port: api.port };
    opening.use(new HeartbeatSender(options, { balance, log }));
  }
  const owned = opening.move();
  return {
    agentAddress: agent && `${agent.host}:${agent.port}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
