// What all configurations of proxies are made from, and the facts about our routes that they share.
import { isIP } from 'node:net';
import { TangleError } from '../errors.ts';

export interface Endpoint {
  /** An IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface ProxyNode extends Endpoint {
  /** From 1 on; what its setting api.nodeNumber has to be. */
  readonly number: number;
  readonly agent: Endpoint;
}

/** By what nodes with TLS are known. */
export interface NodeTls {
  /** Absolute path, on the machine of the proxy, of the authorities that the certificates of the nodes are from; PEM. */
  readonly caFile: string;
  /** In the certificates of all nodes, and what the proxy asks for (SNI). */
  readonly name: string;
}

export interface ProxyPlan {
  readonly nodes: readonly ProxyNode[];
  /** Absent when the nodes speak plain HTTP. */
  readonly tls?: NodeTls | undefined;
  /** Where clients come in. */
  readonly listen: Endpoint;
  /** What nodes see the proxy as. */
  readonly proxyAddress: string;
}

export const attachPaths = ['/api/v1/messages', '/api/midge/v1/attach'] as const;
export const jobPrefix = '/api/midge/v1/attach/';
/** Long answers, which a client takes up again where it was: on the same node. */
export const streamPaths = ['/api/midge/v1/events', '/mqtt'] as const;
/** Routes of the owner, and what tells of the machine. They stand behind tokens, too; two doors are better than one. */
export const closedPaths = [
  '/metrics',
  '/api/v1/peers',
  '/api/v1/control',
  '/api/midge/v1/backup',
  '/api/midge/v1/database',
  '/api/midge/v1/pins',
  '/api/midge/v1/prune',
  '/api/midge/v1/tokens',
  '/api/midge/v1/control',
] as const;

/** Hex digits that the ids of a node's jobs begin with. */
export function jobMark({ number }: Pick<ProxyNode, 'number'>): string {
  return number.toString(16).padStart(2, '0');
}

/** As regular expressions of all proxies write it: none of our paths has a character that means something there. */
export function alternatives(paths: readonly string[]): string {
  return `(${paths.join('|')})`;
}

/** `HOST:PORT` as URLs and all proxies write it. */
export function endpointText({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The nodes as `--nodes` takes them. */
export function nodesText({ nodes, tls }: Pick<ProxyPlan, 'nodes' | 'tls'>): string {
  return nodes.map((node) => (tls === undefined ? '' : 'https://') + endpointText(node)).join(',');
}

export function nodeUrl({ tls }: Pick<ProxyPlan, 'tls'>, node: Endpoint): string {
  return `${schemeOf({ tls })}://${endpointText(node)}`;
}

export function schemeOf({ tls }: Pick<ProxyPlan, 'tls'>): 'http' | 'https' {
  return tls === undefined ? 'http' : 'https';
}

/** For proxies that connect to addresses only. Throws USAGE_INVALID for names. */
export function demandAddresses(proxy: string, endpoints: readonly Endpoint[]): void {
  const name = endpoints.find(({ host }) => isIP(host) === 0);
  if (name === undefined) return;
  throw new TangleError(
    'USAGE_INVALID',
    `For ${proxy} nodes and agents are IP addresses, which ${name.host} is not.`,
  );
}

const defaultAgentPort = 14_266;

interface Wishes {
  readonly nodes: string;
  /** Both with https, neither without. */
  readonly caFile?: string | undefined;
  readonly nodeName?: string | undefined;
  /** A port for all, or as many endpoints as nodes. */
  readonly agents?: string | undefined;
  readonly listen?: string | undefined;
  readonly proxyAddress?: string | undefined;
}

/** Throws USAGE_INVALID. */
export function planOf({ nodes, agents, listen, proxyAddress, ...wishes }: Wishes): ProxyPlan {
  const places = nodes.split(',').map((place) => place.trim());
  const endpoints = places.map((place) => endpointOf('--nodes', place.replace(scheme, '')));
  if (endpoints.length > 255) refuse('--nodes takes up to 255 nodes.');
  if (new Set(endpoints.map(endpointText)).size < endpoints.length) {
    refuse('--nodes names a node twice.');
  }
  const agentEndpoints = agentsOf(endpoints, agents ?? String(defaultAgentPort));
  const tls = tlsOf(places, wishes);
  return {
    ...(tls && { tls }),
    nodes: endpoints.map((endpoint, index) => ({
      ...endpoint,
      number: index + 1,
      agent: agentEndpoints[index] ?? { host: endpoint.host, port: defaultAgentPort },
    })),
    listen: endpointOf('--listen', listen ?? '0.0.0.0:80'),
    proxyAddress: proxyAddress === undefined ? guessAddress(endpoints) : checkIp(proxyAddress),
  };
}

const scheme = /^https?:\/\//;
/** What needs no quotes in any configuration. */
const plainPath = /^\/[\w./@+-]+$/;

function tlsOf(
  places: readonly string[],
  { caFile, nodeName: name }: Pick<Wishes, 'caFile' | 'nodeName'>,
): NodeTls | undefined {
  const secureCount = places.filter((place) => place.startsWith('https:')).length;
  if (secureCount === 0) {
    if (caFile === undefined && name === undefined) return undefined;
    return refuse('--ca and --node-name are for nodes with https://.');
  }
  if (secureCount < places.length) refuse('--nodes are all with https://, or all without.');
  if (caFile === undefined || name === undefined) {
    return refuse(
      'Nodes with https:// are known by --ca FILE, the authorities of their certificates, and --node-name, a name in all of these.',
    );
  }
  if (!plainPath.test(caFile)) refuse('--ca takes a path without spaces and quotes.');
  if (!/^[\w.-]+$/.test(name)) {
    refuse(`--node-name takes a name; ${JSON.stringify(name)} is not one.`);
  }
  return { caFile, name };
}

function agentsOf(nodes: readonly Endpoint[], text: string): readonly Endpoint[] {
  if (/^\d{1,5}$/.test(text)) {
    return nodes.map(({ host }) =>
      endpointOf('--agents', endpointText({ host, port: Number(text) })),
    );
  }
  const agents = endpointsOf('--agents', text);
  if (agents.length !== nodes.length) {
    refuse(
      `--agents names ${agents.length} for ${nodes.length} nodes; it takes one for each, or a port.`,
    );
  }
  return agents;
}

function endpointsOf(flag: string, text: string): Endpoint[] {
  return text.split(',').map((part) => endpointOf(flag, part.trim()));
}

/** Throws USAGE_INVALID. */
export function endpointOf(flag: string, text: string): Endpoint {
  const [, ipv6, name, portText] = /^(?:\[([^\]]*)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = ipv6 ?? name ?? '';
  const port = Number(portText);
  const isHost = ipv6 === undefined || isIP(ipv6) === 6;
  if (isHost && port >= 1 && port <= 0xffff) return { host, port };
  return refuse(
    `${flag} takes HOST:PORT, an IPv6 host in brackets; ${JSON.stringify(text)} is not.`,
  );
}

function checkIp(text: string): string {
  if (isIP(text) !== 0) return text;
  return refuse(`--proxy-address takes an IP address; ${JSON.stringify(text)} is not.`);
}

/** Nodes on this machine see a proxy on this machine; otherwise only the owner knows. */
function guessAddress(nodes: readonly Endpoint[]): string {
  const isLocal = nodes.every(({ host }) => host === 'localhost' || host.startsWith('127.'));
  return isLocal ? '127.0.0.1' : 'ADDRESS-OF-THIS-PROXY';
}

function refuse(sentence: string): never {
  throw new TangleError('USAGE_INVALID', sentence);
}
