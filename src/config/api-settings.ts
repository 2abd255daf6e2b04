// The settings of the REST API.
import { Type } from 'typebox';
import { balanceSettings } from './balance-settings.ts';
import { hostPort, ipNetwork } from './leaves.ts';

export const apiSettings = Type.Object(
  {
    bind: hostPort({
      description: 'Address the REST API listens on. Port 0 asks for a free one.',
      default: '127.0.0.1:14265',
    }),
    publicScopes: Type.Array(Type.Enum(['read', 'attach', 'pow']), {
      description:
        'What callers without a token may do; pow is the work for messages without a nonce.',
      default: ['read', 'attach', 'pow'],
      maxItems: 3,
    }),
    trustedProxies: Type.Array(ipNetwork(), {
      description:
        'Proxies whose X-Forwarded-For names the client; clients share mining fairly, so behind a proxy all are one without it.',
      default: [],
      maxItems: 1000,
    }),
    ...balanceSettings,
  },
  { title: 'REST API' },
);
