// Watches the disk for the door: slows it while the data folder is above its limit, shuts it to everyone while
// the disk is nearly full, and sees to the ballast.
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import type { Store } from '../storage/store.ts';
import type { Ballast } from './ballast.ts';
import type { Disk, PruningLimits } from './limits.ts';
import { delayOf } from './pressure.ts';

/** Below the reserve nothing is taken in until there is so much more free. */
const recoveredShare = 1.05;
/** Between two looks at the disk: the shorter, the sooner a limit may be reached. */
const minLookMs = 100;
const maxLookMs = 5_000;
/** Faster than that no disk was seen to fill. */
const fillBytesPerMs = 200_000;

export interface GuardDeps {
  readonly store: Pick<Store, 'state'>;
  readonly ballast: Pick<Ballast, 'make' | 'release'>;
  readonly log: Logger;
}

type GuardLimits = Pick<PruningLimits, 'maxSizeBytes' | 'reserveDiskBytes'>;

export class DiskGuard implements Disposable {
  readonly #limits: GuardLimits;
  readonly #deps: GuardDeps;
  #disk: Disk;
  #isDiskLow = false;
  #slowedMs = 0;
  #isClosed = false;
  #opened = Promise.withResolvers<void>();

  constructor(limits: GuardLimits, disk: Disk, deps: GuardDeps) {
    this.#limits = limits;
    this.#disk = disk;
    this.#deps = deps;
    this.#judge();
  }

  /** Opens the door for good. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#opened.resolve();
  }

  get disk(): Disk {
    return this.#disk;
  }

  /** The disk has less free than its reserve. */
  get isDiskLow(): boolean {
    return this.#isDiskLow;
  }

  /** What the door waits before each batch; Infinity while it is held shut. */
  get slowedMs(): number {
    return this.#slowedMs;
  }

  /** How long until the disk is worth another look. */
  get lookMs(): number {
    const { maxSizeBytes = Infinity, reserveDiskBytes } = this.#limits;
    const untilLimit = maxSizeBytes - this.#disk.folderBytes;
    const untilLow = reserveDiskBytes === 0 ? Infinity : this.#disk.freeBytes - reserveDiskBytes;
    const ms = Math.min(untilLimit, untilLow) / fillBytesPerMs;
    return Math.min(maxLookMs, Math.max(minLookMs, ms));
  }

  /** Undefined while the next batch may be taken at once. */
  gate(): Promise<unknown> | undefined {
    if (this.#slowedMs === 0 || this.#isClosed) return undefined;
    return this.#slowedMs === Infinity ? this.#opened.promise : wait(this.#slowedMs);
  }

  async look(disk: Disk): Promise<void> {
    this.#disk = disk;
    this.#judge();
    const { ballast, store } = this.#deps;
    const { reserveDiskBytes } = this.#limits;
    const isFull = store.state().code === 'DISK_FULL';
    if (isFull || disk.freeBytes < reserveDiskBytes / 2) await ballast.release();
    else if (disk.freeBytes > reserveDiskBytes * 2) await ballast.make();
  }

  #judge(): void {
    const { maxSizeBytes, reserveDiskBytes } = this.#limits;
    const { folderBytes, freeBytes } = this.#disk;
    const enough = this.#isDiskLow ? reserveDiskBytes * recoveredShare : reserveDiskBytes;
    this.#setDiskLow(freeBytes < enough);
    this.#setSlowed(delayOf(folderBytes, maxSizeBytes));
  }

  #setDiskLow(isLow: boolean): void {
    if (isLow === this.#isDiskLow) return;
    this.#isDiskLow = isLow;
    const facts = { freeBytes: this.#disk.freeBytes, reserveBytes: this.#limits.reserveDiskBytes };
    if (isLow) this.#deps.log.error(facts, 'the disk is nearly full, no messages are taken');
    else this.#deps.log.info(facts, 'the disk has room again, messages are taken');
  }

  #setSlowed(slowedMs: number): void {
    const was = this.#slowedMs;
    this.#slowedMs = slowedMs;
    const facts = { folderBytes: this.#disk.folderBytes, maxBytes: this.#limits.maxSizeBytes };
    if (was === 0 && slowedMs > 0) {
      this.#deps.log.warn(facts, 'the data folder is above its limit, messages are taken slower');
    } else if (was > 0 && slowedMs === 0) {
      this.#deps.log.info(facts, 'the data folder is small enough again');
    }
    if (was === Infinity && slowedMs !== Infinity) {
      this.#opened.resolve();
      this.#opened = Promise.withResolvers<void>();
    }
  }
}
