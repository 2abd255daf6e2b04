// What a verification finds: counted by kind, with a few examples of each.
const maxExamples = 5;

/** Every invariant of a store, by the kind of fault that breaks it. */
export const faultTable = {
  'log-unreadable': 'LevelDB cannot read some blocks of the log',
  'log-table': 'a table of the log is cut off or missing',
  'log-stray': 'a key of the log belongs to no key space',
  state: 'the log does not know what it is, or what it knows cannot be',
  epochs: 'the epochs of the log contradict each other',
  'record-damaged': 'a message does not match its checksum or its id',
  'record-invalid': 'a message is none, or is of another network',
  gap: 'numbers are missing that no epoch explains',
  'arrival-order': 'a message arrived before the one that stands before it',
  'parent-missing': 'a message names a parent that is neither stored nor an entry point',
  'parent-later': 'a message stands before its parent',
  'entry-point': 'an entry point does not know that a message needs it',
  'pin-damaged': 'a pin, or a message that is kept below the cut for one, is not what it must be',
  'pin-place': 'a message is kept for a pin though it is not below the cut',
  'pin-unasked': 'a message is kept below the cut that nothing pins',
  'pin-lost': 'a message that is pinned by its id was kept, and is not there',
  'pin-count': 'the log does not know how much it keeps below the cut',
  'index-unreadable': 'LevelDB cannot read the index, or some blocks of it',
  'index-table': 'a table of the index is cut off or missing',
  'index-stray': 'a key of the index belongs to no key space',
  'index-position': 'the index is of another log, or knows more than the log ever had',
  'id-missing': 'a message is not found by its id',
  'id-wrong': 'an id is found under the number of another message',
  'child-missing': 'a message is not found as the child of its parent',
  'far-child-missing':
    'a message is not found among the children that stand far above their parents',
  'indexation-missing': 'a message is not found by its indexation key',
  'ids-surplus': 'the index knows more ids than there are messages',
  'children-surplus': 'the index knows children that are none',
  'far-surplus': 'the index knows children far above their parents that are none',
  'indexation-surplus': 'the index finds messages by keys that they do not have',
  'pending-damaged': 'a waiting message is not the one that its id names',
} as const;
export type FaultKind = keyof typeof faultTable;

/** What is no fault: a start puts it right, or it does no harm. */
export const noteTable = {
  'write-ahead-holes': 'write-ahead files may have holes; the next start compares what they held',
  'index-behind': 'messages are not in the index yet; the next start adds them',
  'index-layout': 'the index is of another version of Midge; the next start makes it again',
  'id-hidden': 'the id of a newer message begins alike, and finds that one',
  'index-stale': 'index entries point at what was lost; readers pass over them',
  'below-cut': 'messages below the cut are not removed yet; the next start does it',
  'pending-stored': 'waiting messages are stored already; the next start drops them',
  'parents-unchecked': 'old parents could not be looked up without an index',
  'surplus-unchecked': 'what the index knows too much was not counted, because the log has faults',
} as const;
export type NoteKind = keyof typeof noteTable;

export interface Finding<Kind extends string> {
  readonly kind: Kind;
  readonly count: number;
  readonly examples: readonly string[];
}

class Tally<Kind extends string> {
  readonly #found = new Map<Kind, { count: number; readonly examples: string[] }>();

  add(kind: Kind, example?: string, count = 1): void {
    const found = this.#found.get(kind) ?? { count: 0, examples: [] };
    this.#found.set(kind, found);
    found.count += count;
    if (example !== undefined && found.examples.length < maxExamples) found.examples.push(example);
  }

  has(...kinds: readonly Kind[]): boolean {
    return kinds.some((kind) => this.#found.has(kind));
  }

  list(): readonly Finding<Kind>[] {
    return [...this.#found].map(([kind, found]) => ({ kind, ...found }));
  }
}

export class Findings {
  readonly faults = new Tally<FaultKind>();
  readonly notes = new Tally<NoteKind>();
}
