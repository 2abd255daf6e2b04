// The settings of a node that shares its API's work with others behind a proxy.
import { Type } from 'typebox';
import { hostPort } from './leaves.ts';

export const balanceSettings = {
  agentBind: Type.Optional(
    hostPort({
      description:
        'Address where HAProxy, and others who speak its agent-check, ask how much more this node could do.',
    }),
  ),
  heartbeatUrl: Type.Optional(
    Type.Refine(
      Type.String({
        description:
          'Where to post a heartbeat for mod_lbmethod_heartbeat of Apache, four times a second; it knows a node by the address that api.bind names.',
        placeholder: 'URL',
        allowed: 'a URL such as http://127.0.0.1:8080/heartbeat',
      }),
      isHttpUrl,
    ),
  ),
  weight: Type.Number({
    description:
      'How much of its spare compute this node offers to proxies; the others get what it leaves.',
    default: 1,
    minimum: 0.01,
    maximum: 1,
  }),
  nodeNumber: Type.Integer({
    description:
      'Ids of attach jobs begin with it, so that a proxy finds the node of a job; behind one proxy each node has its own.',
    default: 0,
    minimum: 0,
    maximum: 255,
  }),
};

function isHttpUrl(text: string): boolean {
  return /^http:\/\/[^\s@]+$/.test(text) && URL.canParse(text);
}
