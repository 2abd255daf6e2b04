// MQTT over WebSocket on the API's own port, where browsers and proxies reach it.
import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Type } from 'typebox';
import { WebSocketServer, createWebSocketStream } from 'ws';
import type { WebSocket } from 'ws';
import { TangleError } from '../../errors.ts';
import { makeHolderOf } from '../clients.ts';
import type { ClientOf } from '../clients.ts';
import { maxUnreadBytes } from '../mqtt/connection.ts';
import { maxPacketBytes } from '../mqtt/packet-guard.ts';
import { orThrow } from '../places.ts';
import type { Place } from '../places.ts';
import { problems } from '../route.ts';
import type { ApiServer } from '../route.ts';
import { tokenIn } from '../scopes.ts';
import type { Grant } from '../scopes.ts';

export interface MqttRouteDeps {
  /** Absent when MQTT is switched off. */
  readonly mqtt?: MqttServer | undefined;
  readonly clientOf: ClientOf;
  readonly stopping: AbortSignal;
}

interface MqttServer {
  /** A place for one who connects; undefined for an own program. */
  enter(client: string | undefined): Place | TangleError;
  /** Owns the stream. */
  serve(stream: Duplex, shown: { readonly grant: Grant; readonly token: string }): void;
}

interface Upgrade {
  readonly socket: Socket;
  readonly head: Buffer;
  readonly response: ServerResponse;
}

export function mqttRoutes(app: ApiServer, { mqtt, stopping, clientOf }: MqttRouteDeps): void {
  if (mqtt === undefined) return;
  const holderOf = makeHolderOf(clientOf);
  const upgrades = routedUpgrades(app);
  const webSockets = openWebSockets(stopping);
  app.route({
    method: 'GET',
    url: '/mqtt',
    // A browser can send its token only with the CONNECT of MQTT.
    config: { scope: 'none', limit: 'stream' },
    exposeHeadRoute: false,
    schema: {
      summary: 'messages by MQTT over WebSocket',
      response: { 101: Type.Null({ description: 'MQTT 3.1.1 follows' }), ...problems },
    },
    handler: (request, reply) => {
      const { raw, grant } = request;
      const token = tokenIn(request.headers);
      const upgrade = upgrades.get(raw);
      if (upgrade === undefined) throw new TangleError('UPGRADE_REQUIRED');
      leaveAtClose(upgrade.socket, orThrow(mqtt.enter(holderOf(request))));
      reply.hijack();
      upgrade.response.detachSocket(upgrade.socket);
      webSockets.handleUpgrade(raw, upgrade.socket, upgrade.head, (webSocket) => {
        answerPings(webSocket);
        mqtt.serve(createWebSocketStream(webSocket), { grant, token });
      });
    },
  });
}

/** It may have been closed while its request was looked at. */
function leaveAtClose(socket: Socket, { leave }: Place): void {
  if (socket.destroyed) leave();
  else socket.once('close', leave);
}

/** Requests for a WebSocket take the way of all others: the same hooks, the same refusals. */
function routedUpgrades(app: ApiServer): WeakMap<IncomingMessage, Upgrade> {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  const take = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (socket instanceof Socket && isForWebSocket(request)) {
      const response = responseOn(socket, request);
      upgrades.set(request, { socket, head, response });
      app.routing(request, response);
    } else socket.destroy();
  };
  app.addHook('onReady', (done) => {
    // Others who ask for an upgrade, say to HTTP/2, are answered in HTTP/1.1. Not known before Node 24.9.
    Object.assign(app.server, { shouldUpgradeCallback: isForWebSocket });
    app.server.on('upgrade', take);
    done();
  });
  return upgrades;
}

/** The one answer that the connection will get, unless it becomes a WebSocket. */
function responseOn(socket: Socket, request: IncomingMessage): ServerResponse {
  socket.on('error', () => socket.destroy());
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.end());
  return response;
}

function isForWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

const protocols = ['mqtt', 'mqttv3.1'];

function openWebSockets(stopping: AbortSignal): WebSocketServer {
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // A frame may hold the end of one packet and the next.
    maxPayload: 2 * maxPacketBytes,
    autoPong: false,
    handleProtocols: (offered) => protocols.find((name) => offered.has(name)) ?? false,
  });
  // The HTTP server waits for all its connections when it closes.
  stopping.addEventListener('abort', () => {
    for (const webSocket of webSockets.clients) webSocket.terminate();
  });
  return webSockets;
}

/** Answers to pings wait for a client that does not read as everything else does. */
function answerPings(webSocket: WebSocket): void {
  webSocket.on('ping', (data: Buffer) => {
    if (webSocket.bufferedAmount > maxUnreadBytes) webSocket.terminate();
    else webSocket.pong(data);
  });
}
