/**
 * The doors over HTTP of one `Served`: the listener with all that stands behind its paths, whoever accepts the sockets. Who may
 * come in is for identity.ts, what is answered for the one that is served.
 */

import { ConnectionTable } from '../connection/table.ts';
import { createSeats } from '../connection/seats.ts';
import { isObject, wireError } from '@sallyport/wire';
import type { NotAdmitted, Served } from '../exchange.ts';
import type { Place, PublicRoute, UpgradeEndpoint } from '../http/arrival.ts';
import { createListener } from '../http/listener.ts';
import type { Listener } from '../http/listener-options.ts';
import { McpEndpoint } from '../http/mcp-endpoint.ts';
import { refuseArrival, refusePlain } from '../http/refuse.ts';
import { createSseDoor, type SseDoor } from '../http/sse.ts';
import type { TlsOptions } from '../http/tls-options.ts';
import { createWebSocketDoor } from '../http/web-socket.ts';
import { SessionTable } from '../sessions.ts';
import { askAuthor } from '../framework/author.ts';
import type { Identity } from './identity.ts';
import { guardStore } from './kept-sessions.ts';
import { MESSAGES_PATH, SSE_PATH } from './options.ts';
import type { Rates } from './rates.ts';
import { checkPlaces } from './route-checks.ts';
import { createRoutes, type Routes } from './routes.ts';
import type { Settled } from './settle.ts';

export interface DoorsOptions {
  readonly settled: Settled;
  /** With its limits and counts. */
  readonly served: Served;
  readonly identity: Identity;
  readonly rates: Rates | undefined;
  readonly tls?: TlsOptions | undefined;
}

/** How often what other processes changed is taken over, and open streams are asked again who they are. */
const REFRESH_MS = 500;

export class Doors {
  readonly listener: Listener;
  readonly sessions: SessionTable;
  readonly connections: ConnectionTable;
  /** Requests that were refused before they became calls, by the reason. */
  readonly refused: Map<string, number> = new Map();
  readonly #options: DoorsOptions;
  readonly #endpoint: McpEndpoint;
  readonly #webSocket: UpgradeEndpoint | undefined;
  readonly #sse: SseDoor | undefined;
  readonly #routes: Routes;
  readonly #refresh: NodeJS.Timeout;

  constructor(options: DoorsOptions) {
    this.#options = options;
    const { served, settled } = options;
    const { bodyBytes, log, messageLimits, now, place, sessionLimits, shield } = settled;
    const seats = createSeats(settled.streamsPerPrincipal);
    const localOf: NonNullable<ConstructorParameters<typeof McpEndpoint>[0]['localOf']> = ({ headers, socket }) =>
      shield.isLocal({ peer: socket.remoteAddress, headers }) ? HERE : undefined;
    this.sessions = new SessionTable(
      sessionLimits,
      {
        opened: (session) => served.sessionOpened(session),
        changed: (session, before) => served.sessionChanged(session, before),
        closed: (session) => served.sessionClosed(session),
      },
      now,
      place.sessions?.store && guardStore(place.sessions.store, log),
    );
    const { sessions } = this;
    const { absoluteMs, resumeMs } = sessionLimits;
    const limits = { maxBodyBytes: bodyBytes, messageLimits };
    this.#endpoint = new McpEndpoint({ ...limits, served, sessions, seats, resumeMs, localOf });
    this.connections = new ConnectionTable({
      served,
      seats,
      messageLimits,
      absoluteMs,
      now,
      localOf,
      admit: options.rates && ((client) => this.#arrived(client)),
    });
    const { connections } = this;
    if (place.websocket === true) this.#webSocket = createWebSocketDoor({ connections, maxMessageBytes: bodyBytes });
    if (place.sse === true) this.#sse = createSseDoor({ ...limits, connections, messagesPath: MESSAGES_PATH });
    this.#routes = this.#createRoutes();
    this.listener = this.#createListener();
    this.#refresh = setInterval(() => void this.#recheck(), REFRESH_MS).unref();
  }

  /** Responses and streams of the MCP endpoint under way. */
  get underWay(): number {
    return this.#endpoint.open;
  }

  /** Whether something of this server stands at a path, for whoever shares its paths with others. */
  owns(path: string): boolean {
    if (this.#isMcpPath(path) || this.#route(path) !== undefined) return true;
    return this.#routes.closed(path) !== undefined;
  }

  /** Lets nobody in any more. Resolves when all that was under way is answered, or after so many milliseconds. */
  async drain(graceMs: number): Promise<void> {
    this.#endpoint.drain();
    this.connections.drain();
    await this.listener.close(graceMs);
  }

  /** Cuts what is left. */
  close(): void {
    clearInterval(this.#refresh);
    this.sessions.close();
    this.connections.close();
  }

  /** A request over a WebSocket, which does not come by the listener. */
  #arrived(client: { readonly address: string | undefined }): NotAdmitted | undefined {
    const refused = this.#options.rates?.arrival(client);
    if (refused !== undefined) this.#countRefused('rate_limited');
    return refused;
  }

  #countRefused(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  async #recheck(): Promise<void> {
    try {
      await this.#options.identity.refresh();
    } catch (error) {
      this.#options.settled.log('error', 'credentials could not be read again', { error });
    }
    this.listener.recheck();
  }

  #createListener(): Listener {
    const { identity, rates, settled, tls } = this.#options;
    const { cors, heads, listenerLimits, now, shield } = settled;
    return createListener({
      shield,
      authenticate: identity.authenticate,
      endpoint: (path, query) => this.#place(path, query),
      edition: () => undefined,
      opensWebSocket: (path) => this.#webSocket !== undefined && path === settled.path,
      isMcpPath: (path) => this.#isMcpPath(path),
      route: (path) => this.#route(path),
      tls,
      limits: listenerLimits,
      admit: rates?.arrival,
      heads,
      cors,
      onRefused: (reason) => this.#countRefused(reason),
      onSweep: () => {
        this.#endpoint.sweep(now());
        this.sessions.sweep();
        this.connections.sweep();
      },
    });
  }

