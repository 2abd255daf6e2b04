// A real server on a free port, real HTTP, and stand-ins only for what the API is handed as a function.
import { Readable } from 'node:stream';
import { request } from 'node:http';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Static } from 'typebox';
import { Value } from 'typebox/value';
import { ApiCounts } from '../../src/api/counts.ts';
import { makeAddressOf, makeClientOf } from '../../src/api/clients.ts';
import { defaultLimits } from '../../src/api/limits.ts';
import { problemSchema } from '../../src/api/route.ts';
import { openApi } from '../../src/api/server.ts';
import type { Api, ApiDeps, NodeInfo } from '../../src/api/server.ts';
import type { DatabaseInfo } from '../../src/api/routes/database.ts';
import { scopes } from '../../src/api/scopes.ts';
import type { Grant } from '../../src/api/scopes.ts';
import { TangleError } from '../../src/errors.ts';
import { faultOf } from './conformance.ts';
import { silentLogger } from '../../src/log.ts';
import { genesisId } from '../../src/protocol/ids.ts';
import type { Attach, Draft } from '../../src/tangle/attach.ts';

export const someInfo: NodeInfo = {
  name: 'Midge',
  version: '0.0.0',
  isHealthy: true,
  networkId: 'midge-test',
  bech32HRP: 'atoi',
  minPoWScore: 1,
  messagesPerSecond: 0.5,
  referencedMessagesPerSecond: 0,
  referencedRate: 0,
  latestMilestoneTimestamp: 0,
  latestMilestoneIndex: 0,
  confirmedMilestoneIndex: 0,
  pruningIndex: 0,
  features: ['PoW'],
};

const emptyStore: ApiDeps['store'] = {
  logId: '0'.repeat(32),
  cutSeq: 0,
  lastSeq: 0,
  get: () => undefined,
  childrenOf: () => Promise.resolve([]),
  findByIndex: () => Promise.resolve({ messages: [], goOnBefore: undefined }),
  readLog: () => Promise.resolve([]),
  readKept: () => Promise.resolve([]),
  pinTotals: { keptCount: 0, usedBytes: 0, missedCount: 0 },
  listPins: () => Promise.resolve({ messages: [], indexKeys: [] }),
  pin: () => Promise.reject(new TangleError('PINS_FULL')),
  unpin: () => Promise.reject(new TangleError('PIN_UNKNOWN')),
};

/** Takes every draft; `drafts` keeps them. */
export function takingAttach(): { readonly attach: Attach; readonly drafts: Draft[] } {
  const drafts: Draft[] = [];
  return {
    drafts,
    attach: (draft) => {
      drafts.push(draft);
      return Promise.resolve({ kind: 'accepted', id: genesisId });
    },
  };
}

/** Tokens that are called as what they allow. */
const grants: Readonly<Record<string, Grant>> = Object.fromEntries(
  scopes.map((scope) => [scope, { scopes: new Set([scope]), tokenId: scope }]),
);

export const asAdmin = { authorization: 'Bearer admin' };

export const someDatabase: DatabaseInfo = {
  messageCount: 3,
  cutSeq: 0,
  lastSeq: 3,
  messageBytes: 900,
  diskBytes: 5_000,
  reclaimableBytes: 0,
  freeBytes: 10_000,
  oldestMs: 1,
  newestMs: 2,
  maxSizeBytes: undefined,
  reserveDiskBytes: 7,
  keptMessages: 1,
  entryPoints: 3,
  maxEntryPoints: 1_000_000,
  pinnedBytes: 300,
  maxPinnedBytes: 1_000,
  growth: {
    messagesPerDay: 0,
    bytesPerDay: 0,
    measuredMs: 1_000,
    daysToMaxSize: undefined,
    daysToFullDisk: Infinity,
  },
};

/** A healthy node that takes every draft and stores none. */
export const standIns: ApiDeps = {
  attach: takingAttach().attach,
  store: emptyStore,
  counts: new ApiCounts(),
  watchStored: () => () => undefined,
  selectTips: () => [genesisId],
  info: () => someInfo,
  health: () => [{ name: 'store', ok: true }],
  spare: () => ({ api: 0.5, pow: 0.25 }),
  sync: () => ({
    isFirstCatchUp: false,
    takenMessages: 0,
    takenMs: 0,
    behindMessages: 0,
    neighbours: [],
  }),
  why: () => Promise.resolve({ state: 'unknown', missing: [], isCut: false }),
  peers: {
    neighbours: () => [],
    addNeighbour: () => Promise.reject(new TangleError('NEIGHBOUR_INVALID')),
    removeNeighbour: () => Promise.reject(new TangleError('NEIGHBOUR_UNKNOWN')),
  },
  tokens: {
    create: () => Promise.reject(new TangleError('TOO_MANY_TOKENS')),
    list: () => Promise.resolve([]),
    revoke: () => Promise.reject(new TangleError('TOKEN_UNKNOWN')),
  },
  database: () => Promise.resolve(someDatabase),
  pruner: {
    plan: () => Promise.reject(new TangleError('STORE_UNAVAILABLE')),
    begin: () => Promise.reject(new TangleError('PRUNING_BUSY')),
    pause: () => undefined,
    resume: () => undefined,
    interrupt: () => undefined,
    status: () => ({
      state: 'idle',
      disk: { folderBytes: 1, freeBytes: 2 },
      limits: { maxSizeBytes: undefined, maxPinnedBytes: 1_000 },
      prunedMessages: 0,
      prunedBytes: 0,
      job: undefined,
    }),
  },
  backup: () => Readable.from([Buffer.from('a backup')]),
  metrics: { contentType: 'text/plain', text: (isOwner) => Promise.resolve(`owner ${isOwner}\n`) },
  grantOf: (token) => Promise.resolve(grants[token]),
  log: silentLogger,
};

/** What every server has, whatever it is asked. */
export const appParts = {
  limits: defaultLimits,
  clientOf: makeClientOf(makeAddressOf()),
  lateMs: () => 0,
  counts: standIns.counts,
  log: silentLogger,
};

export function openTestApi(deps: Partial<ApiDeps> = {}, bind = '127.0.0.1:0'): Promise<Api> {
  return openApi({ bind }, { ...standIns, ...deps });
}

export interface Question {
  readonly method?: string;
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** Of an empty body: undefined. */
  readonly json: unknown;
}

/** Sends exactly these headers; a connection of its own for each question. */
export function ask(api: Pick<Api, 'url'>, { method = 'GET', path, headers = {}, body }: Question) {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request(api.url, { method, path, headers, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const bytes = Buffer.concat(chunks);
      const isJson = response.headers['content-type']?.startsWith('application/json') === true;
      const json: unknown = isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
      const answer = { status: response.statusCode ?? 0, headers: response.headers, bytes, json };
      const fault = faultOf({ method, path }, answer);
      if (fault === undefined) resolve(answer);
      else
        reject(
          new Error(`${method} ${path} answers what docs/openapi.json does not say: ${fault}`),
        );
    });
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

/** Posts to the attach route; without a type, none is sent. */
export function post(api: Api, body: string | Uint8Array, type?: string): Promise<Answer> {
  return ask(api, {
    method: 'POST',
    path: '/api/v1/messages',
    headers: type === undefined ? {} : { 'content-type': type },
    body,
  });
}

export const json = 'application/json';

/** What the envelope holds; throws when it is none. */
export function errorOf(answer: Answer): Static<typeof problemSchema>['error'] {
  return Value.Parse(problemSchema, answer.json).error;
}
