// The configuration of Caddy 2: it has no weights, so the nodes' own queues even things out.
import { heading } from './heading.ts';
import { attachPaths, closedPaths, jobMark, jobPrefix, nodeUrl, streamPaths } from './plan.ts';
import type { ProxyPlan } from './plan.ts';

export function caddyConfig(plan: ProxyPlan): string {
  const { host, port } = plan.listen;
  const lines = [
    ...heading(plan, {
      use: [
        'Caddy: /etc/caddy/Caddyfile. For TLS with a certificate that Caddy gets by itself, write',
        'the name of the site in the place of its address.',
      ],
    }),
    '',
    ...snippet,
    `http://:${port} {`,
    ...(host === '0.0.0.0' || host === '::' ? [] : [`  bind ${host}`]),
    '  request_body {',
    '    max_size 128KiB',
    '  }',
    `  @closed path ${closedPaths.flatMap((path) => [path, `${path}/*`]).join(' ')}`,
    '  handle @closed {',
    '    respond 404',
    '  }',
    ...jobs(plan),
    ...matchers,
    ...pool(plan, { matcher: '@keyed', policy: 'header Idempotency-Key', timeout: '11m' }),
    ...pool(plan, { matcher: '@attach', policy: 'least_conn', timeout: '11m' }),
    ...pool(plan, { matcher: '@streams', policy: 'ip_hash' }),
    ...pool(plan, { matcher: '', policy: 'least_conn' }),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** A read that broke off is sent to another node; of the others only what reached none. */
const snippet = `(midge_node) {
  # A node on loopback answers to its own names only.
  header_up Host localhost
  lb_try_duration 5s
  lb_try_interval 50ms
  fail_duration 2s
  health_uri /health
  health_interval 1s
  health_timeout 1s
  health_headers {
    Host localhost
  }
}
`.split('\n');

const matchers = `  @keyed {
    method POST
    path ${attachPaths.join(' ')}
    header Idempotency-Key *
  }
  @attach {
    method POST
    path ${attachPaths.join(' ')}
  }
  @streams path ${streamPaths.join(' ')}`.split('\n');

/** Inside of `transport http { }`. `tls_trusted_ca_certs` is the word that all versions of Caddy 2 know. */
function toNodes({ tls }: ProxyPlan): string {
  if (tls === undefined) return '';
  return `
        tls_server_name ${tls.name}
        tls_trusted_ca_certs ${tls.caFile}`;
}

function jobs(plan: ProxyPlan): string[] {
  const transport = `
      transport http {${toNodes(plan)}
      }`;
  return plan.nodes.flatMap((node) =>
    `  @job${node.number} path ${jobPrefix}${jobMark(node)}*
  handle @job${node.number} {
    reverse_proxy ${nodeUrl(plan, node)} {
      header_up Host localhost${plan.tls === undefined ? '' : transport}
    }
  }`.split('\n'),
  );
}

interface Pool {
  readonly matcher: string;
  readonly policy: string;
  /** Longest wait for the beginning of an answer. */
  readonly timeout?: string;
}

function pool(plan: ProxyPlan, { matcher, policy, timeout = '90s' }: Pool): string[] {
  const urls = plan.nodes.map((node) => nodeUrl(plan, node));
  return `  ${`handle ${matcher}`.trimEnd()} {
    reverse_proxy ${urls.join(' ')} {
      lb_policy ${policy}
      import midge_node
      transport http {
        response_header_timeout ${timeout}${toNodes(plan)}
      }
    }
  }`.split('\n');
}
