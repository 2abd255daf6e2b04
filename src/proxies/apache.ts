// The configuration of Apache httpd 2.4: reads by heartbeats of the nodes, proof of work by who is least busy.
import { heading } from './heading.ts';
import {
  alternatives,
  closedPaths,
  demandAddresses,
  endpointText,
  jobMark,
  jobPrefix,
  nodeUrl,
} from './plan.ts';
import type { ProxyNode, ProxyPlan } from './plan.ts';

export const heartbeatPath = '/midge-heartbeat';

const modules = [
  'proxy proxy_http proxy_balancer proxy_hcheck slotmem_shm',
  'lbmethod_heartbeat lbmethod_bybusyness heartmonitor rewrite',
];

export function apacheConfig(plan: ProxyPlan): string {
  demandAddresses('apache', plan.nodes);
  const own = { host: plan.proxyAddress, port: plan.listen.port };
  const lines = [
    ...heading(plan, {
      use: [
        'Apache httpd: /etc/apache2/sites-available/midge.conf, and once:',
        ...modules.map((names) => `  a2enmod ${names}`),
        ...(plan.tls === undefined ? [] : ['  a2enmod ssl']),
        'Apache knows a node by the address of its heartbeats: each needs an address of its own,',
        'on one machine for example 127.0.0.1, 127.0.0.2, ... Before the first heartbeat all is 503.',
      ],
      nodeFlags: () => `--api.heartbeat-url http://${endpointText(own)}${heartbeatPath}`,
    }),
    ...start(plan),
    ...toNodes(plan),
    ...balancers(plan),
    ...rules(plan),
    '</VirtualHost>',
  ];
  return `${lines.join('\n')}\n`;
}

function start({ listen, nodes }: ProxyPlan): string[] {
  return `
Listen ${endpointText(listen)}

# The heartbeats come by HTTP, but without this they are not heard. Not a group of the network, so that nobody
# there can send some; Apache says once that it cannot join, which is meant to be.
HeartbeatListen 127.0.0.1:27999
HeartbeatMaxServers ${Math.max(10, nodes.length)}
<VirtualHost ${endpointText(listen)}>
  ProxyHCExpr midge_is_well {%{REQUEST_STATUS} =~ /^200/}
  LimitRequestBody 131072
  ProxyTimeout 90
  AllowEncodedSlashes NoDecode
  <Location "${heartbeatPath}">
    SetHandler heartbeat
    Require ip ${nodes.map(({ host }) => host).join(' ')}
  </Location>
  RewriteEngine On
  RewriteRule "^/*${alternatives(closedPaths)}(/|$)" - [NC,R=404,L]
  ProxyPass "${heartbeatPath}" "!"`.split('\n');
}

function toNodes({ tls }: ProxyPlan): string[] {
  if (tls === undefined) return [];
  return `  SSLProxyEngine on
  SSLProxyProtocol -all +TLSv1.2 +TLSv1.3
  SSLProxyVerify require
  SSLProxyVerifyDepth 4
  SSLProxyCACertificateFile ${tls.caFile}
  # Apache would look for the address of the node in its certificate, as a name.
  SSLProxyCheckPeerName off`.split('\n');
}

function balancers(plan: ProxyPlan): string[] {
  const pool = (name: string, method: string, member: string): string[] => [
    `  <Proxy "balancer://${name}">`,
    ...plan.nodes.map(
      (node) => `    BalancerMember "${nodeUrl(plan, node)}" ${member} ${memberCheck}`,
    ),
    `    ProxySet lbmethod=${method}`,
    '  </Proxy>',
  ];
  return [
    ...pool('midge-api', 'heartbeat', 'flushpackets=on'),
    ...pool('midge-mqtt', 'heartbeat', 'upgrade=websocket timeout=3600'),
    '  # A node that is full has a queue; what waits there counts as busy.',
    ...pool('midge-pow', 'bybusyness', 'timeout=660'),
  ];
}

const memberCheck =
  'retry=1 connectiontimeout=2 hcmethod=GET hcuri=/health hcinterval=1 hcexpr=midge_is_well';

function rules(plan: ProxyPlan): string[] {
  const { nodes } = plan;
  return [
    '  # The id of a job begins with the number of its node.',
    ...nodes.map(
      (node) =>
        `  RewriteRule "^${jobPrefix}${jobMark(node)}" "${nodeUrl(plan, node)}%{REQUEST_URI}" [P,L]`,
    ),
    '  # An Idempotency-Key is known to one node: its last character says which.',
    ...nodes.flatMap((node, index) => [
      `  RewriteCond "%{REQUEST_METHOD}" "=POST"`,
      `  RewriteCond "%{HTTP:Idempotency-Key}" "${keyClass(index, nodes.length)}$"`,
      `  RewriteRule "${attachPattern}" "${nodeUrl(plan, node)}%{REQUEST_URI}" [P,L]`,
    ]),
    '  RewriteCond "%{REQUEST_METHOD}" "=POST"',
    `  RewriteRule "${attachPattern}" "balancer://midge-pow%{REQUEST_URI}" [P,L]`,
    '  ProxyPass "/mqtt" "balancer://midge-mqtt/mqtt"',
    '  ProxyPass "/" "balancer://midge-api/"',
    ...nodes.map((node: ProxyNode) => `  ProxyPassReverse "/" "${nodeUrl(plan, node)}/"`),
  ];
}

const attachPattern = '^/api/(v1/messages|midge/v1/attach)$';

/** The visible ASCII characters, dealt out to the nodes, as a class of a regular expression. */
export function keyClass(index: number, count: number): string {
  const codes = Array.from({ length: 94 }, (_, nth) => 0x21 + nth);
  const own = codes.filter((_, nth) => nth % Math.min(count, codes.length) === index);
  return `[${own.map((code) => `\\x${code.toString(16)}`).join('')}]`;
}
