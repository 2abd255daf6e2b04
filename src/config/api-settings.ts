// The settings of the REST API.
import { Type } from 'typebox';
import type { TString } from 'typebox';
import { balanceSettings } from './balance-settings.ts';
import { hostPort, ipNetwork } from './leaves.ts';

const pemFile = (description: string): TString =>
  Type.String({
    description,
    placeholder: 'FILE',
    allowed: 'the path of a file',
    minLength: 1,
  });

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
    tls: Type.Object({
      certFile: Type.Optional(
        pemFile(
          'Certificate in PEM, the chain after it: then the API speaks HTTPS only, and mqtt.bind TLS.',
        ),
      ),
      keyFile: Type.Optional(
        pemFile('Key of the certificate in PEM, without passphrase, not to be read by others.'),
      ),
    }),
    ...balanceSettings,
    maxConnections: Type.Integer({
      description:
        'Most connections at a time; when all are taken, one that asks for nothing makes room.',
      default: 1000,
      minimum: 10,
      maximum: 100_000,
    }),
    maxConnectionsPerClient: Type.Integer({
      description:
        'Most connections of one IPv4 address or IPv6 /64; programs of this machine and trusted proxies are not counted.',
      default: 100,
      minimum: 1,
      maximum: 100_000,
    }),
    maxRequestsPerMinute: Type.Integer({
      description:
        'Most requests of one client; 0 sets no limit. Programs of this machine are not counted.',
      default: 6000,
      minimum: 0,
      maximum: 10_000_000,
    }),
    maxEventLoopDelayMs: Type.Integer({
      description:
        'How late the node may be before it answers 503 to all but its owner; 0 lets it be late.',
      default: 500,
      minimum: 0,
      maximum: 60_000,
    }),
  },
  { title: 'REST API' },
);
