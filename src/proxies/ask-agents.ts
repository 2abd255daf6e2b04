// Asks the agents of nodes as a proxy does.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Endpoint } from './plan.ts';
import type { Weights } from './traefik.ts';

const answerMs = 400;

/** Of an agent that does not answer the weight is 1: its node may still be there. */
export async function askWeights(agents: readonly Endpoint[]): Promise<Weights> {
  const all = (pool: string): Promise<number[]> =>
    Promise.all(agents.map(async (agent) => weightOf(await askAgent(agent, pool))));
  const [api, pow] = await Promise.all([all('api'), all('pow')]);
  return { api, pow };
}

/** 0 for a node that drains or is down. */
export function weightOf(line: string | undefined): number {
  return line === undefined ? 1 : Number(/^up ready (\d+)%/.exec(line)?.[1] ?? 0);
}

/** Undefined when there is no answer in time. */
export async function askAgent(
  { host, port }: Endpoint,
  pool: string,
): Promise<string | undefined> {
  const socket = connect({ host, port });
  const giveUp = setTimeout(() => socket.destroy(new Error('too slow')), answerMs);
  try {
    socket.end(`${pool}\n`);
    return (await text(socket)).trim();
  } catch {
    return undefined;
  } finally {
    clearTimeout(giveUp);
    socket.destroy();
  }
}
