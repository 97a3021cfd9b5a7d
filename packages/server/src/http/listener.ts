/**
 * The HTTP listener: sockets, timeouts, caps, the checks that need no identity, and the way by path to an endpoint.
 * The order of the checks on a request is `#route`, `#serve` and `#enter`, top to bottom; one that would become a
 * WebSocket is no exception. It does not read bodies and knows neither MCP nor the WebSocket protocol.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { wireError, type WireError } from '@sallyport/wire';
import type { Authenticated } from '../auth/authenticate.ts';
import type { Arrival, PublicRoute } from './arrival.ts';
import { answerBrokenRequest, createConnectionCap, refuseConnection, refuseUpgrade } from './connections.ts';
import type { RemoteClient } from './forwarded.ts';
import { GuardedResponse, headTexts, isEncrypted } from './headers.ts';
import type { Listener, ListenerOptions } from './listener-options.ts';
import { OpenSockets } from './open-sockets.ts';
import { recheckVisit } from './recheck.ts';
import { endWith, refuse, refusePlain } from './refuse.ts';
import { corsHeaders, preflightHeaders } from './shield.ts';
import type { TlsFront } from './tls.ts';
import {
  arriving,
  asksTooMuch,
  targetOf,
  unanswered,
  VisitCredentials,
  type Judgement,
  type Target,
  type Visit,
} from './visit.ts';

export function createListener(options: ListenerOptions): Listener {
  GuardedResponse.check();
  const door = new Door(options);
  return {
    listen: (host, port) => door.listen(host, port),
    get sockets() {
      return door.sockets;
    },
    close: (graceMs) => door.close(graceMs),
    cut: () => door.cut(),
    recheck: () => door.recheck(),
    reloadTls: () => door.reloadTls(),
    take: (request, response) => door.take(request, response),
    takeUpgrade: (request, head) => door.takeUpgrade(request, head),
    inject: (stream) => door.inject(stream),
  };
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

class Door {
  readonly #options: ListenerOptions;
  readonly #server: Server<typeof IncomingMessage, typeof GuardedResponse>;
  readonly #sweep: NodeJS.Timeout;
  readonly #sockets: OpenSockets = new OpenSockets();
  /** Sockets on which nothing new is answered. */
  readonly #leaving: WeakSet<Socket> = new WeakSet();
  readonly #judgement: Judgement;
  #front: TlsFront | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { limits, shield } = options;
    this.#judgement = { shield, certificateOf: (socket) => this.#front?.certificateOf(socket) };
    const arrive = (request: IncomingMessage, response: GuardedResponse): void => this.#arrive(request, response);
    this.#server = createServer(
      {
        ServerResponse: GuardedResponse,
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
      answerBrokenRequest(error, socket, this.#sockets.last(socket)?.response),
    );
    this.#server.on('upgrade', (request: IncomingMessage, _socket: unknown, head: Buffer) =>
      this.#upgrade(request, head),
    );
    this.#server.on('connection', (socket: Socket) => this.#sockets.adopt(socket));
    this.#sweep = setInterval(options.onSweep, limits.sweepMs).unref();
  }

  get sockets(): number {
    return this.#sockets.size;
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    const server = this.#server;
    const { limits, shield, tls } = this.#options;
    const admit = createConnectionCap(limits.connectionsPerAddress, (address) => shield.isTrustedProxy(address));
    if (tls === undefined) {
      server.on('connection', (socket: Socket) => {
        if (!admit(socket)) refuseConnection(socket);
      });
    } else {
      // It takes longer to load than a start without it may.
      const { openTlsFront } = await import('./tls.ts');
      this.#front = openTlsFront(server, { ...tls, admit, handshakeMs: limits.headerTimeoutMs });
    }
    return await new Promise((resolve, reject) => {
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
    if (!server.listening) return await this.#sockets.answered(graceMs);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    // Sockets that become idle from now on are not waited for.
    server.keepAliveTimeout = 1;
    server.keepAliveTimeoutBuffer = 0;
    server.closeIdleConnections();
    this.#front?.close();
    for (const [socket, visit] of this.#sockets.entries()) {
      // To node:http a socket that has said nothing yet is not idle.
      if (visit === undefined) socket.destroy();
      else visit.response.shouldKeepAlive = false;
    }
    // What has become a WebSocket is none of the server's connections any more.
    const cut = setTimeout(() => this.cut(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  cut(): void {
    this.#sockets.cut();
  }

  recheck(): void {
    for (const [socket, visit] of this.#sockets.entries()) {
      for (let each = visit; each !== undefined; each = each.earlier) {
        recheckVisit(socket, each, this.#options, this.#judgement);
      }
    }
  }

  reloadTls(): void {
    const front = this.#front;
    if (front === undefined) throw new Error('This listener speaks no TLS.');
    if (!front.reload()) return;
    for (const [socket, visit] of this.#sockets.entries()) {
      if (front.certificateOf(socket) === undefined) continue;
      this.#leaving.add(socket);
      if (visit === undefined || visit.head !== undefined || visit.response.headersSent) socket.destroy();
      else visit.response.shouldKeepAlive = false;
    }
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    this.#sockets.adopt(request.socket, true);
    const heads = this.#options.heads ?? headTexts();
    for (const [name, value] of heads.each(this.#clientOf(request).secure)) response.setHeader(name, value);
    this.#arrive(request, Object.assign(response, { secure: false, heads }) as GuardedResponse);
  }

  takeUpgrade(request: IncomingMessage, head: Buffer): void {
    this.#sockets.adopt(request.socket, true);
    this.#upgrade(request, head);
  }

  inject(stream: Duplex): void {
    this.#server.emit('connection', stream);
  }

  #arrive(request: IncomingMessage, response: GuardedResponse, head?: Buffer): void {
    const { socket } = request;
    // A socket over the cap has had its answer. That it ends before it is read is the system's habit, not its promise.
    if (!socket.writable) return void socket.destroy();
    if (this.#leaving.has(socket)) return;
    const earlier = unanswered(this.#sockets.last(socket));
    const client = this.#clientOf(request);
    response.secure = client.secure;
    if (this.#options.heads !== undefined) response.heads = this.#options.heads;
    const visit = arriving({ request, response, client, head, earlier });
    this.#sockets.arrived(socket, visit);
    if (this.#closing !== undefined) response.shouldKeepAlive = false;
    try {
      this.#route(visit);
    } catch {
      this.#fail(visit);
    }
  }

  #clientOf({ headers, socket }: IncomingMessage): RemoteClient {
    const client = this.#options.shield.clientOf({ peer: socket.remoteAddress, headers });
    return isEncrypted(socket) ? { address: client.address, secure: true } : client;
  }

  /**
   * Whether a request leaves HTTP here. Not while an answer is still to be written on its socket: that would go into
   * the midst of the frames. Not with a body either: it would be taken for frames.
   */
  #becomesWebSocket(request: IncomingMessage): boolean {
    const { headers, method, socket } = request;
    if (method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket') return false;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return false;
    if (this.#sockets.last(socket)?.response.writableFinished === false) return false;
    const target = targetOf(request);
    return target !== undefined && this.#options.opensWebSocket(target.path);
  }

  /** The socket has left the server; what refuses a plain request refuses this one in the same words all the same. */
  #upgrade(request: IncomingMessage, head: Buffer): void {
    const { socket } = request;
    socket.on('error', () => {});
    // Node before 24.9 and 22.21 does not ask whether to upgrade.
    if (!this.#becomesWebSocket(request)) return refuseUpgrade(socket);
    const response = new GuardedResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    this.#arrive(request, response, head);
  }

  /** Speaks plain HTTP where TLS is spoken. */
  #isMisled(socket: Socket): boolean {
    return this.#options.tls !== undefined && !isEncrypted(socket);
  }

  #route(visit: Visit): void {
    const { client, request, response } = visit;
    const { cors, shield } = this.#options;
    const { host, origin } = request.headers;
    const target = targetOf(request);
    if (this.#isMisled(request.socket)) return this.#sendToTls(visit, target);
    // Only proxies are sent whole URLs: two names of a host would have to agree in all that follows.
    if (target === undefined) return this.#reject(visit, wireError('invalid_request', NO_PATH));
    const route = this.#options.route(target.path);
    if (route?.hostExempt === true) return route.handle(request, response, client);
    if (!shield.hostAllowed(host) || !shield.originAllowed(origin, host)) {
      return this.#reject(visit, wireError('forbidden_origin'));
    }
    if (origin !== undefined && request.method === 'OPTIONS') {
      const requested = request.headers['access-control-request-headers'];
      return void response.writeHead(204, preflightHeaders(origin, requested, cors)).end();
    }
    const headers = origin === undefined ? NO_HEADERS : corsHeaders(origin, cors);
    this.#admit(visit, target, headers, route);
  }

  /** From here on what a page of another origin may read is known, also of a refusal. */
  #admit(
    visit: Visit,
    target: Target,
    headers: Readonly<Record<string, string>>,
    route: PublicRoute | undefined,
  ): void {
    const { client, request, response } = visit;
    const refused = this.#options.admit?.(client);
    if (refused !== undefined) return this.#reject(visit, refused.error, { ...headers, ...refused.headers });
    if (route === undefined) return this.#serve(visit, target, headers);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    route.handle(request, response, client);
  }

  #sendToTls(visit: Visit, target: Target | undefined): void {
    const { request, response } = visit;
    const { host } = request.headers;
    if (target === undefined || !this.#options.shield.hostAllowed(host)) {
      return this.#reject(visit, wireError('invalid_request', TLS_ALONE));
    }
    endWith(response, 308, { location: `https://${host}${request.url}` }, '');
  }

  #serve(visit: Visit, target: Target, headers: Readonly<Record<string, string>>): void {
    if (asksTooMuch(visit)) return this.#reject(visit, wireError('rate_limited'), { ...headers, 'retry-after': '1' });
    const found = this.#options.authenticate(new VisitCredentials(visit, this.#judgement));
    if (found instanceof Promise) void this.#await(visit, target, headers, found);
    else this.#enter(visit, target, headers, found);
  }

  async #await(
    visit: Visit,
    target: Target,
    headers: Readonly<Record<string, string>>,
    pending: Promise<Authenticated>,
  ): Promise<void> {
    const { socket } = visit.request;
    visit.asking = true;
    try {
      const found = await pending;
      // Meanwhile its client may have gone, or have been told that it was too slow.
      if (!socket.writable || this.#leaving.has(socket)) socket.destroy();
      else this.#enter(visit, target, headers, found);
    } catch {
      this.#fail(visit);
    } finally {
      visit.asking = false;
    }
  }

  #enter(
    visit: Visit,
    { path, query }: Target,
    headers: Readonly<Record<string, string>>,
    principal: Authenticated,
  ): void {
    const { client, head, request, response } = visit;
    if ('error' in principal) return this.#reject(visit, principal.error, { ...headers, ...principal.headers });
    visit.principal = principal;
    const { edition, endpoint, onRefused } = this.#options;
    visit.edition = edition();
    const place = endpoint(path, query, principal);
    visit.at = place?.name;
    if (place === undefined) return this.#reject(visit, wireError('no_such_path'), headers);
    const { address, secure } = client;
    const { name } = place;
    const arrival: Arrival = { request, response, principal, endpoint: name, address, secure, headers, onRefused };
    if (head === undefined || place.webSocket === undefined) place.endpoint.handle(arrival);
    else place.webSocket.upgrade({ ...arrival, head });
  }

  /** Nothing may be known of the caller: no more is said than that it failed. */
  #fail(visit: Visit): void {
    if (visit.response.headersSent) visit.response.destroy();
    else this.#reject(visit, wireError('internal'));
  }

  #reject(visit: Visit, error: WireError, headers: Readonly<Record<string, string>> = NO_HEADERS): void {
    const { client, request, response } = visit;
    this.#options.onRefused?.(error.key, client.address);
    if (this.#options.isMcpPath(targetOf(request)?.path ?? '')) refuse(response, { error, headers });
    else refusePlain(response, error, headers);
  }
}

const NO_PATH = 'The request target must be a path.';
const TLS_ALONE = 'This is spoken over TLS alone.';
