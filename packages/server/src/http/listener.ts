/**
 * The HTTP listener: sockets, timeouts, caps, the checks that need no identity, and the way by path to an endpoint.
 * The order of the checks on a request is `#route` and `#serve`, top to bottom. It does not read bodies and knows no MCP.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { MAX_HEADER_BYTES, wireError, type WireError } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';
import type { Arrival } from './arrival.ts';
import { answerBrokenRequest, capConnections } from './connections.ts';
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
  /** The connection, as something to remember it by. */
  readonly connection: object;
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
  /** Stops accepting and resolves when the last response is done, or after `graceMs`, when the rest is cut. Idempotent. */
  close(graceMs: number): Promise<void>;
}

export function createListener(options: ListenerOptions): Listener {
  const door = new Door(options);
  return { listen: (host, port) => door.listen(host, port), close: (graceMs) => door.close(graceMs) };
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

class Door {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sweep: NodeJS.Timeout;
  readonly #sockets: Set<Socket> = new Set();
  /** The last response of each socket. */
  readonly #responses: WeakMap<Socket, ServerResponse> = new WeakMap();
  #closing: Promise<void> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { limits } = options;
    const arrive = (request: IncomingMessage, response: ServerResponse): void => this.#arrive(request, response);
    this.#server = createServer(
      {
        maxHeaderSize: limits.headerBytes,
        headersTimeout: limits.headerTimeoutMs,
        requestTimeout: limits.headerTimeoutMs + limits.bodyTimeoutMs,
        connectionsCheckingInterval: Math.min(1000, limits.headerTimeoutMs),
        keepAliveTimeout: 65_000,
        noDelay: true,
        // A second Host, Authorization or Content-Type is joined to the first, which no check takes for one value.
        joinDuplicateHeaders: true,
        // Without a Host the answer is the shield's.
        requireHostHeader: false,
      },
      arrive,
    );
    // Whoever wants the body asks for it, once it is known to be wanted; what else is expected is not known here
    // (RFC 9110 §10.1.1).
    this.#server.on('checkContinue', arrive).on('checkExpectation', arrive);
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      answerBrokenRequest(error, socket, this.#responses.get(socket)),
    );
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    capConnections(this.#server, limits.connectionsPerAddress);
    this.#sweep = setInterval(options.onSweep, limits.sweepMs).unref();
  }

  listen(host: string, port: number): Promise<AddressInfo> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: 1024 }, () => {
        server.off('error', reject);
        // A connection that could not be accepted (no descriptors left) is its client's trouble alone.
        server.on('error', () => {});
        resolve(server.address() as AddressInfo);
      });
    });
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    clearInterval(this.#sweep);
    const server = this.#server;
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    // Sockets that become idle from now on are not waited for.
    server.keepAliveTimeout = 1;
    server.keepAliveTimeoutBuffer = 0;
    server.closeIdleConnections();
    // To node:http a socket that has said nothing yet is not idle.
    for (const socket of this.#sockets) if (!this.#responses.has(socket)) socket.destroy();
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  #arrive(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    // A socket over the cap has had its answer. That it ends before it is read is the system's habit, not its promise.
    if (!socket.writable) return void socket.destroy();
    this.#responses.set(socket, response);
    if (this.#closing !== undefined) response.shouldKeepAlive = false;
    try {
      this.#route(request, response);
    } catch {
      // Nothing is known of the caller: no more is said than that it failed.
      if (response.headersSent) response.destroy();
      else this.#reject(request, response, wireError('internal'));
    }
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const { shield, routes } = this.#options;
    const { host, origin } = request.headers;
    const path = pathOf(request);
    // Only proxies are sent whole URLs: two names of a host would have to agree in all that follows.
    if (path === undefined) return this.#reject(request, response, wireError('invalid_request', NO_PATH));
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route?.hostExempt === true) return route.handle(request, response);
    if (!shield.hostAllowed(host) || !shield.originAllowed(origin, host)) {
      return this.#reject(request, response, wireError('forbidden_origin'));
    }
    if (route !== undefined) return route.handle(request, response);
    if (origin === undefined) return this.#serve(path, request, response, NO_HEADERS);
    if (request.method === 'OPTIONS') {
      const requested = request.headers['access-control-request-headers'];
      response.writeHead(204, preflightHeaders(origin, requested)).end();
    } else this.#serve(path, request, response, corsHeaders(origin));
  }

  #serve(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ): void {
    const { authenticate, endpoint, shield } = this.#options;
    const principal = authenticate(new RequestCredentials(request, shield));
    if ('error' in principal) {
      return this.#reject(request, response, principal.error, { ...headers, ...principal.headers });
    }
    const found = endpoint(path);
    if (found === undefined) return this.#reject(request, response, wireError('no_such_path'), headers);
    found.handle({ request, response, principal, headers });
  }

  #reject(
    request: IncomingMessage,
    response: ServerResponse,
    error: WireError,
    headers: Readonly<Record<string, string>> = NO_HEADERS,
  ): void {
    if (this.#options.isMcpPath(pathOf(request) ?? '')) refuse(response, { error, headers });
    else refusePlain(response, error, headers);
  }
}

const NO_PATH = 'The request target must be a path.';

/** The path as it was sent, without its query: it is compared whole and never decoded or normalised. */
function pathOf({ url = '' }: IncomingMessage): string | undefined {
  if (!url.startsWith('/')) return undefined;
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

/** What is costly to know is found out when it is asked. */
class RequestCredentials implements Credentials {
  readonly authorization: string | undefined;
  readonly #request: IncomingMessage;
  readonly #shield: Shield;

  constructor(request: IncomingMessage, shield: Shield) {
    this.authorization = request.headers.authorization;
    this.#request = request;
    this.#shield = shield;
  }

  get connection(): object {
    return this.#request.socket;
  }

  get address(): string | undefined {
    return this.#request.socket.remoteAddress;
  }

  get local(): boolean {
    return this.#shield.isLocal({ peer: this.address, headers: this.#request.headers });
  }
}
