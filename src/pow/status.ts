// What the service tells of itself, and of a message that might come.

export interface PowStatus {
  readonly kernel: string;
  readonly workers: number;
  readonly cpuBudget: number;
  /** Of all cores, over the last seconds. */
  readonly usedShare: number;
  /** Of mining since the start. */
  readonly cpuMs: number;
  readonly hashes: number;
  /** Of all workers together, as measured lately. */
  readonly hashesPerSecond: number;
  readonly maxZeros: number;
  readonly running: number;
  readonly queued: number;
  readonly queueSize: number;
  readonly queuedHashes: number;
  /** The node's own work came late, so mining takes less than its budget. */
  readonly isBackingOff: boolean;
}

/** What a message of a client that has asked for nothing else would meet now. */
export interface PowEstimate {
  readonly sizeBytes: number;
  readonly zeros: number;
  readonly expectedHashes: number;
  /** Without `queueMs`. */
  readonly expectedMs: number;
  readonly queueMs: number;
  readonly isAccepted: boolean;
}
