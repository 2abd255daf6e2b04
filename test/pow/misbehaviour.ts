// First digest bytes on which the test's worker does not do what a worker should.
export const misbehaviour = { dies: 0xdd, lies: 0x11, throws: 0x77 } as const;

/** When this variable is set, new workers do not start. */
export const bootFailure = 'MIDGE_TEST_WORKER_FAILS_TO_START';

/** Where the worker tells that a search has reached it. */
export const startedChannel = 'midge-test-mining-started';

/** Resolves when a search whose digest begins with this byte is in the hands of a worker. */
export function started(firstByte: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const channel = new BroadcastChannel(startedChannel);
  channel.addEventListener('message', (event) => {
    if (!(event instanceof MessageEvent) || event.data !== firstByte) return;
    channel.close();
    resolve();
  });
  return promise;
}
