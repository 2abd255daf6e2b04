// Time, and a network that loses, delays, reorders and repeats. All that happens in it is decided by the seed.
import { setImmediate } from 'node:timers/promises';
import type { Clock, SetTimer } from '../../src/clock.ts';
import type { SyncChannel } from '../../src/gossip/sync-channel.ts';
import type { SyncFrame } from '../../src/gossip/sync-frames.ts';
import { intakeOptions } from '../support/tangle.ts';
import { Chance } from './chance.ts';

/** What happens within one step happens together. */
const stepMs = 10;
const startMs = 1_700_000_000_000;

export interface Weather {
  readonly loss: number;
  readonly repeats: number;
  readonly maxDelayMs: number;
  /** Of streams, each time one is opened. */
  readonly breaks: number;
}

export interface WorldOptions {
  readonly maxParentAgeMs: number;
}

export class World implements Clock {
  readonly chance: Chance;
  readonly weather: Weather;
  /** Nodes on different sides hear nothing of each other. */
  isSplit = false;
  /** Without it, as among nodes of another make, there is only gossip. */
  hasCatchUp = true;
  readonly maxParentAgeMs: number;
  #nowMs = startMs;
  readonly #agenda = new Map<number, Set<() => void>>();
  #workCount = 0;

  constructor(seed: number, weather: Weather, { maxParentAgeMs }: WorldOptions = intakeOptions) {
    this.chance = new Chance(seed);
    this.weather = weather;
    this.maxParentAgeMs = maxParentAgeMs;
  }

  now(): number {
    return this.#nowMs;
  }

  readonly setTimer: SetTimer = (callback, delayMs) => {
    const atMs = this.#nowMs + Math.max(stepMs, Math.ceil(delayMs / stepMs) * stepMs);
    const due = this.#agenda.get(atMs) ?? new Set();
    this.#agenda.set(atMs, due.add(callback));
    return () => due.delete(callback);
  };

  /** Time stands still until this is done. */
  async work<T>(promise: Promise<T>): Promise<T> {
    this.#workCount += 1;
    try {
      return await promise;
    } finally {
      this.#workCount -= 1;
    }
  }

  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    while (this.#nowMs < untilMs) {
      this.#nowMs += stepMs;
      const due = this.#agenda.get(this.#nowMs);
      if (due === undefined) continue;
      this.#agenda.delete(this.#nowMs);
      for (const callback of due) callback();
      await this.#settle();
    }
  }

  /** One datagram: it may never arrive, arrive twice, and after those sent later. */
  send(from: number, to: number, deliver: () => void): void {
    if (this.#isApart(from, to)) return;
    const copies = this.chance.is(this.weather.repeats) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.chance.is(this.weather.loss)) continue;
      this.setTimer(() => deliver(), this.#delayMs());
    }
  }

  /** Both ends of a stream: in order and whole, or broken. Undefined when there is no way. */
  connect(from: number, to: number): readonly [FakeChannel, FakeChannel] | undefined {
    if (this.#isApart(from, to)) return undefined;
    const pass = (deliver: () => void): void => void this.setTimer(deliver, this.#delayMs() / 4);
    const ends = FakeChannel.pair(pass);
    if (this.chance.is(this.weather.breaks)) {
      this.setTimer(
        () => ends[0].abort(new Error('the stream broke')),
        this.chance.between(1, 500),
      );
    }
    return ends;
  }

  #isApart(from: number, to: number): boolean {
    return this.isSplit && from % 2 !== to % 2;
  }

  #delayMs(): number {
    return this.chance.between(1, this.weather.maxDelayMs);
  }

  async #settle(): Promise<void> {
    do await setImmediate();
    while (this.#workCount > 0);
    // What followed from the last of it.
    await setImmediate();
  }
}

export class FakeChannel implements SyncChannel {
  #other: FakeChannel | undefined;
  readonly #pass: (deliver: () => void) => void;
  /** What is under way to this end; a stream delivers in order. */
  readonly #underWay: (readonly SyncFrame[] | 'end')[] = [];
  readonly #arrived: SyncFrame[] = [];
  #isEnded = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  static pair(pass: (deliver: () => void) => void): readonly [FakeChannel, FakeChannel] {
    const [one, two] = [new FakeChannel(pass), new FakeChannel(pass)];
    one.#other = two;
    two.#other = one;
    return [one, two];
  }

  private constructor(pass: (deliver: () => void) => void) {
    this.#pass = pass;
  }

  send(frames: readonly SyncFrame[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#tell(frames);
    return Promise.resolve();
  }

  async receive(): Promise<SyncFrame | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const frame = this.#arrived.shift();
      if (frame !== undefined || this.#isEnded) return frame;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  close(): Promise<void> {
    this.#tell('end');
    return Promise.resolve();
  }

  abort(error: Error): void {
    for (const end of [this, this.#other]) {
      if (end === undefined) continue;
      end.#failure ??= error;
      end.#wake?.();
    }
  }

  #tell(part: readonly SyncFrame[] | 'end'): void {
    if (this.#other !== undefined) this.#other.#expect(part);
  }

  #expect(part: readonly SyncFrame[] | 'end'): void {
    this.#underWay.push(part);
    this.#pass(() => {
      const next = this.#underWay.shift();
      if (next === 'end') this.#isEnded = true;
      else this.#arrived.push(...(next ?? []));
      this.#wake?.();
    });
  }
}
