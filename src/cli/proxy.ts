// midge proxy: the configuration of a proxy in front of several nodes.
import { resolve } from 'node:path';
import { nearest } from '../config/nearest.ts';
import { TangleError } from '../errors.ts';
import { apacheConfig } from '../proxies/apache.ts';
import { caddyConfig } from '../proxies/caddy.ts';
import { haproxyConfig } from '../proxies/haproxy.ts';
import { nginxLuaConfig } from '../proxies/nginx-lua.ts';
import { nginxConfig } from '../proxies/nginx.ts';
import { endpointOf, planOf } from '../proxies/plan.ts';
import type { Endpoint, ProxyPlan } from '../proxies/plan.ts';
import { serveWeights } from '../proxies/serve.ts';
import { traefikConfig } from '../proxies/traefik.ts';
import { parameterAt } from './command.ts';
import type { Command } from './command.ts';
import { interruption } from './signals.ts';

const flag = {
  nodes: '--nodes',
  agents: '--agents',
  listen: '--listen',
  proxyAddress: '--proxy-address',
  ca: '--ca',
  nodeName: '--node-name',
  serve: '--serve',
} as const;

const defaultProvider: Endpoint = { host: '127.0.0.1', port: 14_267 };

const makers = new Map<string, (plan: ProxyPlan) => string>(
  Object.entries({
    haproxy: haproxyConfig,
    nginx: nginxConfig,
    'nginx-lua': nginxLuaConfig,
    apache: apacheConfig,
    traefik: (plan) => traefikConfig(plan, defaultProvider),
    caddy: caddyConfig,
  }),
);

export const proxy: Command = {
  name: 'proxy',
  summary: 'print the configuration of a proxy in front of several nodes',
  parameters: ['<haproxy|nginx|nginx-lua|apache|traefik|caddy>'],
  flags: [
    {
      flag: flag.nodes,
      placeholder: 'HOST:PORT,...',
      description:
        'Where the APIs of the nodes listen; https://HOST:PORT, for all, when they have TLS.',
    },
    {
      flag: flag.ca,
      placeholder: 'FILE',
      description:
        'For nodes with https: the authorities of their certificates, on the machine of the proxy.',
    },
    {
      flag: flag.nodeName,
      placeholder: 'NAME',
      description: 'For nodes with https: a name that is in all their certificates.',
    },
    {
      flag: flag.agents,
      placeholder: 'PORT|HOST:PORT,...',
      description:
        'Where their agents listen, api.agentBind: one port, or one place a node [14266].',
    },
    {
      flag: flag.listen,
      placeholder: 'HOST:PORT',
      description: 'Where the proxy listens for clients [0.0.0.0:80].',
    },
    {
      flag: flag.proxyAddress,
      placeholder: 'ADDRESS',
      description: 'What the nodes see the proxy as; on one machine it is 127.0.0.1.',
    },
    {
      flag: flag.serve,
      placeholder: 'HOST:PORT',
      description: 'For traefik: serve the weights of now to its HTTP provider, until Ctrl-C.',
    },
  ],
  details:
    'Prints a configuration that shares requests out by what each node could still do, sends again what is safe to send again, finds the node of a job without sticky sessions, and keeps the routes of the owner inside. It begins with what each node has to be started with. docs/load-balancing.md compares the proxies.',
  examples: [
    ['midge proxy haproxy --nodes 10.0.0.1:14265,10.0.0.2:14265', 'to standard output'],
    [
      'midge proxy nginx --nodes https://10.0.0.1:14265 --ca /etc/ssl/midge.pem --node-name node.example',
      'nodes with TLS',
    ],
    ['midge proxy traefik --nodes 10.0.0.1:14265 --serve 127.0.0.1:14267', 'weights for Traefik'],
  ],
  run: async (call) => {
    const kind = parameterAt(call, 0);
    const make = makers.get(kind);
    if (make === undefined) throw unknownProxy(kind);
    const plan = planFrom(call.flags);
    const serve = call.flags.get(flag.serve);
    if (serve === undefined) {
      call.print(make(plan).trimEnd());
      return;
    }
    if (kind !== 'traefik') throw usage(`${flag.serve} is for traefik only.`);
    await serveUntilAsked(plan, endpointOf(flag.serve, serve), call.print);
  },
};

function planFrom(flags: ReadonlyMap<string, string>): ProxyPlan {
  const nodes = flags.get(flag.nodes);
  if (nodes === undefined)
    throw usage(`${flag.nodes} is missing: HOST:PORT of each node, with commas.`);
  const caFile = flags.get(flag.ca);
  return planOf({
    nodes,
    caFile: caFile === undefined ? undefined : resolve(caFile),
    nodeName: flags.get(flag.nodeName),
    agents: flags.get(flag.agents),
    listen: flags.get(flag.listen),
    proxyAddress: flags.get(flag.proxyAddress),
  });
}

async function serveUntilAsked(
  plan: ProxyPlan,
  endpoint: Endpoint,
  print: (lines: string) => void,
): Promise<void> {
  using asked = interruption();
  await using provider = await serveWeights(plan, endpoint);
  print(`Weights are served on ${provider.url}; Ctrl-C ends it.`);
  const ended = Promise.withResolvers<void>();
  asked.signal.addEventListener('abort', () => ended.resolve(), { once: true });
  await ended.promise;
}

function unknownProxy(kind: string): TangleError {
  const names = [...makers.keys()];
  const suggestion = nearest(kind, names);
  const hint =
    suggestion === undefined ? `there are ${names.join(', ')}.` : `did you mean ${suggestion}?`;
  return usage(`There is no configuration for ${JSON.stringify(kind)}; ${hint}`);
}

function usage(sentence: string): TangleError {
  return new TangleError('USAGE_INVALID', sentence);
}
