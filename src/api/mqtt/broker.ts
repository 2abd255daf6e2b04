// The MQTT broker: tells of what becomes solid, under the field's topics, and bounds what a client can cost. Nothing
// outlives a connection: no session, no retained message, no will; and everything is sent at most once (QoS 0).
import type { Duplex } from 'node:stream';
import { Aedes } from 'aedes';
import type { AedesOptions, AuthenticateError, Client, ConnectPacket } from 'aedes';
import { TangleError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { decodeMessage } from '../../protocol/codec.ts';
import type { Store } from '../../storage/store.ts';
import type { SolidFeed, SolidMessage } from '../../tangle/events.ts';
import { defaultLimits } from '../limits.ts';
import { Places } from '../places.ts';
import type { Place } from '../places.ts';
import { strangerOf } from '../scopes.ts';
import type { Access, Grant, GrantOf } from '../scopes.ts';
import { GuardedConnection } from './connection.ts';
import { CutOff, cutOffReasons, tooManySubscriptions } from './packet-guard.ts';
import type { CutOffReason } from './packet-guard.ts';
import { Sessions, mayRead } from './sessions.ts';
import { isUsefulFilter, metadataIdOf, metadataOf, publicationsOf } from './topics.ts';
import type { Publication } from './topics.ts';

export interface MqttOptions {
  readonly maxClients: number;
  readonly maxSubscriptionsPerClient: number;
  /** How soon a token that was revoked has no more effect. */
  readonly recheckMs?: number;
}

export interface MqttDeps {
  readonly feed: Pick<SolidFeed, 'subscribe'>;
  readonly store: Pick<Store, 'get'>;
  readonly access: Access;
  readonly log: Logger;
}

/** Of all clients together; one costs about 1 KiB. */
export const maxSubscriptions = 16_384;
/** Between the Tangle and the broker, for all clients together. What comes faster is counted and skipped. */
const feedLimits = { maxMessages: 4_096, maxBytes: 8 * 1024 * 1024 };
/** What is published before sockets get a turn to be written; far below what a client may leave unread. */
const round = { maxMessages: 64, maxBytes: 64 * 1024 };
const maxClientIdLength = 128;
const connectTimeoutMs = 10_000;
const drainTimeoutMs = 10_000;

/** What the HTTP request of a WebSocket was allowed, and by which token, if by one. */
export interface Shown {
  readonly grant: Grant;
  readonly token: string;
}

export interface MqttStatus {
  readonly clients: number;
  readonly subscriptions: number;
  readonly skippedMessages: number;
  readonly cutOffs: ReadonlyMap<CutOffReason, number>;
}

export class MqttBroker implements AsyncDisposable {
  readonly #aedes: Aedes;
  readonly #deps: MqttDeps;
  readonly #places: Places;
  readonly #sessions: Sessions;
  readonly #messages: ReturnType<SolidFeed['subscribe']>;
  readonly #recheck: NodeJS.Timeout;
  readonly #cutOffs = new Map<CutOffReason, number>(cutOffReasons.map((reason) => [reason, 0]));
  readonly #shown = new WeakMap<Client, Shown>();
  #publishing: Promise<void> = Promise.resolve();

  private constructor(options: MqttOptions, deps: MqttDeps) {
    this.#places = new Places(options.maxClients);
    this.#deps = deps;
    this.#sessions = new Sessions({ ...options, maxSubscriptions });
    this.#messages = deps.feed.subscribe(feedLimits);
    this.#aedes = new Aedes(this.#rules());
    const { recheckMs = defaultLimits.recheckMs } = options;
    this.#recheck = setInterval(() => this.#closeRevoked(), recheckMs).unref();
  }

  static async open(options: MqttOptions, deps: MqttDeps): Promise<MqttBroker> {
    const broker = new MqttBroker(options, deps);
    await broker.#aedes.listen();
    broker.#listen();
    broker.#publishing = broker.#publishAll();
    return broker;
  }

  /** A place for one who connects, to be left when the connection is over; see `Places`. */
  enter(client: string | undefined): Place | TangleError {
    const taken = this.#places.take(client);
    if (taken instanceof TangleError) this.countRefused('no_place');
    return taken;
  }

  /** One who connected and is not let in. */
  countRefused(reason: CutOffReason): void {
    this.#cutOffs.set(reason, (this.#cutOffs.get(reason) ?? 0) + 1);
  }

  /** Owns the stream from now on. */
  serve(stream: Duplex, shown?: Shown): void {
    const connection = new GuardedConnection(stream);
    const client = this.#aedes.handle(connection);
    if (shown !== undefined) this.#shown.set(client, shown);
    this.#sessions.open(client);
    connection.once('close', () => this.#sessions.close(client));
  }

  status(): MqttStatus {
    return {
      clients: this.#sessions.clientCount,
      subscriptions: this.#sessions.subscriptionCount,
      skippedMessages: this.#messages.skippedCount,
      cutOffs: this.#cutOffs,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#recheck);
    this.#messages[Symbol.dispose]();
    await this.#publishing;
    this.#sessions.closeAll();
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
  }

  #rules(): AedesOptions {
    return {
      // Never more than one round at a time, so the queue behind this limit would only hide a mistake.
      concurrency: 0,
      connectTimeout: connectTimeoutMs,
      drainTimeout: drainTimeoutMs,
      preConnect: (_client, packet, done) => done(bare(packet), true),
      // oxlint-disable-next-line max-params -- the broker calls it so.
      authenticate: (client, username, password, done) => {
        // A name alone is enough for clients that know only one field.
        void this.#answer(client, password?.toString() ?? username, done);
      },
      authorizePublish: (_client, _packet, done) => done(new CutOff('publish')),
      authorizeSubscribe: (client, subscription, done) => {
        const { topic } = subscription;
        if (!isUsefulFilter(topic)) done(null, null);
        else if (this.#sessions.subscribe(client, topic)) done(null, subscription);
        else done(tooManySubscriptions);
      },
    };
  }

  #listen(): void {
    const aedes = this.#aedes;
    aedes.on('subscribe', (subscriptions, client) => {
      for (const { topic } of subscriptions) this.#tellMetadata(client, topic);
    });
    aedes.on('unsubscribe', (filters, client) => {
      for (const filter of filters) this.#sessions.unsubscribe(client, filter);
    });
    aedes.on('clientError', (client, error) => this.#countCutOff(client, error));
    aedes.on('connectionError', (client, error) => this.#countCutOff(client, error));
  }

  async #answer(client: Client, token: string | undefined, done: Answer): Promise<void> {
    const error = await this.#authenticate(client, token);
    done(error ?? null, error === undefined);
  }

  /** An error when the client may not read. */
  async #authenticate(
    client: Client,
    token: string | undefined,
  ): Promise<AuthenticateError | undefined> {
    const { grantOf, publicScopes } = this.#deps.access;
    if (mayRead(strangerOf(publicScopes))) return undefined;
    const shown = this.#shown.get(client);
    if (shown !== undefined && mayRead(shown.grant)) {
      this.#sessions.keepToken(client, shown.token);
      return undefined;
    }
    if (token === undefined || token === '') return refusalWithout(shown?.grant);
    const grant = await checked(grantOf, token);
    if (grant === 'unavailable') return refusal(3, 'tokens cannot be checked');
    if (grant === undefined) return refusal(4, 'the token is not known');
    if (!mayRead(grant)) return refusal(5, 'the token has not the scope read');
    this.#sessions.keepToken(client, token);
    return undefined;
  }

  /** The field's clients expect the present state when they ask for a message that is there already. */
  #tellMetadata(client: Client, filter: string): void {
    const messageId = metadataIdOf(filter);
    if (messageId === undefined) return;
    try {
      const stored = this.#deps.store.get(messageId);
      if (stored === undefined) return;
      const publication = metadataOf(stored.id, decodeMessage(stored.bytes));
      client.publish(packetOf(publication), () => undefined);
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'the metadata of a message cannot be told');
    }
  }

  #countCutOff(client: Client, error: Error): void {
    if (error instanceof CutOff) this.countRefused(error.reason);
    const { log } = this.#deps;
    log.debug({ clientId: client.id, err: error }, 'an MQTT client is gone');
  }

  #closeRevoked(): void {
    // Tokens that cannot be checked now are checked the next time; whoever keeps them says so, once.
    this.#sessions.closeRevoked(this.#deps.access.grantOf).catch(() => undefined);
  }

  async #publishAll(): Promise<void> {
    for await (const batch of this.#messages.batches()) {
      for (const messages of roundsOf(batch)) await this.#publishRound(messages);
    }
  }

  async #publishRound(messages: readonly SolidMessage[]): Promise<void> {
    if (this.#sessions.subscriptionCount === 0) return;
    const publications = messages.flatMap(publicationsOf);
    await Promise.all(publications.map((publication) => this.#publish(publication)));
  }

  #publish(publication: Publication): Promise<void> {
    return new Promise((resolve) => {
      // The only error there is, a broker that is closed, harms nobody.
      this.#aedes.publish(packetOf(publication), () => resolve());
    });
  }
}

