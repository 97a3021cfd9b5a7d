/**
 * The HTTP listener: sockets, timeouts, caps, the checks that need no identity, and the way by path to an endpoint.
 * The order of the checks on a request is `#arrive`, top to bottom. It does not read bodies and knows no MCP.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { MAX_HEADER_BYTES, wireError, type WireError } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';
import type { Arrival } from './mcp-endpoint.ts';
import { refuse, refusePlain } from './refuse.ts';
import { corsHeaders, preflightHeaders, type Shield } from './shield.ts';

export interface ListenerLimits {
  readonly headerBytes: number;
  readonly headerTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** Sockets of one address at a time. */
  readonly connectionsPerAddress: number;
  /** How often heartbeats go out and dead peers are looked for. */
  readonly sweepMs: number;
}

export const LISTENER_LIMITS: ListenerLimits = {
  headerBytes: MAX_HEADER_BYTES,
  headerTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  connectionsPerAddress: 256,
  sweepMs: 15_000,
};

/** What a credential is judged by. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** True for a request made on this machine, straight to this listener. */
  readonly local: boolean;
  readonly address: string | undefined;
}

export interface Unauthenticated {
  readonly error: WireError;
  /** `WWW-Authenticate` and the like. */
  readonly headers: Readonly<Record<string, string>>;
}

export type Authenticate = (credentials: Credentials) => Principal | Unauthenticated;

/** A route without a credential: health, well-known documents. */
export type PublicRoute = (request: IncomingMessage, response: ServerResponse) => void;

export interface ListenerOptions {
  readonly shield: Shield;
  readonly authenticate: Authenticate;
  /** What stands at a path, for callers who are known; undefined when there is nothing. */
  readonly endpoint: (path: string) => Endpoint | undefined;
  /** Paths on which errors are JSON-RPC errors. */
  readonly isMcpPath: (path: string) => boolean;
  /** Exact paths that need no credential; `hostExempt` ones are answered whatever the Host header says. */
  readonly routes: Readonly<Record<string, { readonly handle: PublicRoute; readonly hostExempt: boolean }>>;
  readonly limits: ListenerLimits;
  /** Called every `sweepMs`: heartbeats, expiry. */
  readonly onSweep: () => void;
}

/** What answers at a path once the caller is known. */
export interface Endpoint {
  handle(arrival: Arrival): void;
}

export interface Listener {
  /** Begins to accept. Rejects with the system's error (EADDRINUSE, EACCES …). */
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Stops accepting and resolves when the last response is done, or after `graceMs`, when the rest is cut. */
  close(graceMs: number): Promise<void>;
}

export function createListener(options: ListenerOptions): Listener {
  const { limits } = options;
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headerTimeoutMs,
      requestTimeout: limits.headerTimeoutMs + limits.bodyTimeoutMs,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 65_000,
      noDelay: true,
    },
    (request, response) => arrive(options, request, response),
  );
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    response.writeContinue();
    arrive(options, request, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => answerBrokenRequest(error, socket));
  capConnections(server, limits.connectionsPerAddress);
  const sweep = setInterval(options.onSweep, limits.sweepMs).unref();

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port, backlog: 1024 }, () => {
          server.off('error', reject);
          resolve(server.address() as AddressInfo);
        });
      }),
    close: async (graceMs) => {
      clearInterval(sweep);
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

function arrive(options: ListenerOptions, request: IncomingMessage, response: ServerResponse): void {
  const { shield } = options;
  const { headers } = request;
  const path = pathOf(request.url ?? '/');
  const reject = (error: WireError, more: Readonly<Record<string, string>> = NO_HEADERS): void => {
    if (options.isMcpPath(path)) refuse(response, { error, headers: more, close: hasBody(request) });
    else refusePlain(response, error, more);
  };
  const route = Object.hasOwn(options.routes, path) ? options.routes[path] : undefined;
  if (route?.hostExempt) return route.handle(request, response);
  const { host, origin } = headers;
  if (!shield.hostAllowed(host) || !shield.originAllowed(origin, host)) return reject(wireError('forbidden_origin'));
  if (route !== undefined) return route.handle(request, response);
  const cors = origin === undefined ? NO_HEADERS : corsHeaders(origin);
  if (request.method === 'OPTIONS' && origin !== undefined) {
    response.writeHead(204, preflightHeaders(origin)).end();
    return;
  }
  const address = request.socket.remoteAddress;
  const local = shield.isLocal({ peer: address, headers });
  const known = options.authenticate({ authorization: headers.authorization, local, address });
  if ('error' in known) return reject(known.error, { ...cors, ...known.headers });
  const endpoint = options.endpoint(path);
  if (endpoint === undefined) return reject(wireError('no_such_path'), cors);
  endpoint.handle({ request, response, principal: known, headers: cors });
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

/** The path as it was sent, without its query: it is compared whole and never decoded or normalised. */
function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
}

function capConnections(server: Server, max: number): void {
  const perAddress = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (perAddress.get(address) ?? 0) + 1;
    perAddress.set(address, count);
    socket.once('close', () => {
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
    if (count > max) endRaw(socket, '429 Too Many Requests', wireError('rate_limited', 'Too many connections.'));
  });
}

/** A request that never became one: broken framing, headers too large, too slow. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    endRaw(socket, '431 Request Header Fields Too Large', wireError('headers_too_large'));
  } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    endRaw(socket, '408 Request Timeout', wireError('timeout_body'));
  } else endRaw(socket, '400 Bad Request', wireError('invalid_request', 'This is not a valid HTTP request.'));
}

function endRaw(socket: Socket, status: string, error: WireError): void {
  if (!socket.writable) return void socket.destroy();
  const body = JSON.stringify({ jsonrpc: '2.0', error: error.error });
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroySoon(),
  );
}
