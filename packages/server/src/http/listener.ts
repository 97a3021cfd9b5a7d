/**
 * The HTTP listener: sockets, timeouts, caps, the checks that need no identity, and the way by path to an endpoint.
 * The order of the checks on a request is `#route` and `#serve`, top to bottom; one that would become a WebSocket is no
 * exception. It does not read bodies and knows neither MCP nor the WebSocket protocol.
 */

import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { MAX_HEADER_BYTES, wireError, type ErrorKey, type WireError } from '@sallyport/wire';
import { principalKey, type Principal } from '../exchange.ts';
import type { Arrival, UpgradeArrival } from './arrival.ts';
import { answerBrokenRequest, capConnections, refuseUpgrade } from './connections.ts';
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
  /** What stands at a path, for callers who are known; undefined when there is nothing. `query` is without its `?`. */
  readonly endpoint: (path: string, query: string) => Place | undefined;
  /** Paths on which errors are JSON-RPC errors. */
  readonly isMcpPath: (path: string) => boolean;
  /** Exact paths that need no credential; `hostExempt` ones are answered whatever the Host header says. */
  readonly routes: Readonly<Record<string, { readonly handle: PublicRoute; readonly hostExempt: boolean }>>;
  readonly limits: ListenerLimits;
  /** A request ended without having become a call. */
  readonly onRefused?: (reason: ErrorKey) => void;
  /** Called every `sweepMs`: heartbeats, expiry. */
  readonly onSweep: () => void;
}

/** Something that is served, under the name that its sessions and calls carry. Several may share an endpoint. */
export interface Place {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Without it a request to upgrade is answered like any other (RFC 9110 §7.8). */
  readonly webSocket?: UpgradeEndpoint | undefined;
}

/** What answers at a path once the caller is known. */
export interface Endpoint {
  handle(arrival: Arrival): void;
}

/** What takes over the sockets of requests that become WebSockets. */
export interface UpgradeEndpoint {
  upgrade(arrival: UpgradeArrival): void;
}

export interface Listener {
  /** Begins to accept. Rejects with the system's error (EADDRINUSE, EACCES …). */
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Sockets that are open. */
  readonly sockets: number;
  /** Stops accepting and resolves when the last response is done, or after `graceMs`, when the rest is cut. Idempotent. */
  close(graceMs: number): Promise<void>;
  /**
   * Asks again for the credential of every request that is still being answered and of every WebSocket, and cuts those
   * that would not be let in now, or as somebody else. Meant to run whenever credentials may have changed, and every
   * second or less, because they expire.
   */
  recheck(): void;
}

export function createListener(options: ListenerOptions): Listener {
  const door = new Door(options);
  return {
    listen: (host, port) => door.listen(host, port),
    get sockets() {
      return door.sockets;
    },
    close: (graceMs) => door.close(graceMs),
    recheck: () => door.recheck(),
  };
}

/** A request, and what became known of it. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What came behind the head of a request that becomes a WebSocket. */
  readonly head: Buffer | undefined;
  /** The one before on the same socket, when this one came before that was answered. */
  earlier: Visit | undefined;
  principal: Principal | undefined;
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

