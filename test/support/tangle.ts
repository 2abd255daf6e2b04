// A Tangle without network and API: a real store in a temporary folder, the tip pool, the door.
import type { Clock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { verifyWork } from '../../src/pow/verify.ts';
import { openStore } from '../../src/storage/open.ts';
import type { Store } from '../../src/storage/store.ts';
import type { Candidate } from '../../src/tangle/candidate.ts';
import type { Blocked } from '../../src/tangle/fetcher.ts';
import { Intake } from '../../src/tangle/intake.ts';
import type { IntakeOptions } from '../../src/tangle/intake.ts';
import { TipPool } from '../../src/tangle/tips.ts';
import { HandClock } from './clock.ts';
import { testNetwork } from './messages.ts';

export interface TestTangle extends AsyncDisposable {
  readonly store: Store;
  readonly tips: TipPool;
  readonly intake: Intake;
  /** Every message that became solid, in that order. */
  readonly solid: readonly Candidate[];
  /** Every message that waited, each time it was sent. */
  readonly blocked: readonly Blocked[];
}

export const intakeOptions: IntakeOptions = {
  networkId: testNetwork.id,
  minPowScore: 1,
  maxParentAgeMs: 900_000,
  queue: { maxMessagesPerSource: 1_000, maxBytesPerSource: 1_000_000, maxPeerBytes: 2_000_000 },
  pending: { maxMessages: 1_000, maxBytes: 1_000_000 },
};

export interface TestTangleOptions {
  readonly dataDir: string;
  readonly clock?: Clock;
  readonly intake?: Partial<IntakeOptions>;
  /** Replaces functions of the real store, to make a write fail. */
  readonly wrapStore?: (store: Store) => Store;
}

export async function openTestTangle(options: TestTangleOptions): Promise<TestTangle> {
  const clock = options.clock ?? new HandClock();
  await using opening = new AsyncDisposableStack();
  const real = opening.use(
    await openStore(
      {
        dataDir: options.dataDir,
        durability: 'process-crash',
        network: testNetwork,
        cacheBytes: 8 * 1024 * 1024,
        maxParentAgeMs: options.intake?.maxParentAgeMs ?? intakeOptions.maxParentAgeMs,
      },
      { log: silentLogger },
    ),
  );
  const store = options.wrapStore?.(real) ?? real;
  const tips = new TipPool({ clock });
  const solid: Candidate[] = [];
  const blocked: Blocked[] = [];
  const intake = opening.use(
    new Intake(
      { ...intakeOptions, ...options.intake },
      {
        store,
        tips,
        verifyWork,
        clock,
        log: silentLogger,
        announce: (messages) => solid.push(...messages),
        onMissing: (one) => blocked.push(one),
      },
    ),
  );
  await intake.restore();
  const owned = opening.move();
  return { store, tips, intake, solid, blocked, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
