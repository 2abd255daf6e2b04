// How fast the field's own miners are on this machine, where they are installed. Midge neither needs nor
// ships them.

/** A name that no bundler follows, of a class that implements `IPowProvider`. */
interface Peer {
  readonly name: string;
  readonly exported: string;
}

export const peers: readonly Peer[] = [
  { name: 'iota.js', exported: 'LocalPowProvider' },
  { name: 'pow-node.js', exported: 'NodePowProvider' },
  { name: 'pow-wasm.js', exported: 'WasmPowProvider' },
];

interface PowProvider {
  /** Counts nonces up from 0 and resolves with the first that is good enough. */
  pow(message: Uint8Array, targetScore: number): Promise<string>;
}

/** Every run does the same work: the first nonce with 8 zeros for this message is 5322. */
const message = new Uint8Array(100).fill(15);
/** Between 7 and 8 zeros, far from where their rounding may decide. */
const targetScore = 3 ** 7.5 / message.length;

/** Hashes a second of one thread, its start included; undefined where the peer is not installed. */
export async function measurePeer({ name, exported }: Peer): Promise<number | undefined> {
  const module: unknown = await import(`@iota/${name}`).catch(() => undefined);
  const Provider = memberOf(module, exported);
  if (!isProviderClass(Provider)) return undefined;
  const provider = new Provider(1);
  const startMs = performance.now();
  const nonce = await provider.pow(message, targetScore);
  return ((Number(nonce) + 1) / (performance.now() - startMs)) * 1000;
}

function memberOf(module: unknown, name: string): unknown {
  return typeof module === 'object' && module !== null ? Reflect.get(module, name) : undefined;
}

function isProviderClass(value: unknown): value is new (threads: number) => PowProvider {
  return typeof value === 'function';
}