  /** Throws a ServeError for one that could not be served. */
  #createRoutes(): Routes {
    const { identity, settled } = this.#options;
    const { log, path, place } = settled;
    const { routes = [] } = place;
    const taken = [path, settled.health, ...(place.sse === true ? [SSE_PATH, MESSAGES_PATH] : [])];
    checkPlaces({
      routes,
      taken: taken.filter((each) => each !== undefined),
      isTaken: (each) => identity.route(each) !== undefined,
      hasBrowser: identity.browser !== undefined,
    });
    return createRoutes({ routes, challenge: identity.challenge, browser: () => identity.browser, log });
  }

  #isMcpPath(path: string): boolean {
    const { path: own, place } = this.#options.settled;
    return path === own || (place.sse === true && (path === SSE_PATH || path === MESSAGES_PATH));
  }

  #place(path: string, query: string): Place | undefined {
    if (path === this.#options.settled.path) {
      return this.#asked({ name: path, endpoint: this.#endpoint, webSocket: this.#webSocket }, query);
    }
    if (this.#sse !== undefined && path === SSE_PATH) {
      return this.#asked({ name: SSE_PATH, endpoint: this.#sse.stream }, query);
    }
    if (this.#sse !== undefined && path === MESSAGES_PATH) return { name: SSE_PATH, endpoint: this.#sse.messages };
    return this.#routes.closed(path);
  }

  /** The place as the query of a request makes it. */
  #asked(place: Place, query: string): Place {
    const { log, place: options } = this.#options.settled;
    const { query: read } = options;
    if (read === undefined || query === '') return place;
    const failed = (error: unknown): void => log('error', 'the function `query` failed', { error });
    const more: unknown = askAuthor(() => read(new URLSearchParams(query)), failed);
    if (typeof more === 'string') return more === '' ? place : { ...place, name: `${place.name}?${more}` };
    const words = isObject(more) ? more['refused'] : undefined;
    const refused = typeof words === 'string' ? wireError('invalid_request', words) : wireError('internal');
    return { name: place.name, endpoint: { handle: (arrival) => refuseArrival(arrival, refused) } };
  }

  #route(path: string): PublicRoute | undefined {
    const { identity, settled } = this.#options;
    if (path === settled.health) return WELL;
    const own = identity.route(path);
    if (own !== undefined) return own;
    const open = this.#routes.open(path);
    return open === undefined ? identity.absent(path) : identity.known(open);
  }
}

const HERE = { folder: undefined };

const WELL_BODY = '{"status":"ok"}';

/** The same for everybody, whatever host they ask for: nothing stands in it. Where nobody is let in any more there is none. */
const WELL: PublicRoute = {
  hostExempt: true,
  handle: (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
    }
    const head = { 'content-type': 'application/json', 'content-length': WELL_BODY.length };
    response.writeHead(200, head).end(request.method === 'HEAD' ? undefined : WELL_BODY);
  },
};
