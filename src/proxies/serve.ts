// The endpoint that Traefik's HTTP provider asks: at each request the agents of all nodes are asked in turn.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { TangleError } from '../errors.ts';
import { askWeights } from './ask-agents.ts';
import { endpointText } from './plan.ts';
import type { Endpoint, ProxyPlan } from './plan.ts';
import { traefikDynamic } from './traefik.ts';

/** Only Traefik asks, once a second. */
const maxConnections = 16;

export interface Provider extends AsyncDisposable {
  readonly url: string;
}

/** Throws USAGE_INVALID when it cannot listen there. */
export async function serveWeights(plan: ProxyPlan, { host, port }: Endpoint): Promise<Provider> {
  const agents = plan.nodes.map(({ agent }) => agent);
  const answer = async (response: ServerResponse): Promise<void> => {
    const body = JSON.stringify(traefikDynamic(plan, await askWeights(agents)));
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  };
  const server = createServer(
    { requestTimeout: 5_000 },
    (_request, response) => void answer(response),
  );
  server.maxConnections = maxConnections;
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen(port, host, () => listening.resolve());
  await listening.promise.catch((cause: unknown) => {
    const where = endpointText({ host, port });
    throw new TangleError('USAGE_INVALID', `--serve cannot listen on ${where}.`, { cause });
  });
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  return {
    url: `http://${endpointText({ host, port: address.port })}/`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => void server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
