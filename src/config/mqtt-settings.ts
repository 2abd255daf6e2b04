// The settings of MQTT.
import { Type } from 'typebox';
import { hostPort } from './leaves.ts';

export const mqttSettings = Type.Object(
  {
    enabled: Type.Boolean({
      description: 'Whether the node tells of messages by MQTT, at /mqtt on the port of the API.',
      default: true,
    }),
    bind: Type.Array(hostPort({}), {
      description:
        "Addresses that speak MQTT without WebSocket; the field's is 127.0.0.1:1883. Port 0 asks for a free one.",
      default: [],
      maxItems: 4,
    }),
    maxClients: Type.Integer({
      description: 'Most clients at a time.',
      default: 128,
      minimum: 1,
      maximum: 10_000,
    }),
    maxSubscriptionsPerClient: Type.Integer({
      description: 'Most topics that one client may ask for; with one more it is cut off.',
      default: 512,
      minimum: 1,
      maximum: 10_000,
    }),
  },
  { title: 'MQTT' },
);
