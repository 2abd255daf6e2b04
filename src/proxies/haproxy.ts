// The configuration of HAProxy, 2.6 or newer: the one that knows most of what a node says.
import { agentFlag, heading } from './heading.ts';
import {
  alternatives,
  attachPaths,
  closedPaths,
  endpointText,
  jobMark,
  jobPrefix,
  streamPaths,
} from './plan.ts';
import type { ProxyNode, ProxyPlan } from './plan.ts';

/** A change of spare compute is known after so long at most. */
export const agentIntervalMs = 500;

export function haproxyConfig(plan: ProxyPlan): string {
  const lines = [
    ...heading(plan, {
      use: ['HAProxy: /etc/haproxy/haproxy.cfg. For TLS: bind :443 ssl crt /path/to/site.pem'],
      nodeFlags: agentFlag,
    }),
    ...general,
    ...toNodes(plan),
    ...frontend(plan),
    ...pools(plan),
  ];
  return `${lines.join('\n')}\n`;
}

const general = `
global
  maxconn 4096
  # A message of 32 KiB is 86 kB of JSON, and what does not fit is never sent to a second node.
  tune.bufsize 131072

defaults
  mode http
  option forwardfor
  option redispatch 1
  retries 3
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout connect 2s
  timeout client 90s
  timeout server 90s
  timeout queue 60s
  timeout check 1s
  # WebSockets.
  timeout tunnel 1h
  option httpchk
  http-check send meth GET uri /health ver HTTP/1.1 hdr Host localhost
  http-check expect status 200`.split('\n');

/** The checks, too; agents speak plainly. */
function toNodes({ tls }: ProxyPlan): string[] {
  if (tls === undefined) return [];
  const { caFile, name } = tls;
  return [
    `  default-server ssl verify required ca-file ${caFile} verifyhost ${name} sni str(${name}) check-sni ${name} ssl-min-ver TLSv1.2`,
  ];
}

function frontend({ listen, nodes }: ProxyPlan): string[] {
  const jobs = nodes.map(jobMark).join('|');
  return `
frontend midge
  bind ${endpointText(listen)}
  http-request deny deny_status 404 if { path,url_dec -m reg -i ^/*${alternatives(closedPaths)}(/|$) }
  # A node on loopback answers to its own names only.
  http-request set-header Host localhost
  acl is_attach method POST
  acl is_attach_path path ${attachPaths.join(' ')}
  acl is_json req.hdr(content-type) -m beg -i application/json
  http-request wait-for-body time 10s if is_attach is_attach_path
  # A message with its nonce is no work, and the same one however often it is sent.
  acl has_nonce_json req.body,json_query('$.nonce') -m reg ^0*[1-9]
  acl has_nonce_bytes req.body,hex -m reg [1-9A-F].{0,15}$
  use_backend midge_jobs if { path -m reg ^${jobPrefix}(${jobs}) }
  use_backend midge_streams if { path ${streamPaths.join(' ')} }
  use_backend midge_api if is_attach is_attach_path is_json has_nonce_json
  use_backend midge_api if is_attach is_attach_path !is_json has_nonce_bytes
  use_backend midge_keyed if is_attach is_attach_path { req.hdr(idempotency-key) -m found }
  # Nodes that do no proof of work count as down there.
  use_backend midge_pow if is_attach is_attach_path { nbsrv(midge_pow) gt 0 }
  default_backend midge_api`.split('\n');
}

function pools({ nodes }: ProxyPlan): string[] {
  const servers = (options: (node: ProxyNode) => string): string[] =>
    nodes.map((node) => `  server n${node.number} ${endpointText(node)} ${options(node)}`);
  const tracking = servers(({ number }) => `track midge_api/n${number}`);
  return [
    ...`
# Reads, and messages with their nonce: safe to send again.
backend midge_api
  balance roundrobin
  retry-on conn-failure empty-response 503`.split('\n'),
    ...servers((node) => agentCheck(node, 'api')),
    ...`
# Messages to be mined: the agent says how many a node takes, the others wait here. What may have reached a node
# is not sent to another one, it could become two messages; a node that answers 503 has attached nothing.
backend midge_pow
  balance leastconn
  retry-on conn-failure 503
  timeout server 11m`.split('\n'),
    ...servers((node) => agentCheck(node, 'pow')),
    ...`
# An Idempotency-Key is known to one node.
backend midge_keyed
  balance hdr(Idempotency-Key)
  hash-type consistent
  no option redispatch
  retry-on conn-failure
  timeout server 11m`.split('\n'),
    ...tracking,
    ...`
# Whoever comes back to a stream finds the node that knows its cursor.
backend midge_streams
  balance source
  hash-type consistent`.split('\n'),
    ...tracking,
    ...`
# The id of a job begins with the number of its node.
backend midge_jobs
  balance roundrobin`.split('\n'),
    ...nodes.map(
      (node) => `  use-server n${node.number} if { path -m beg ${jobPrefix}${jobMark(node)} }`,
    ),
    ...tracking,
  ];
}

/** A node that breaks a connection is out at once; its next check brings it back. */
const check = 'check inter 1s fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down';

function agentCheck({ agent }: ProxyNode, pool: 'api' | 'pow'): string {
  const address = `agent-addr ${agent.host} agent-port ${agent.port}`;
  const asked = `agent-check ${address} agent-inter ${agentIntervalMs}ms agent-send "${pool}\\n"`;
  return `weight 100 ${check} ${asked}`;
}
