// MQTT as a whole: the broker, and the ports of its own that the owner asked for.
import { makeHolderAt } from '../clients.ts';
import { MqttBroker } from './broker.ts';
import type { MqttDeps, MqttOptions } from './broker.ts';
import type { Tls } from '../tls.ts';
import { listenForMqtt } from './tcp.ts';

export interface MqttService extends AsyncDisposable {
  readonly broker: MqttBroker;
  /** As clients write them: `mqtt://127.0.0.1:1883`, with TLS `mqtts://…`. */
  readonly urls: readonly string[];
}

export interface MqttOpenOptions extends MqttOptions {
  readonly bind: readonly string[];
  /** For the ports of its own. */
  readonly tls?: Tls | undefined;
  /** Who connects from there may be anybody. */
  readonly trustedProxies?: readonly string[] | undefined;
}

/** Throws ADDRESS_IN_USE and CONFIG_INVALID; then nothing stays open. */
export async function openMqtt(
  { bind, tls, trustedProxies, ...options }: MqttOpenOptions,
  deps: MqttDeps,
): Promise<MqttService> {
  await using opening = new AsyncDisposableStack();
  const broker = opening.use(await MqttBroker.open(options, deps));
  const holderAt = makeHolderAt(trustedProxies);
  const { urls } = opening.use(
    await listenForMqtt(bind, {
      enter: (address) => broker.enter(holderAt(address)),
      serve: (stream) => broker.serve(stream),
      tls,
    }),
  );
  const owned = opening.move();
  return { broker, urls, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
