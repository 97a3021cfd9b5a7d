/** For tests: WebSocket servers on a free loopback port that do as a test says. Nothing of the package imports it. */

import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@sallyport/wire';
import { WebSocketServer, type ServerOptions as SocketOptions, type WebSocket } from 'ws';
import { Inbox } from './inbox.ts';

export interface SocketServer {
  readonly port: number;
  /** Requests to upgrade. */
  readonly upgrades: Inbox<IncomingMessage>;
  /** Connections that were opened. */
  readonly sockets: Inbox<WebSocket>;
  readonly received: Inbox<JsonObject>;
}

export interface SocketScript {
  /** Each message that comes; without it nothing is answered. */
  readonly onMessage?: (message: JsonObject, socket: WebSocket) => void;
  readonly onSocket?: (socket: WebSocket) => void;
  readonly tls?: ServerOptions;
  readonly socketOptions?: SocketOptions;
}

export interface SocketServers {
  readonly serve: (script: SocketScript) => Promise<SocketServer>;
  /** Also at the end. */
  readonly onEnd: (cleanup: () => Promise<void> | void) => void;
  /** Ends all. */
  readonly end: () => Promise<void>;
}

export function createSocketServers(): SocketServers {
  const cleanups: Array<() => Promise<void> | void> = [];
  return {
    async serve({ onMessage, onSocket, tls, socketOptions }) {
      const http = tls === undefined ? createServer() : createTlsServer(tls);
      const sockets = new Inbox<WebSocket>();
      const received = new Inbox<JsonObject>();
      const upgrades = new Inbox<IncomingMessage>();
      const server = new WebSocketServer({ server: http, ...socketOptions });
      http.on('upgrade', (request: IncomingMessage) => upgrades.push(request));
      server.on('connection', (socket) => {
        socket.on('error', () => undefined);
        socket.on('message', (data) => {
          const message = JSON.parse((data as Buffer).toString()) as JsonObject;
          received.push(message);
          onMessage?.(message, socket);
        });
        onSocket?.(socket);
        sockets.push(socket);
      });
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
      cleanups.push(
        () =>
          new Promise<void>((resolve) => {
            for (const socket of server.clients) socket.terminate();
            server.close();
            http.close(() => resolve());
            http.closeAllConnections();
          }),
      );
      return { port: (http.address() as AddressInfo).port, upgrades, sockets, received };
    },
    onEnd: (cleanup) => void cleanups.push(cleanup),
    end: async () => {
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    },
  };
}

export const say = (socket: WebSocket, message: JsonObject): void =>
  socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));

/** Greets in the eras that it speaks, and leaves the rest to `onRequest`. */
export function greeter(
  speaks: 'session' | 'stateless',
  onRequest: (message: JsonObject, socket: WebSocket) => void = () => undefined,
): (message: JsonObject, socket: WebSocket) => void {
  const greetings: Readonly<Record<string, JsonObject>> =
    speaks === 'session'
      ? { initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's' } } }
      : {
          'server/discover': {
            resultType: 'complete',
            supportedVersions: ['2026-07-28'],
            capabilities: { tools: { listChanged: true } },
          },
        };
  return (message, socket) => {
    const { id, method } = message;
    if (id === undefined || typeof method !== 'string') return;
    const result = greetings[method];
    if (result !== undefined) say(socket, { id, result });
    else if (method === 'server/discover' || method === 'initialize')
      say(socket, { id, error: { code: -32601, message: 'Unknown method.' } });
    else onRequest(message, socket);
  };
}

/** A transport as the official SDK has it. */
export interface SdkTransport {
  start(): Promise<void>;
  send(message: object): Promise<void>;
  close(): Promise<void>;
  onmessage?: (message: JsonObject) => void;
  onclose?: () => void;
}

export function sdkTransport(socket: WebSocket): SdkTransport {
  const transport: SdkTransport = {
    start: () => Promise.resolve(),
    send: (message) => {
      socket.send(JSON.stringify(message));
      return Promise.resolve();
    },
    close: () => {
      socket.close();
      return Promise.resolve();
    },
  };
  socket.on('message', (data) => transport.onmessage?.(JSON.parse((data as Buffer).toString()) as JsonObject));
  socket.on('close', () => transport.onclose?.());
  return transport;
}
