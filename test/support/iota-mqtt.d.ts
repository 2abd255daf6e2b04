// The package's own types cannot be resolved through its `exports`; these are the calls the tests make.
declare module '@iota/mqtt.js' {
  import type { IMessage, IMessageMetadata } from '@iota/iota.js';

  export class MqttClient {
    constructor(endpoints: string | string[], keepAliveTimeoutSeconds?: number);
    statusChanged(callback: (status: { type: string; error?: Error }) => void): string;
    messages(callback: (topic: string, message: IMessage, raw: Uint8Array) => void): string;
    messagesRaw(callback: (topic: string, raw: Uint8Array) => void): string;
    index(
      index: string | Uint8Array,
      callback: (topic: string, message: IMessage, raw: Uint8Array) => void,
    ): string;
    messageMetadata(
      messageId: string,
      callback: (topic: string, metadata: IMessageMetadata) => void,
    ): string;
    messagesMetadata(callback: (topic: string, metadata: IMessageMetadata) => void): string;
    milestonesLatest(callback: (topic: string, milestone: unknown) => void): string;
    milestonesConfirmed(callback: (topic: string, milestone: unknown) => void): string;
    addressOutputs(address: string, callback: (topic: string, output: unknown) => void): string;
    output(outputId: string, callback: (topic: string, output: unknown) => void): string;
    transactionIncludedMessageRaw(
      transactionId: string,
      callback: (topic: string, raw: Uint8Array) => void,
    ): string;
    unsubscribe(subscriptionId: string): void;
    /** Marked internal, but there is no other way to leave. */
    mqttDisconnect(): void;
  }
}
