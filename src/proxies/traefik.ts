// Traefik 3: its configuration, and what its HTTP provider asks for again and again: the weights of now.
// Written after its manual and never run against it.
import { heading } from './heading.ts';
import { agentFlag } from './heading.ts';
import { keyClass } from './apache.ts';
import {
  alternatives,
  attachPaths,
  closedPaths,
  endpointText,
  jobMark,
  jobPrefix,
  nodesText,
  nodeUrl,
} from './plan.ts';
import type { Endpoint, ProxyPlan } from './plan.ts';

/** How often Traefik asks. */
const pollSeconds = 1;

/** `provider` is where `midge proxy traefik --serve` listens. */
export function traefikConfig(plan: ProxyPlan, provider: Endpoint): string {
  const agents = plan.nodes.map(({ agent }) => endpointText(agent)).join(',');
  const { tls } = plan;
  const known = tls === undefined ? '' : ` --ca ${tls.caFile} --node-name ${tls.name}`;
  const lines = [
    ...heading(plan, {
      use: [
        'Traefik 3: traefik.yml. This was never run against Traefik; please say how it does.',
        'Beside it runs what knows the weights:',
        `  midge proxy traefik --nodes ${nodesText(plan)} --agents ${agents}${known} --serve ${endpointText(provider)}`,
      ],
      nodeFlags: agentFlag,
    }),
    ...`
entryPoints:
  midge:
    address: "${endpointText(plan.listen)}"
providers:
  http:
    endpoint: "http://${endpointText(provider)}/"
    pollInterval: "${pollSeconds}s"`.split('\n'),
  ];
  return `${lines.join('\n')}\n`;
}

/** Weights of the nodes in their order, 0 for none; nobody has one when nobody may be asked. */
export interface Weights {
  readonly api: readonly number[];
  readonly pow: readonly number[];
}

interface Router {
  readonly rule: string;
  readonly service: string;
  readonly priority: number;
  readonly entryPoints: readonly string[];
  readonly middlewares?: readonly string[];
}

interface Service {
  readonly loadBalancer: {
    readonly servers: readonly { readonly url: string; readonly weight: number }[];
    readonly passHostHeader: false;
    readonly healthCheck: object;
    readonly serversTransport?: string;
  };
}

export interface TraefikDynamic {
  readonly http: {
    readonly routers: Readonly<Record<string, Router>>;
    readonly services: Readonly<Record<string, Service>>;
    readonly middlewares: object;
    readonly serversTransports?: object;
  };
}

export function traefikDynamic(plan: ProxyPlan, weights: Weights): TraefikDynamic {
  const { nodes, tls } = plan;
  const perNode = nodes.flatMap((node, index): [string, Router][] => [
    [
      `midge-jobs-${node.number}`,
      router(`PathPrefix(\`${jobPrefix}${jobMark(node)}\`)`, `midge-node-${node.number}`, 40),
    ],
    [
      `midge-keyed-${node.number}`,
      router(
        `${attachRule} && HeaderRegexp(\`Idempotency-Key\`, \`${keyClass(index, nodes.length)}$\`)`,
        `midge-node-${node.number}`,
        30,
      ),
    ],
  ]);
  const routers = {
    'midge-closed': {
      ...router(`PathRegexp(\`(?i)^/*${alternatives(closedPaths)}(/|$)\`)`, 'midge-api', 50),
      middlewares: ['midge-nobody'],
    },
    ...Object.fromEntries(perNode),
    'midge-attach': router(attachRule, 'midge-pow', 20),
    'midge-rest': router('PathPrefix(`/`)', 'midge-api', 10),
  };
  const services = {
    'midge-api': service(plan, weights.api),
    'midge-pow': service(plan, weights.pow),
    ...Object.fromEntries(
      nodes.map(
        (node) => [`midge-node-${node.number}`, service({ nodes: [node], tls }, [1])] as const,
      ),
    ),
  };
  // Traefik has no answer of its own to give: a list of addresses that nobody has shuts a route.
  const middlewares = { 'midge-nobody': { ipAllowList: { sourceRange: ['192.0.2.0/32'] } } };
  const transports = tls && {
    serversTransports: { [transport]: { serverName: tls.name, rootCAs: [tls.caFile] } },
  };
  return { http: { routers, services, middlewares, ...transports } };
}

const attachRule = `Method(\`POST\`) && (${attachPaths.map((path) => `Path(\`${path}\`)`).join(' || ')})`;

function router(rule: string, name: string, priority: number): Router {
  return { rule, service: name, priority, entryPoints: ['midge'] };
}

const transport = 'midge-nodes';

function service(
  { nodes, tls }: Pick<ProxyPlan, 'nodes' | 'tls'>,
  weights: readonly number[],
): Service {
  const isKnown = nodes.some((_, index) => (weights[index] ?? 0) > 0);
  const servers = nodes.flatMap((node, index) => {
    const weight = isKnown ? (weights[index] ?? 0) : 1;
    return weight > 0 ? [{ url: nodeUrl({ tls }, node), weight }] : [];
  });
  const healthCheck = { path: '/health', interval: '1s', timeout: '1s', hostname: 'localhost' };
  const secured = tls && { serversTransport: transport };
  return { loadBalancer: { servers, passHostHeader: false, healthCheck, ...secured } };
}
