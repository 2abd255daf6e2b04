// Whom a request counts for when work is shared out: a subscriber, not one of the addresses it can take.
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { Grant } from './scopes.ts';

type RawRequest = Pick<IncomingMessage, 'socket' | 'headers'>;

/** An IPv4 address, or the /64 of an IPv6 address: as `203.0.113.7`, `2001:db8:0:1::/64`. */
export type AddressOf = (request: RawRequest) => string;

/** Whoever shows a token is known by it, wherever the request comes from; all others by their address. */
export type ClientOf = (request: { readonly raw: RawRequest; readonly grant: Grant }) => string;

export function makeClientOf(ofAddress: AddressOf): ClientOf {
  return ({ raw, grant: { tokenId } }) =>
    tokenId === undefined ? ofAddress(raw) : `token ${tokenId}`;
}

/**
 * `trustedProxies` are addresses and networks (`10.0.0.0/8`) whose X-Forwarded-For is believed. The client
 * is then the right-most address that is none of theirs: a proxy appends whom it sees, and what stands
 * left of that is the client's own word. An entry that is no address counts for the proxy that wrote it.
 */
export function makeAddressOf(trustedProxies: readonly string[] = []): AddressOf {
  const trusted = networksOf(trustedProxies);
  const isTrusted = ({ text, family }: Address): boolean => trusted.check(text, family);
  const ofChain = remembering((chain) => {
    const entries = chain.split(',');
    let client = addressOf(entries.pop() ?? '');
    while (client !== undefined && isTrusted(client)) {
      const before = addressOf(entries.pop() ?? '');
      if (before === undefined) break;
      client = before;
    }
    return client === undefined ? 'unknown' : subscriberOf(client);
  });
  const isProxy = remembering((remoteAddress) => {
    const address = addressOf(remoteAddress);
    return address !== undefined && isTrusted(address);
  });
  return ({ socket: { remoteAddress = '' }, headers }) => {
    const said = isProxy(remoteAddress) ? headers['x-forwarded-for'] : undefined;
    return said === undefined
      ? clientAt(remoteAddress)
      : ofChain(`${String(said)},${remoteAddress}`);
  };
}

/** Whom a connection from this address counts for, whatever its requests say. */
export const clientAt = remembering((remoteAddress: string): string => {
  const address = addressOf(remoteAddress);
  return address === undefined ? 'unknown' : subscriberOf(address);
});

export const isLoopback = remembering((remoteAddress: string): boolean => {
  const address = addressOf(remoteAddress);
  return address !== undefined && loopback.check(address.text, address.family);
});

/** What proxies leave behind: then the other side is not the client. */
const proxyHeaders = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'forwarded',
  'via',
];

/** Programs of this machine are the owner's, unless they pass on what others ask. */
export function isOwnProgram({ socket, headers }: RawRequest): boolean {
  if (!isLoopback(socket.remoteAddress ?? '')) return false;
  return proxyHeaders.every((name) => headers[name] === undefined);
}

/** Whom something counts for that is held long; undefined for programs of the owner. */
export type HolderOf = (request: Parameters<ClientOf>[0]) => string | undefined;

export function makeHolderOf(clientOf: ClientOf): HolderOf {
  return (request) => (isOwnProgram(request.raw) ? undefined : clientOf(request));
}

/** The same of a connection, whatever is said on it. */
export function makeHolderAt(trustedProxies: readonly string[] = []) {
  const standsForMany = makeStandsForMany(trustedProxies);
  return (remoteAddress: string): string | undefined =>
    standsForMany(remoteAddress) ? undefined : clientAt(remoteAddress);
}

/** Whether many clients come from this address: those of a trusted proxy, or the owner's programs. */
export function makeStandsForMany(trustedProxies: readonly string[] = []) {
  const trusted = networksOf(trustedProxies);
  return (remoteAddress: string): boolean => {
    const address = addressOf(remoteAddress);
    if (address === undefined) return false;
    return [loopback, trusted].some((networks) => networks.check(address.text, address.family));
  };
}

const loopback = networksOf(['127.0.0.0/8', '::1']);

function networksOf(texts: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const text of texts) {
    const [address = '', bits] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) networks.addAddress(address, family);
    else networks.addSubnet(address, Number(bits), family);
  }
  return networks;
}

/** Of how many texts, and of which length: strangers write some of them. */
const remembered = { count: 1_000, length: 200 };

/** The same function, which looks at most texts once: every request of a connection asks the same. */
function remembering<Answer extends string | boolean>(of: (text: string) => Answer) {
  const answers = new Map<string, Answer>();
  return (text: string): Answer => {
    const known = answers.get(text);
    if (known !== undefined) return known;
    const answer = of(text);
    if (text.length > remembered.length) return answer;
    if (answers.size >= remembered.count) answers.clear();
    answers.set(text, answer);
    return answer;
  };
}

interface Address {
  /** IPv6 written out: eight groups without leading zeros. */
  readonly text: string;
  readonly family: 'ipv4' | 'ipv6';
}

/** Some proxies write a port, too: `203.0.113.7:4711`, `[2001:db8::1]:4711`. */
const withPort = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/;

function addressOf(text: string): Address | undefined {
  const entry = text.trim();
  const parts = withPort.exec(entry);
  const address = (parts?.[1] ?? parts?.[2] ?? entry).replace(/%.*$/, '');
  // Put together anew: as a part of a header it would keep all 16 KiB of it in memory.
  if (isIP(address) === 4) return { text: address.split('.').join('.'), family: 'ipv4' };
  return isIP(address) === 6 ? ipv6Of(address) : undefined;
}

/** An IPv4 address that came as IPv6 (`::ffff:203.0.113.7`), as it does to a server on `::`, is IPv4 again. */
function ipv6Of(address: string): Address {
  const groups = groupsOf(address);
  const isMapped = groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff';
  if (!isMapped) return { text: groups.join(':'), family: 'ipv6' };
  const bytes = groups.slice(6).flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return { text: bytes.join('.'), family: 'ipv4' };
}

/** The URL parser knows every way to write an IPv6 address and leaves only `::` to undo. */
function groupsOf(address: string): string[] {
  const { hostname } = new URL(`http://[${address}]`);
  const [head = [], tail = []] = hostname
    .slice(1, -1)
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail];
}

/** Whoever has one IPv6 address has 2^64 of them. */
function subscriberOf({ text, family }: Address): string {
  return family === 'ipv4' ? text : `${text.split(':').slice(0, 4).join(':')}::/64`;
}
