// First digest bytes on which the test's worker does not do what a worker should.
export const misbehaviour = { dies: 0xdd, lies: 0x11, throws: 0x77 } as const;

/** When this variable is set, new workers do not start. */
export const bootFailure = 'MIDGE_TEST_WORKER_FAILS_TO_START';

/** Where the worker tells that a job has reached it. */
export const startedChannel = 'midge-test-mining-started';
