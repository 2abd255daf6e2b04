// Who sent which message of late, so that none is sent back to where it came from. Forgets the oldest.

export class Senders {
  readonly #maxMessages: number;
  readonly #peersOf = new Map<string, string[]>();

  constructor(maxMessages: number) {
    this.#maxMessages = maxMessages;
  }

  add(idHex: string, peerId: string): void {
    const peers = this.#peersOf.get(idHex);
    if (peers === undefined) this.#remember(idHex, peerId);
    else if (!peers.includes(peerId)) peers.push(peerId);
  }

  has(idHex: string, peerId: string): boolean {
    return this.#peersOf.get(idHex)?.includes(peerId) ?? false;
  }

  #remember(idHex: string, peerId: string): void {
    this.#peersOf.set(idHex, [peerId]);
    if (this.#peersOf.size <= this.#maxMessages) return;
    for (const oldest of this.#peersOf.keys()) {
      this.#peersOf.delete(oldest);
      return;
    }
  }
}
