// The HTTP server around the routes: limits, hooks, and how every failure becomes a problem.
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import cors from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { fastify } from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TangleError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { refuseForeignHosts } from './bind.ts';
import type { Bind } from './bind.ts';
import { addBodyParsers, maxBodyBytes } from './body.ts';
import { refuseBroken } from './broken-requests.ts';
import { makeHolderOf } from './clients.ts';
import type { ApiCounts } from './counts.ts';
import { codedError } from './fastify-errors.ts';
import { makeFaultLog } from './fault-log.ts';
import { makeHttpServer } from './http-server.ts';
import type { Limits } from './limits.ts';
import { makePipelineLimit } from './pipelining.ts';
import { problemOf } from './problem.ts';
import { makeRateLimit } from './rate.ts';
import type { RateDeps } from './rate.ts';
import { makeEndRevoked } from './revocation.ts';
import { problems } from './route.ts';
import type { ApiServer } from './route.ts';
import { authorize, checkRoute, makeIdentify } from './scopes.ts';
import type { Access } from './scopes.ts';
import { addGates, makeShed, refuseManyHeaders } from './shedding.ts';
import type { ShedDeps } from './shedding.ts';
import { Unroutable, pathOf } from './unroutable.ts';

const corsOptions = {
  origin: '*',
  methods: ['GET', 'HEAD', 'POST', 'DELETE'],
  // One text, as it is sent with every answer.
  exposedHeaders: 'location, retry-after, x-midge-spare, x-request-id',
  maxAge: 86_400,
  strictPreflight: false,
  // Answered below, after it was counted.
  preflightContinue: true,
};

export interface AppDeps extends Pick<RateDeps, 'clientOf'>, ShedDeps {
  /** Whose requests it will answer; one that nobody reaches when absent. */
  readonly server?: Server | undefined;
  readonly limits: Limits;
  readonly bind: Bind;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  readonly access: Access;
  readonly log: Logger;
  readonly counts: ApiCounts;
  /** Told of every answer. */
  readonly onAnswer?: ((answer: Answered) => void) | undefined;
}

export interface Answered {
  readonly method: string;
  /** The template of the route; `unknown` when there is none. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** A server without routes; nothing listens yet. */
export function makeApp(deps: AppDeps): ApiServer {
  const { log, counts, server = makeHttpServer(deps.limits).server } = deps;
  const nextRequestId = makeRequestIds();
  const logFault = makeFaultLog(log);
  const unroutable = new Unroutable();
  const sendProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const coded = codedError(error);
    const problem = problemOf(coded, request.id);
    logFault(coded, request.id);
    counts.refuse(coded.code);
    const headers = { ...problem.headers, 'x-request-id': request.id };
    void reply.code(problem.status).headers(headers).send(problem.body);
  };
  const app = fastify({
    bodyLimit: maxBodyBytes,
    genReqId: nextRequestId,
    // A body is taken as it is or refused: nothing is converted, filled in or dropped on the quiet.
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        verbose: true,
      },
    },
    // Which hands the requests over when everything is ready.
    serverFactory: () => server,
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      unroutable.note(request, error);
      app.routing(request.raw, reply.raw);
    },
    clientErrorHandler: (error, socket) => {
      const refused = refuseBroken(error.code, socket, nextRequestId());
      if (refused !== undefined) counts.refuse(refused);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  addBodyParsers(app);
  app.setErrorHandler(sendProblem);
  addHooks(app, deps, unroutable);
  return app;
}

/** Else the general answer to preflights would let web pages in. */
function addPreflight(app: ApiServer, url: string): void {
  if (app.hasRoute({ method: 'OPTIONS', url })) return;
  app.options(
    url,
    { config: { scope: 'admin', limit: 'lookup' }, schema: { response: problems } },
    () => {
      throw new TangleError(
        'METHOD_NOT_ALLOWED',
        'Web pages of others have no access to this route.',
      );
    },
  );
}

/** In the order in which they run for every request. */
function addHooks(app: ApiServer, deps: AppDeps, unroutable: Unroutable): void {
  const { bind, stopping, access, limits, log, onAnswer } = deps;
  app.addHook('onRoute', (route) => {
    checkRoute(route);
    if (route.config?.scope !== 'admin') return;
    // Routes for the owner are told to no web page.
    route.config.cors = false;
    if (route.method !== 'OPTIONS') addPreflight(app, route.url);
  });
  addGates(app, makeHolderOf(deps.clientOf));
  app.addHook('onRequest', (request, reply, done) => {
    request.declared = request.routeOptions.config;
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onRequest', makePipelineLimit());
  app.addHook('onRequest', refuseManyHeaders(limits));
  app.addHook('onRequest', refuseForeignHosts(bind));
  void app.register(cors, corsOptions);
  app.addHook('onRequest', makeIdentify(access));
  app.addHook('onRequest', makeRateLimit(deps));
  app.addHook('onRequest', answerPreflight);
  app.addHook('onRequest', makeShed(deps));
  app.addHook('onRequest', (request, _reply, done) => {
    if (stopping.aborted) return done(new TangleError('STOPPING'));
    done(unroutable.faultOf(request) ?? (request.is404 ? noSuchRoute(app, request) : undefined));
  });
  app.addHook('onRequest', authorize);
  app.addHook('onRequest', makeEndRevoked(deps));
  if (onAnswer !== undefined) {
    app.addHook('onResponse', ({ method, declared }, reply, done) => {
      // Without a URL where no route was found.
      const route = declared.url ?? 'unknown';
      onAnswer({ method, route, status: reply.statusCode, durationMs: reply.elapsedTime });
      done();
    });
  }
  if (log.isLevelEnabled('debug')) app.addHook('onResponse', makeAccessLog(log, unroutable));
}

function answerPreflight(
  { method, declared }: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
): void {
  if (method === 'OPTIONS' && declared.scope !== 'admin')
    void reply.code(204).header('content-length', '0').send();
  else done();
}

/** 405 when the router knows the path under another method, else 404. */
function noSuchRoute(app: ApiServer, { method, url }: FastifyRequest): TangleError {
  const allow = app.supportedMethods
    // The preflight of CORS is answered on every path.
    .filter((name) => name !== 'OPTIONS' && app.findRoute({ method: name, url }) !== null)
    .join(', ');
  return allow === ''
    ? new TangleError(
        'ROUTE_UNKNOWN',
        'There is no such route; all begin with /api/v1 or /api/midge/v1.',
      )
    : new TangleError('METHOD_NOT_ALLOWED', `${method} is not for this route, use ${allow}.`, {
        details: { allow },
      });
}

function makeAccessLog(log: Logger, unroutable: Unroutable) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    log.debug(
      {
        requestId: request.id,
        method: request.method,
        url: loggedPath(unroutable.urlOf(request)),
        status: reply.statusCode,
        durationMs: reply.elapsedTime,
      },
      'request answered',
    );
    done();
  };
}

const maxLoggedPath = 200;

/** Visible ASCII, as no other path gets past the parser. Without the query, where some clients put what is secret. */
function loggedPath(url: string): string {
  const path = pathOf(url);
  return path.length > maxLoggedPath ? `${path.slice(0, maxLoggedPath)}…` : path;
}

/** Unlike those of the last start, so that a request in an old log is not mistaken for a new one. */
function makeRequestIds(): () => string {
  const start = randomBytes(4).toString('hex');
  let count = 0;
  return () => `${start}-${(++count).toString(36)}`;
}
