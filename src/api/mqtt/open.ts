// MQTT as a whole: the broker, and the ports of its own that the owner asked for.
import { MqttBroker } from './broker.ts';
import type { MqttDeps, MqttOptions } from './broker.ts';
import { listenForMqtt } from './tcp.ts';

export interface MqttService extends AsyncDisposable {
  readonly broker: MqttBroker;
  /** As clients write them: `mqtt://127.0.0.1:1883`. */
  readonly urls: readonly string[];
}

/** Throws ADDRESS_IN_USE and CONFIG_INVALID; then nothing stays open. */
export async function openMqtt(
  { bind, ...options }: MqttOptions & { readonly bind: readonly string[] },
  deps: MqttDeps,
): Promise<MqttService> {
  await using opening = new AsyncDisposableStack();
  const broker = opening.use(await MqttBroker.open(options, deps));
  const { urls } = opening.use(await listenForMqtt(bind, (stream) => broker.serve(stream)));
  const owned = opening.move();
  return { broker, urls, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
