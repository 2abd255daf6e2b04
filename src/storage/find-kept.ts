// Messages below the cut by their indexation key: those that are kept. Until a sweep comes the index has there all that
// was pruned, too, which may be most of what it has of a key.
import type { Index } from './index.ts';
import type { Pins } from './pins.ts';
import type { FoundMessage, FoundPage } from './store.ts';

const pageSize = 1_000;
/** Entries of the index and keys of what is kept, in one search: some 30 ms of work, in pieces of a few. */
export const maxLookedAt = 10_000;

interface Below {
  readonly limit: number;
  readonly beforeSeq: number;
}

/**
 * Walks over what the index has of the key and over what is kept, both from the newest on, and goes by whichever gets
 * further with a page: so it looks at no more than twice the lesser of the two.
 */
export async function findKept(
  key: Uint8Array,
  { limit, beforeSeq }: Below,
  { index, pins }: { readonly index: Index; readonly pins: Pins },
): Promise<FoundPage> {
  const found: FoundMessage[] = [];
  let goOnBefore = beforeSeq;
  let lookedAt = 0;
  while (goOnBefore > 0 && found.length < limit && lookedAt < maxLookedAt) {
    const between = { afterSeq: 0, beforeSeq: goOnBefore };
    const entries = await index.foundPage(key, between, pageSize);
    const lastEntry = entries.at(-1);
    if (lastEntry === undefined) return pageOf(found, limit);
    // A page may be shorter than was asked for, and not the last.
    const kept = await pins.seqsBefore(goOnBefore, entries.length);
    const keptDownTo = kept.length < entries.length ? 0 : (kept.at(-1) ?? 0);
    if (lastEntry.seq <= keptDownTo) {
      const isKept = await pins.keptOf(entries.map(({ seq }) => seq));
      found.push(...entries.filter(({ seq }) => isKept.has(seq)));
    } else found.push(...(await index.foundAmong(key, kept)));
    goOnBefore = Math.min(lastEntry.seq, keptDownTo);
    lookedAt += entries.length + kept.length;
  }
  return pageOf(found, limit, goOnBefore);
}

/** Of what was found down to a seq, newest first. */
export function pageOf(found: readonly FoundMessage[], limit: number, downToSeq = 0): FoundPage {
  const messages = found.slice(0, limit);
  const lastSeq = found.length >= limit ? messages.at(-1)?.seq : undefined;
  const goOnBefore = lastSeq ?? downToSeq;
  return { messages, goOnBefore: goOnBefore > 1 ? goOnBefore : undefined };
}
