// MQTT as a whole: the broker, and the ports of its own that the owner asked for.
import { TangleError } from '../../errors.ts';
import { makeHolderAt } from '../clients.ts';
import { ClientRate } from '../client-rate.ts';
import type { Limits } from '../limits.ts';
import type { Place } from '../places.ts';
import { MqttBroker } from './broker.ts';
import type { MqttDeps, MqttOptions } from './broker.ts';
import type { Tls } from '../tls.ts';
import { listenForMqtt } from './tcp.ts';

export interface MqttService extends AsyncDisposable {
  readonly broker: MqttBroker;
  /** As clients write them: `mqtt://127.0.0.1:1883`, with TLS `mqtts://…`. */
  readonly urls: readonly string[];
}

interface DoorOptions extends Pick<Limits, 'maxRequestsPerMinute'> {
  /** Who connects from there may be anybody. */
  readonly trustedProxies?: readonly string[] | undefined;
}

export interface MqttOpenOptions extends MqttOptions, DoorOptions {
  readonly bind: readonly string[];
  /** For the ports of its own. */
  readonly tls?: Tls | undefined;
}

/** Throws ADDRESS_IN_USE and CONFIG_INVALID; then nothing stays open. */
export async function openMqtt(
  { bind, tls, ...options }: MqttOpenOptions,
  deps: MqttDeps,
): Promise<MqttService> {
  await using opening = new AsyncDisposableStack();
  const broker = opening.use(await MqttBroker.open(options, deps));
  const { urls } = opening.use(
    await listenForMqtt(bind, {
      enter: makeEnter(broker, options),
      serve: (stream) => broker.serve(stream),
      tls,
    }),
  );
  const owned = opening.move();
  return { broker, urls, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Places are held only until a handshake of TLS fails, so how many of those there are in a minute is limited, too. */
export function makeEnter(
  broker: Pick<MqttBroker, 'enter' | 'countRefused'>,
  { trustedProxies, maxRequestsPerMinute }: DoorOptions,
): (remoteAddress: string) => Place | TangleError {
  const holderAt = makeHolderAt(trustedProxies);
  const rate = new ClientRate(maxRequestsPerMinute);
  return (remoteAddress) => {
    const holder = holderAt(remoteAddress);
    if (holder === undefined || rate.waitMs(holder) === 0) return broker.enter(holder);
    broker.countRefused('connection_rate');
    return new TangleError('RATE_LIMITED');
  };
}