class Door {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sweep: NodeJS.Timeout;
  /** All sockets, each with its last visit. */
  readonly #sockets: Map<Socket, Visit | undefined> = new Map();
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
        shouldUpgradeCallback: (request) => this.#becomesWebSocket(request),
      },
      arrive,
    );
    // Whoever wants the body asks for it, once it is known to be wanted; what else is expected is not known here
    // (RFC 9110 §10.1.1).
    this.#server.on('checkContinue', arrive).on('checkExpectation', arrive);
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      answerBrokenRequest(error, socket, this.#sockets.get(socket)?.response),
    );
    this.#server.on('upgrade', (request: IncomingMessage, _socket: unknown, head: Buffer) =>
      this.#upgrade(request, head),
    );
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.set(socket, undefined);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    capConnections(this.#server, limits.connectionsPerAddress);
    this.#sweep = setInterval(options.onSweep, limits.sweepMs).unref();
  }

  get sockets(): number {
    return this.#sockets.size;
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
    for (const [socket, visit] of this.#sockets) {
      // To node:http a socket that has said nothing yet is not idle.
      if (visit === undefined) socket.destroy();
      else visit.response.shouldKeepAlive = false;
    }
    // What has become a WebSocket is none of the server's connections any more.
    const cut = setTimeout(() => {
      for (const socket of this.#sockets.keys()) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cut);
  }

  recheck(): void {
    for (const [socket, visit] of this.#sockets) {
      for (let each = visit; each !== undefined; each = each.earlier) if (!this.#holds(each)) socket.destroy();
    }
  }

  /** False when somebody is served who would not be let in now, or as somebody else. */
  #holds({ principal, request, response }: Visit): boolean {
    if (principal === undefined || response.writableEnded) return true;
    const { authenticate, shield } = this.#options;
    return isSameCaller(principal, authenticate(new RequestCredentials(request, shield)));
  }

  #arrive(request: IncomingMessage, response: ServerResponse, head?: Buffer): void {
    const { socket } = request;
    // A socket over the cap has had its answer. That it ends before it is read is the system's habit, not its promise.
    if (!socket.writable) return void socket.destroy();
    const earlier = unanswered(this.#sockets.get(socket));
    const visit: Visit = { request, response, head, earlier, principal: undefined };
    this.#sockets.set(socket, visit);
    if (this.#closing !== undefined) response.shouldKeepAlive = false;
    try {
      this.#route(visit);
    } catch {
      // Nothing is known of the caller: no more is said than that it failed.
      if (response.headersSent) response.destroy();
      else this.#reject(visit, wireError('internal'));
    }
  }

  /**
   * Whether a request leaves HTTP here. Not while an answer is still to be written on its socket: that would go into
   * the midst of the frames. Not with a body either: it would be taken for frames.
   */
  #becomesWebSocket(request: IncomingMessage): boolean {
    const { headers, method, socket } = request;
    if (method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket') return false;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return false;
    if (this.#sockets.get(socket)?.response.writableFinished === false) return false;
    const target = targetOf(request);
    try {
      return target !== undefined && this.#options.endpoint(target.path, target.query)?.webSocket !== undefined;
    } catch {
      // It fails once more as the plain request that it is then, and is answered there.
      return false;
    }
  }

  /** The socket has left the server; what refuses a plain request refuses this one in the same words all the same. */
  #upgrade(request: IncomingMessage, head: Buffer): void {
    const { socket } = request;
    socket.on('error', () => {});
    // Node before 24.9 and 22.21 does not ask whether to upgrade.
    if (!this.#becomesWebSocket(request)) return refuseUpgrade(socket);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    this.#arrive(request, response, head);
  }

  #route(visit: Visit): void {
    const { request, response } = visit;
    const { shield, routes } = this.#options;
    const { host, origin } = request.headers;
    const target = targetOf(request);
    // Only proxies are sent whole URLs: two names of a host would have to agree in all that follows.
    if (target === undefined) return this.#reject(visit, wireError('invalid_request', NO_PATH));
    const route = Object.hasOwn(routes, target.path) ? routes[target.path] : undefined;
    if (route?.hostExempt === true) return route.handle(request, response);
    if (!shield.hostAllowed(host) || !shield.originAllowed(origin, host)) {
      return this.#reject(visit, wireError('forbidden_origin'));
    }
    if (route !== undefined) return route.handle(request, response);
    if (origin === undefined) return this.#serve(visit, target, NO_HEADERS);
    if (request.method === 'OPTIONS') {
      const requested = request.headers['access-control-request-headers'];
      response.writeHead(204, preflightHeaders(origin, requested)).end();
    } else this.#serve(visit, target, corsHeaders(origin));
  }

  #serve(visit: Visit, { path, query }: Target, headers: Readonly<Record<string, string>>): void {
    const { head, request, response } = visit;
    const { authenticate, endpoint, shield } = this.#options;
    const principal = authenticate(new RequestCredentials(request, shield));
    if ('error' in principal) return this.#reject(visit, principal.error, { ...headers, ...principal.headers });
    visit.principal = principal;
    const place = endpoint(path, query);
    if (place === undefined) return this.#reject(visit, wireError('no_such_path'), headers);
    const { onRefused } = this.#options;
    const arrival: Arrival = { request, response, principal, endpoint: place.name, headers, onRefused };
    if (head === undefined || place.webSocket === undefined) place.endpoint.handle(arrival);
    else place.webSocket.upgrade({ ...arrival, head });
  }

  #reject(visit: Visit, error: WireError, headers: Readonly<Record<string, string>> = NO_HEADERS): void {
    const { request, response } = visit;
    this.#options.onRefused?.(error.key);
    if (this.#options.isMcpPath(targetOf(request)?.path ?? '')) refuse(response, { error, headers });
    else refusePlain(response, error, headers);
  }
}

/** A visit that is not answered yet, without those before it that are: or a busy socket would keep all of its visits. */
function unanswered(visit: Visit | undefined): Visit | undefined {
  for (let each = visit; each !== undefined; each = each.earlier) {
    while (each.earlier?.response.writableFinished === true) each.earlier = each.earlier.earlier;
  }
  return visit?.response.writableFinished === false ? visit : visit?.earlier;
}

const NO_PATH = 'The request target must be a path.';

interface Target {
  /** As it was sent: it is compared whole and never decoded or normalised. */
  readonly path: string;
  readonly query: string;
}

/** Undefined when a request asks for no path. */
function targetOf({ url = '' }: IncomingMessage): Target | undefined {
  if (!url.startsWith('/')) return undefined;
  const mark = url.indexOf('?');
  return mark === -1 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

/** True for one who has the same name and may do the same. */
function isSameCaller(before: Principal, now: Principal | Unauthenticated): boolean {
  if (now === before) return true;
  if ('error' in now || principalKey(now) !== principalKey(before)) return false;
  return now.roles.length === before.roles.length && now.roles.every((role, at) => role === before.roles[at]);
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
