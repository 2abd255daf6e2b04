// Run as a process of its own by tls.test.ts, with NODE_EXTRA_CA_CERTS: the field's clients, which know no other way to
// be told of an authority. Attaches by REST, and hears of it by MQTT at each of the other URLs it is given.
import { once } from 'node:events';
import { SingleNodeClient, sendData } from '@iota/iota.js';
import { MqttClient } from '@iota/mqtt.js';

const [apiUrl = '', ...mqttUrls] = process.argv.slice(2);
const client = new SingleNodeClient(apiUrl);

/** Once the subscriptions are in force; then with the payload of the first message, when that is told. */
async function listen(url: string, storedId: string) {
  const mqtt = new MqttClient(url);
  const told = Promise.withResolvers<unknown>();
  mqtt.messages((_topic, message) => told.resolve(message.payload));
  const ready = Promise.withResolvers<void>();
  // Of a stored message it is told at the subscription, which is the later of the two.
  mqtt.messageMetadata(storedId, () => ready.resolve());
  mqtt.statusChanged(({ error }) => {
    if (error !== undefined) ready.reject(error);
  });
  await ready.promise;
  return { told: told.promise, end: () => mqtt.mqttDisconnect() };
}

const before = await sendData(client, 'before', 'x');
const listeners = await Promise.all(mqttUrls.map((url) => listen(url, before.messageId)));
const { messageId } = await sendData(client, 'greetings', 'hello');
const heard = await Promise.all(listeners.map(({ told }) => told));
for (const { end } of listeners) end();
// Not at once where the machine has more to do than it can.
let isHealthy = false;
while (!isHealthy) isHealthy = await client.health();
process.stdout.write(JSON.stringify({ messageId, heard, isHealthy }));
if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
process.exit(0);
