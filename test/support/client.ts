// The smallest client: attaches by JSON, keeps what was acknowledged, checks it later byte for byte.
import { randomBytes } from 'node:crypto';
import { messageIdHex, messageIdOf } from '../../src/protocol/ids.ts';
import { decodeMessage } from '../../src/protocol/codec.ts';

export interface Acknowledged {
  readonly id: string;
  readonly index: string;
  readonly data: string;
}

export const hex = (text: string): string => Buffer.from(text).toString('hex');

/** A message for the node to complete. */
export const incomplete = (index: string, data: string) => ({
  method: 'POST',
  path: '/api/v1/messages',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ payload: { type: 2, index: hex(index), data: hex(data) } }),
});

/** Posts a message for the node to complete; returns it when the node answered 201. */
export async function attach(
  url: string,
  index: string,
  data: string,
): Promise<Acknowledged | { readonly status: number; readonly body: string }> {
  const { path, ...rest } = incomplete(index, data);
  const response = await fetch(`${url}${path}`, rest);
  const body = await response.text();
  if (response.status !== 201) return { status: response.status, body };
  const { data: answer } = JSON.parse(body) as { data: { messageId: string } };
  return { id: answer.messageId, index, data };
}

export const isAcknowledged = (
  answer: Awaited<ReturnType<typeof attach>>,
): answer is Acknowledged => 'id' in answer;

/** One search finds a thousand messages; more under one index could not all be checked by it. */
const maxPerIndex = 500;

/** Attaches from several connections at once until told to stop or the node is gone. */
export async function attachMany(
  url: string,
  options: { readonly index: string; readonly connections: number; readonly sizeBytes?: number },
  onAcknowledged: (message: Acknowledged) => boolean,
): Promise<void> {
  let next = 0;
  let goesOn = true;
  const one = async (): Promise<void> => {
    while (goesOn) {
      const number = next++;
      const index = `${options.index} ${Math.floor(number / maxPerIndex)}`;
      // Random, because LevelDB compresses what repeats.
      const data = `${number} ${randomBytes(((options.sizeBytes ?? 0) * 3) / 4).toString('base64')}`;
      const answer = await attach(url, index, data).catch(() => undefined);
      if (answer === undefined || !isAcknowledged(answer)) goesOn = false;
      else if (!onAcknowledged(answer)) goesOn = false;
    }
  };
  await Promise.all(Array.from({ length: options.connections }, one));
}

async function getData<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`);
  return ((await response.json()) as { data: T }).data;
}

/** The raw bytes under an id, or undefined for a 404. Throws when they are not that message. */
export async function readRaw(url: string, id: string): Promise<Uint8Array | undefined> {
  const response = await fetch(`${url}/api/v1/messages/${id}/raw`);
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw new Error(`${id}: ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (messageIdHex(messageIdOf(bytes)) !== id) throw new Error(`${id} answers with other bytes`);
  return bytes;
}

/** What is wrong with the acknowledged messages on this node: bytes, index and children. */
export async function faultsOf(
  url: string,
  messages: readonly Acknowledged[],
): Promise<readonly string[]> {
  const faults: string[] = [];
  const parentsOf = new Map<string, string[]>();
  for (const message of messages) {
    const bytes = await readRaw(url, message.id);
    if (bytes === undefined) {
      faults.push(`${message.id} is lost`);
      continue;
    }
    const { payload, parents } = decodeMessage(bytes);
    if (payload?.type !== 2 || Buffer.from(payload.data).toString() !== message.data) {
      faults.push(`${message.id} has another payload`);
    }
    parentsOf.set(message.id, parents.map(messageIdHex));
  }
  for (const index of new Set(messages.map((message) => message.index))) {
    const { messageIds } = await getData<{ messageIds: string[] }>(
      `${url}/api/v1/messages?index=${hex(index)}`,
    );
    const found = new Set(messageIds);
    for (const message of messages) {
      if (message.index === index && !found.has(message.id))
        faults.push(`${message.id} not in index`);
    }
  }
  const children = new Map<string, Set<string>>();
  for (const [id, parents] of parentsOf) {
    for (const parent of parents) {
      if (!children.has(parent)) {
        const { childrenMessageIds } = await getData<{ childrenMessageIds: string[] }>(
          `${url}/api/v1/messages/${parent}/children`,
        );
        children.set(parent, new Set(childrenMessageIds));
      }
      if (children.get(parent)?.has(id) === true) continue;
      // A parent that was pruned meanwhile has no children any more.
      const isThere = (await readRaw(url, parent)) !== undefined;
      if (isThere) faults.push(`${id} is not a child of ${parent}`);
    }
  }
  return faults;
}

/** Ids that the index knows under a key, newest first. */
export async function findIds(url: string, index: string): Promise<readonly string[]> {
  const { messageIds } = await getData<{ messageIds: string[] }>(
    `${url}/api/v1/messages?index=${hex(index)}`,
  );
  return messageIds;
}
