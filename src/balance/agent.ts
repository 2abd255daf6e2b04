// The agent that HAProxy asks some times a second (agent-check): one line in, one line out, over TCP.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { listenError, parseBind, urlHost } from '../api/bind.ts';
import type { Clock } from '../clock.ts';
import { Audience } from './audience.ts';
import { agentLine, drainLine } from './words.ts';
import type { Pool } from './words.ts';
import type { Balance } from './watch.ts';

export const agentLimits = {
  /** Far more than the proxies of a node ask at a time. */
  connections: 64,
  /** Of the line that is read. */
  lineBytes: 64,
  /** From connecting to the end; HAProxy gives up after its own `timeout check`. */
  connectionMs: 1_000,
};

export interface AgentDeps {
  readonly balance: () => Balance;
  readonly clock: Clock;
  /** Told of every answer. */
  readonly onAnswer?: ((pool: Pool) => void) | undefined;
}

export interface Agent extends AsyncDisposable {
  /** As in a URL: an IPv6 address in brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Throws ADDRESS_IN_USE and CONFIG_INVALID as the API does. Closing it takes the node out of service: from
 * then on it answers `drain`, until all who ask have heard it, and only then it stops listening.
 */
export async function openAgent(bindText: string, deps: AgentDeps): Promise<Agent> {
  const bind = await parseBind(bindText, 'api.agentBind');
  const audience = new Audience(deps.clock);
  const server = createServer({ allowHalfOpen: true }, (socket) => converse(socket, answer));
  const answer = (line: string, asker: string): string => {
    const pool = poolOf(line);
    if (pool === undefined) return '#send api or pow';
    deps.onAnswer?.(pool);
    audience.hear(`${asker} ${pool}`);
    return audience.isDraining ? drainLine : agentLine(pool, deps.balance());
  };
  server.maxConnections = agentLimits.connections;
  await listening(server, bind).catch((error: unknown) => {
    throw listenError(bindText, error, 'api.agentBind');
  });
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  return {
    host: urlHost(address.address),
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      await audience.drain();
      await closed(server);
    },
  };
}

/** HAProxy without `agent-send` says nothing: an empty line is the API. */
function poolOf(line: string): Pool | undefined {
  if (line === '' || line === 'api') return 'api';
  return line === 'pow' ? 'pow' : undefined;
}

type AnswerLine = (line: string, asker: string) => string;

/** Reads a line, or what came before the other side ended; whoever is too slow or too long is hung up on. */
function converse(socket: Socket, answer: AnswerLine): void {
  const asker = socket.remoteAddress ?? '';
  let heard = '';
  const deadline = setTimeout(() => socket.destroy(), agentLimits.connectionMs).unref();
  socket.on('close', () => clearTimeout(deadline));
  // Whoever hangs up has no use for an answer.
  socket.on('error', () => socket.destroy());
  const reply = (line: string): void => {
    socket.removeAllListeners('data').removeAllListeners('end').resume();
    socket.end(`${answer(line.trim(), asker)}\n`);
  };
  socket.on('data', (bytes: Buffer) => {
    heard += bytes.toString('latin1');
    const end = heard.indexOf('\n');
    if (end !== -1) reply(heard.slice(0, end));
    else if (heard.length > agentLimits.lineBytes) socket.destroy();
  });
  socket.on('end', () => reply(heard));
}

function listening(server: Server, bind: { readonly address: string; readonly port: number }) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(bind.port, bind.address, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}

/** Conversations that go on end within their own limit. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