function* roundsOf(batch: readonly SolidMessage[]): Generator<readonly SolidMessage[]> {
  let messages: SolidMessage[] = [];
  let sizeBytes = 0;
  for (const message of batch) {
    const isFull = messages.length >= round.maxMessages || sizeBytes >= round.maxBytes;
    if (isFull) {
      yield messages;
      messages = [];
      sizeBytes = 0;
    }
    messages.push(message);
    sizeBytes += message.bytes.length;
  }
  yield messages;
}

/** Takes from a CONNECT what would outlive the connection. */
function bare(packet: ConnectPacket): Error | null {
  if (packet.clientId.length > maxClientIdLength) return new CutOff('client_id');
  packet.clean = true;
  delete packet.will;
  return null;
}

async function checked(
  grantOf: GrantOf,
  token: string,
): Promise<Grant | 'unavailable' | undefined> {
  try {
    return await grantOf(token);
  } catch {
    return 'unavailable';
  }
}

/** Of one whose CONNECT shows no token, by what the request for the WebSocket has shown. */
function refusalWithout(grant: Grant | undefined): AuthenticateError {
  return grant?.isUnchecked === true
    ? refusal(3, 'tokens cannot be checked')
    : refusal(5, 'a token is needed');
}

/** `returnCode` as in MQTT 3.1.1: 3 unavailable, 4 bad user name or password, 5 not authorized. */
function refusal(returnCode: 3 | 4 | 5, message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode });
}

type Answer = (error: AuthenticateError | null, success: boolean) => void;

function packetOf({ topic, payload }: Publication) {
  return { cmd: 'publish' as const, qos: 0 as const, dup: false, retain: false, topic, payload };
}
