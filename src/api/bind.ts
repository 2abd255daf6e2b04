// Where the server listens, and for which Host headers it then answers.
import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TangleError } from '../errors.ts';

export interface Bind {
  /** As it was configured: a name or an address, without brackets. */
  readonly host: string;
  /** What the name stands for. */
  readonly address: string;
  readonly isLoopback: boolean;
  /** 0 asks for a free one. */
  readonly port: number;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

const apiBind = 'api.bind';

/** Takes `HOST:PORT`, an IPv6 host in brackets. Throws CONFIG_INVALID for anything else and for unknown names. */
export async function parseBind(text: string, setting = apiBind): Promise<Bind> {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.toLowerCase());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    throw unusable(`${setting} ${text}`, 'it is not HOST:PORT');
  const { address, family } = await lookup(host, { order: 'ipv4first' }).catch((error: unknown) => {
    throw unusable(`${setting} ${text}`, 'the host is not known', error);
  });
  return {
    host,
    address,
    isLoopback: loopback.check(address, family === 6 ? 'ipv6' : 'ipv4'),
    port,
  };
}

/** The system's codes in words that say what to change. */
const listenFailures: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'no interface of this machine has that address',
  EACCES: 'this user may not open the port; choose one from 1024 on',
};

/** The error of a server that could not listen. */
export function listenError(text: string, error: unknown, setting = apiBind): TangleError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  if (code !== 'EADDRINUSE') {
    return unusable(`${setting} ${text}`, listenFailures[code] ?? code, error);
  }
  return new TangleError(
    'ADDRESS_IN_USE',
    `${text} is taken; stop what listens there or choose another ${setting}.`,
    { cause: error },
  );
}

function unusable(what: string, why: string, cause?: unknown): TangleError {
  return new TangleError('CONFIG_INVALID', `${what} cannot be listened on: ${why}.`, {
    cause,
  });
}

/** As hosts are written in URLs and headers: IPv6 in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * Why a request is not for this node, by its Host. A web page can point a name of its own at 127.0.0.1 and then reads a
 * node on loopback as its own site (DNS rebinding); its requests still carry that name as Host.
 */
export function makeHostGuard({ host, address, isLoopback }: Bind) {
  const ownHosts = new Set(['localhost', '127.0.0.1', '[::1]', urlHost(host), urlHost(address)]);
  return ({ headers, rawHeaders }: IncomingMessage): TangleError | undefined => {
    // Node goes by the first, a proxy before it may go by the last: RFC 9112, 3.2.
    if (hasTwoHosts(rawHeaders))
      return new TangleError('REQUEST_INVALID', 'The request has more than one Host header.');
    const named = headers.host?.toLowerCase().replace(/:\d*$/, '');
    // Only HTTP/1.0 comes without, and no browser speaks it.
    if (!isLoopback || named === undefined || ownHosts.has(named)) return undefined;
    return new TangleError(
      'FORBIDDEN_HOST',
      'This node listens on loopback only; ask it as localhost or 127.0.0.1.',
    );
  };
}

/** `rawHeaders` has names and values in turn. */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count > 1;
}

/** An `onRequest` hook. */
export function refuseForeignHosts(bind: Bind) {
  const faultOf = makeHostGuard(bind);
  return ({ raw }: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    done(faultOf(raw));
  };
}
