// The OpenAPI document of all routes, without a node behind them.
import packageJson from '../package.json' with { type: 'json' };
import { makeApp } from '../src/api/app.ts';
import { ApiCounts } from '../src/api/counts.ts';
import { defaultLimits } from '../src/api/limits.ts';
import { renderOpenApi } from '../src/api/openapi.ts';
import { addRoutes } from '../src/api/routes.ts';
import type { RouteDeps } from '../src/api/routes.ts';
import { silentLogger } from '../src/log.ts';

/** Stands for every function of a node: to describe a route nobody has to ask it. */
const notAsked = (): never => {
  throw new Error('nobody asks this server');
};

const sharedParts = { counts: new ApiCounts(), log: silentLogger, clientOf: notAsked };

const nodeParts: Omit<RouteDeps, keyof typeof sharedParts | 'stopping'> = {
  attach: notAsked,
  store: {
    logId: '',
    cutSeq: 0,
    lastSeq: 0,
    get: notAsked,
    childrenOf: notAsked,
    findByIndex: notAsked,
    readLog: notAsked,
    readKept: notAsked,
    pin: notAsked,
    unpin: notAsked,
    listPins: notAsked,
    pinTotals: { keptCount: 0, usedBytes: 0, missedCount: 0 },
  },
  watchStored: notAsked,
  selectTips: notAsked,
  info: notAsked,
  health: notAsked,
  spare: notAsked,
  sync: notAsked,
  why: notAsked,
  peers: { neighbours: notAsked, addNeighbour: notAsked, removeNeighbour: notAsked },
  tokens: { create: notAsked, list: notAsked, revoke: notAsked },
  backup: notAsked,
  database: notAsked,
  pruner: {
    plan: notAsked,
    begin: notAsked,
    pause: notAsked,
    resume: notAsked,
    interrupt: notAsked,
    status: notAsked,
  },
  mqtt: { enter: notAsked, serve: notAsked },
  metrics: { contentType: '', text: notAsked },
};

export async function renderApiDocument(): Promise<string> {
  const { signal: stopping } = new AbortController();
  const parts = { ...sharedParts, stopping };
  await using app = makeApp({
    ...parts,
    bind: { host: 'localhost', address: '127.0.0.1', isLoopback: true, port: 0 },
    access: { grantOf: notAsked, publicScopes: [] },
    limits: defaultLimits,
    lateMs: notAsked,
  });
  const routes = addRoutes(app, { ...parts, ...nodeParts });
  const document = await renderOpenApi(routes, packageJson.version);
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
