// The comment at the beginning of every configuration: what it is, and what the nodes need for it.
import { endpointText } from './plan.ts';
import type { ProxyNode, ProxyPlan } from './plan.ts';

export interface HeadingOptions {
  /** What the file is called and how it is put to use. */
  readonly use: readonly string[];
  /** Flags that every node needs besides. */
  readonly nodeFlags?: ((node: ProxyNode) => string) | undefined;
}

/** Lines that begin with `#`, which every one of the proxies takes for a comment. */
export function heading(plan: ProxyPlan, { use, nodeFlags }: HeadingOptions): string[] {
  return [
    ...use,
    '',
    ...(plan.tls === undefined
      ? []
      : [
          `Each node has a certificate with the name ${plan.tls.name}: --api.tls.cert-file, --api.tls.key-file.`,
        ]),
    'Each node needs to know that this proxy may name clients, its own number, and what else stands here:',
    ...plan.nodes.map((node) =>
      [
        `  ${endpointText(node)}  --api.trusted-proxies ${plan.proxyAddress}`,
        `--api.node-number ${node.number}`,
        nodeFlags?.(node) ?? '',
      ]
        .join(' ')
        .trimEnd(),
    ),
    '',
  ].map((line) => `# ${line}`.trimEnd());
}

export function agentFlag({ agent }: ProxyNode): string {
  return `--api.agent-bind ${endpointText(agent)}`;
}
