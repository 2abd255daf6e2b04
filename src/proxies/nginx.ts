// The configuration of nginx as it comes: it learns nothing of spare compute, and fails over by what it sees itself.
import { heading } from './heading.ts';
import {
  alternatives,
  attachPaths,
  closedPaths,
  endpointText,
  jobMark,
  jobPrefix,
  schemeOf,
} from './plan.ts';
import type { ProxyNode, ProxyPlan } from './plan.ts';

export function nginxConfig(plan: ProxyPlan): string {
  const lines = [
    ...heading(plan, { use: ['nginx: /etc/nginx/conf.d/midge.conf, inside http { }.'] }),
    ...upstreams(plan),
    ...poolMap,
    ...serverStart(plan),
    ...locations(plan),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function upstreams({ nodes }: ProxyPlan): string[] {
  const pool = (name: string, policy: string, failures: string): string[] => [
    `upstream ${name} {`,
    ...(policy === '' ? [] : [`  ${policy};`]),
    ...nodes.map((node) => `  server ${endpointText(node)} ${failures};`),
    '  keepalive 32;',
    '}',
  ];
  return [
    '',
    '# Reads.',
    ...pool('midge_api', '', 'max_fails=1 fail_timeout=2s'),
    '# Messages to be mined. One that is full has not failed.',
    ...pool('midge_pow', 'least_conn', 'max_fails=0'),
    ...sharedUpstreams(nodes),
  ];
}

/** Those that nginx chooses by a hash, with or without Lua. */
export function sharedUpstreams(nodes: readonly ProxyNode[]): string[] {
  const servers = nodes.map(
    (node) => `  server ${endpointText(node)} max_fails=1 fail_timeout=2s;`,
  );
  return [
    '# An Idempotency-Key is known to one node.',
    'upstream midge_keyed {',
    '  hash $http_idempotency_key consistent;',
    ...servers,
    '  keepalive 32;',
    '}',
    '# Whoever comes back to a stream finds the node that knows its cursor.',
    'upstream midge_streams {',
    '  hash $remote_addr consistent;',
    ...servers,
    '}',
    '# The id of a job begins with the number of its node.',
    ...nodes.flatMap((node, index) => [
      `upstream midge_node_${node.number} {`,
      ...servers.slice(index, index + 1),
      '}',
    ]),
    'map $uri $midge_job_node {',
    '  default midge_api;',
    ...nodes.map((node) => `  ~^${jobPrefix}${jobMark(node)} midge_node_${node.number};`),
    '}',
    'map $http_upgrade $midge_connection {',
    '  default upgrade;',
    "  '' '';",
    '}',
  ];
}

const poolMap = `map "$request_method:$http_idempotency_key" $midge_pool {
  default midge_api;
  ~^POST:$ midge_pow;
  ~^POST:. midge_keyed;
}`.split('\n');

/** The beginning of the server, and everything in it that does not depend on who chooses the node. */
export function serverStart(plan: ProxyPlan): string[] {
  const scheme = schemeOf(plan);
  return `
server {
  listen ${endpointText(plan.listen)};
  client_max_body_size 128k;
  client_body_buffer_size 128k;
  proxy_http_version 1.1;
  # A node on loopback answers to its own names only.
  proxy_set_header Host localhost;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header Connection $midge_connection;
  proxy_set_header Upgrade $http_upgrade;
  proxy_connect_timeout 2s;
  proxy_read_timeout 90s;
  # What may have reached a node is sent to another only when it is a read; POST would have to be allowed here.
  proxy_next_upstream error timeout http_503;
  proxy_next_upstream_tries 3;${toNodes(plan)}

  location ~* ^${alternatives(closedPaths)}(/|$) {
    return 404;
  }
  location = /mqtt {
    proxy_pass ${scheme}://midge_streams;
    proxy_read_timeout 1h;
  }
  location = /api/midge/v1/events {
    proxy_pass ${scheme}://midge_streams;
    proxy_buffering off;
  }
  location ^~ ${jobPrefix} {
    proxy_pass ${scheme}://$midge_job_node;
    proxy_buffering off;
  }
  location / {
    proxy_pass ${scheme}://midge_api;
  }`.split('\n');
}

function toNodes({ tls }: ProxyPlan): string {
  if (tls === undefined) return '';
  return `
  proxy_ssl_protocols TLSv1.2 TLSv1.3;
  proxy_ssl_verify on;
  proxy_ssl_verify_depth 4;
  proxy_ssl_trusted_certificate ${tls.caFile};
  proxy_ssl_server_name on;
  proxy_ssl_name ${tls.name};`;
}

function locations(plan: ProxyPlan): string[] {
  return attachPaths.flatMap((path) =>
    `  location = ${path} {
    proxy_pass ${schemeOf(plan)}://$midge_pool;
    proxy_read_timeout 11m;
  }`.split('\n'),
  );
}
