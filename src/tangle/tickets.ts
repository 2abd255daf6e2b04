// The calls of `submit` that one batch answers.
import { TangleError } from '../errors.ts';
import type { Candidate } from './candidate.ts';
import type { Outcome } from './outcome.ts';
import type { Source } from './queue.ts';

/** One call of `submit` on its way. */
export interface Ticket {
  readonly bytes: Uint8Array;
  readonly source: Source;
  readonly resolve: (outcome: Outcome) => void;
}

/** How often each outcome was told. */
export type OutcomeCounts = Record<Outcome['kind'], number>;

/** Tells an outcome and counts it. */
export function counted(
  resolve: (outcome: Outcome) => void,
  counts: OutcomeCounts,
): (outcome: Outcome) => void {
  let isTold = false;
  return (outcome) => {
    if (!isTold) counts[outcome.kind] += 1;
    isTold = true;
    resolve(outcome);
  };
}

export const isPeer = (source: Source): boolean => source.startsWith('peer:');

export const peerIdOf = (source: Source): string => source.slice('peer:'.length);

/** The tickets of one batch by message id: copies that came together share one answer. */
export class TicketBook {
  readonly #tickets: readonly Ticket[];
  readonly #byKey = new Map<string, Ticket[]>();

  constructor(tickets: readonly Ticket[]) {
    this.#tickets = tickets;
  }

  /** Settles what is not even a message; returns the others, each once. */
  examine(toCandidate: (bytes: Uint8Array) => Candidate): Candidate[] {
    const candidates: Candidate[] = [];
    for (const ticket of this.#tickets) {
      try {
        const candidate = toCandidate(ticket.bytes);
        const same = this.#byKey.get(candidate.key);
        if (same !== undefined) same.push(ticket);
        else {
          this.#byKey.set(candidate.key, [ticket]);
          candidates.push(candidate);
        }
      } catch (error) {
        if (!(error instanceof TangleError)) throw error;
        ticket.resolve({ kind: 'rejected', error });
      }
    }
    return candidates;
  }

  /** The first neighbour that sent this message, if one did. */
  peerOf(key: string): Source | undefined {
    return this.#byKey.get(key)?.find(({ source }) => isPeer(source))?.source;
  }

  isOfClient(key: string): boolean {
    return this.#byKey.get(key)?.some(({ source }) => !isPeer(source)) === true;
  }

  settle(key: string, outcome: Outcome): void {
    for (const ticket of this.#byKey.get(key) ?? []) ticket.resolve(outcome);
  }

  settleBySource(key: string, outcome: (source: Source) => Outcome): void {
    for (const ticket of this.#byKey.get(key) ?? []) ticket.resolve(outcome(ticket.source));
  }

  /** For those that have no answer yet; a promise that is settled stays as it is. */
  settleAll(outcome: Outcome): void {
    for (const ticket of this.#tickets) ticket.resolve(outcome);
  }
}
