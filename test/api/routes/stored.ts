// An API over a real store on a temporary folder, filled with the messages a test names.
import type { Api } from '../../../src/api/server.ts';
import { silentLogger } from '../../../src/log.ts';
import { encodeMessage } from '../../../src/protocol/codec.ts';
import { genesisId, messageIdOf, networkIdOf } from '../../../src/protocol/ids.ts';
import { indexKeyOf } from '../../../src/protocol/message.ts';
import type { Message } from '../../../src/protocol/message.ts';
import { openStore } from '../../../src/storage/open.ts';
import type { NewRecord, Store } from '../../../src/storage/store.ts';
import { aFolder } from '../../support/folder.ts';
import { openTestApi } from '../harness.ts';

const network = { name: 'midge-test', id: networkIdOf('midge-test') };
let nextNonce = 1n;

/** Unlike all others, and without work: the store does not ask for any. */
export function aRecord(wish: Partial<Message> = {}, arrivalMs = 1): NewRecord {
  const nothing = { networkId: network.id, parents: [genesisId], payload: undefined };
  const message: Message = { ...nothing, nonce: nextNonce++, ...wish };
  const bytes = encodeMessage(message);
  const { parents } = message;
  const indexKey = indexKeyOf(message);
  return { id: messageIdOf(bytes), bytes, parents, indexKey, arrivalMs, isLazy: false };
}

export async function openApiOver(
  records: readonly NewRecord[],
  prepare?: (store: Store) => Promise<unknown>,
): Promise<{ readonly api: Api } & AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  const { path: dataDir } = opening.use(await aFolder());
  const options = { dataDir, durability: 'process-crash', network, cacheBytes: 1 << 20 } as const;
  const store = opening.use(await openStore(options, { log: silentLogger }));
  await store.append(records);
  await prepare?.(store);
  const api = opening.use(await openTestApi({ store }));
  const opened = opening.move();
  return { api, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
