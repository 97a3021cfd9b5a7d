/**
 * The doors of a running gateway: the HTTP listener with all that stands behind its paths, and this process's stdio. Who may
 * come in is decided by what is given; what is answered, by the rooms.
 */

import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import {
  ConnectionTable,
  createListener,
  createSeats,
  createSseDoor,
  createWebSocketDoor,
  isLoopbackHost,
  LISTENER_LIMITS,
  McpEndpoint,
  openStdioDoor,
  SESSION_LIMITS,
  SessionTable,
  type Authenticate,
  type Endpoint,
  type Listener,
  type LocalClient,
  type Place,
  type Principal,
  type PublicRoute,
  type Seats,
  type Served,
  type Shield,
  type SseDoor,
  type StdioDoor,
  type UpgradeEndpoint,
} from '@sallyport/server';
import { MAX_JSON_MEMBERS, type ErrorKey, type MessageLimits } from '@sallyport/wire';
import { MESSAGES_PATH, SSE_PATH, type RoomOptions } from '../rooms.ts';
import { tlsOptions } from './tls-files.ts';

/** The folder of a client on this machine, percent-encoded. */
const PROJECT_HEADER = 'sallyport-project';

export interface DoorsOptions {
  readonly config: RoomOptions['config'];
  readonly served: Served;
  readonly shield: Shield;
  readonly authenticate: Authenticate;
  /** The canonical name of the place at a path and query, for somebody; undefined when there is none. */
  readonly place: (path: string, query: string, principal: Principal) => string | undefined;
  /** Another value as soon as `place` may give another answer for the same principal. */
  readonly edition: () => unknown;
  /** What stands at paths that are no MCP paths. */
  readonly admin: { get(path: string): Endpoint | undefined };
  /** What stands at a path without any credential. */
  readonly route: (path: string) => PublicRoute | undefined;
  readonly onRefused: (reason: ErrorKey, address: string | undefined) => void;
  readonly now: () => number;
}

export class Doors {
  readonly sessions: SessionTable;
  readonly connections: ConnectionTable;
  readonly #options: DoorsOptions;
  readonly #seats: Seats;
  readonly #messageLimits: MessageLimits;
  readonly #endpoint: McpEndpoint;
  readonly #webSocket: UpgradeEndpoint | undefined;
  readonly #sse: SseDoor | undefined;
  readonly #listener: Listener;
  #stdio: StdioDoor | undefined;

  constructor(options: DoorsOptions) {
    this.#options = options;
    const { config, now, served } = options;
    const { limits, listen } = config;
    this.#seats = createSeats(limits.streams);
    const seats = this.#seats;
    const maxBodyBytes = limits.bodyBytes;
    const messageLimits = { depth: limits.depth, batch: limits.batch, members: MAX_JSON_MEMBERS };
    this.#messageLimits = messageLimits;
    const localOf = (request: IncomingMessage): LocalClient | undefined => this.#localClient(request);
    this.sessions = new SessionTable(
      { ...SESSION_LIMITS, max: limits.sessions, ...config.sessions },
      {
        opened: (session) => served.sessionOpened(session),
        changed: (session, before) => served.sessionChanged(session, before),
        closed: (session) => served.sessionClosed(session),
      },
      now,
    );
    const { sessions } = this;
    const { resumeMs } = SESSION_LIMITS;
    this.#endpoint = new McpEndpoint({ served, sessions, seats, maxBodyBytes, messageLimits, resumeMs, localOf });
    const { absoluteMs } = config.sessions;
    this.connections = new ConnectionTable({ served, seats, messageLimits, absoluteMs, now, localOf });
    const { connections } = this;
    this.#webSocket = listen.websocket
      ? createWebSocketDoor({ connections, maxMessageBytes: maxBodyBytes })
      : undefined;
    this.#sse = listen.sse
      ? createSseDoor({ connections, messagesPath: MESSAGES_PATH, maxBodyBytes, messageLimits })
      : undefined;
    this.#listener = this.#createListener();
  }

  /** How many are open, by door. */
  open(): Readonly<Record<'http' | 'ws' | 'sse' | 'stdio', number>> {
    const { sse, ws } = this.connections.counts();
    return { http: this.#listener.sockets - ws - sse, ws, sse, stdio: this.#stdio === undefined ? 0 : 1 };
  }

  /** Rejects with the system's error. */
  listen(): Promise<AddressInfo> {
    const { host, port } = this.#options.config.listen;
    return this.#listener.listen(host, port);
  }

  serveStdio(input: Readable, output: Writable, principal: Principal, folder: string): StdioDoor {
    const { config, served } = this.#options;
    this.#stdio = openStdioDoor({
      input,
      output,
      served,
      principal,
      folder,
      maxLineBytes: config.limits.bodyBytes,
      messageLimits: this.#messageLimits,
    });
    return this.#stdio;
  }

  /** Of one principal; what is open stays. */
  limitStreams(streams: number): void {
    this.#seats.maxPerPrincipal = streams;
  }

  /** Certificates, authorities and revocation lists are other ones. Throws when they cannot be used: then the old ones stay. */
  reloadTls(): void {
    this.#listener.reloadTls();
  }

  /** Places may have changed: sessions at one that is not there for their principal any more end in order. */
  endDisplaced(): void {
    this.sessions.endWhere(({ endpoint, principal }) => {
      const [path = '', query = ''] = endpoint.split('?', 2);
      return this.#options.place(path, query, principal) !== endpoint;
    });
  }

  /** Credentials or places may have changed: whoever would not be let in now is cut off. */
  recheck(): void {
    this.#listener.recheck();
  }

  /** Lets nobody in any more. Resolves when all that was under way is answered, or after so many milliseconds. */
  async drain(graceMs: number): Promise<void> {
    // No call stands behind these streams: nothing is waited for.
    this.#endpoint.drain();
    this.connections.drain();
    this.#stdio?.drain();
    await Promise.all([this.#listener.close(graceMs), this.#stdio && within(this.#stdio.done, graceMs)]);
  }

  /** Cuts what is left. */
  close(): void {
    this.sessions.close();
    this.connections.close();
    this.#stdio?.close();
  }

  #createListener(): Listener {
    const { authenticate, config, edition, now, onRefused, route, shield } = this.#options;
    const { limits, listen } = config;
    return createListener({
      shield,
      authenticate,
      endpoint: (path, query, principal) => this.#place(path, query, principal),
      edition,
      opensWebSocket: (path) => listen.websocket && isBelow(path, listen.path),
      isMcpPath: (path) => isBelow(path, listen.path) || path === SSE_PATH || path === MESSAGES_PATH,
      route,
      tls: listen.tls && tlsOptions(listen.tls, needsCertificate(config)),
      onRefused,
      limits: {
        ...LISTENER_LIMITS,
        headerBytes: limits.headerBytes,
        headerTimeoutMs: limits.headerTimeoutMs,
        bodyTimeoutMs: limits.bodyTimeoutMs,
        connectionsPerAddress: limits.connections,
      },
      onSweep: () => {
        this.#endpoint.sweep(now());
        this.sessions.sweep();
        this.connections.sweep();
      },
    });
  }

  #place(path: string, query: string, principal: Principal): Place | undefined {
    if (path === SSE_PATH || path === MESSAGES_PATH) {
      const sse = this.#sse;
      if (path === MESSAGES_PATH) return sse && { name: SSE_PATH, endpoint: sse.messages };
      const name = this.#options.place(path, query, principal);
      return sse && name !== undefined ? { name, endpoint: sse.stream } : undefined;
    }
    const name = this.#options.place(path, query, principal);
    if (name !== undefined) return { name, endpoint: this.#endpoint, webSocket: this.#webSocket };
    const admin = this.#options.admin.get(path);
    return admin && { name: path, endpoint: admin };
  }

  #localClient({ headers, socket }: IncomingMessage): LocalClient | undefined {
    if (!this.#options.shield.isLocal({ peer: socket.remoteAddress, headers })) return undefined;
    const written = headers[PROJECT_HEADER];
    return { folder: typeof written === 'string' ? decoded(written) : undefined };
  }
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/**
 * Where there is no other way in, a connection without a certificate is not even made. On loopback there is one: the local
 * key, with which this machine's user asks how the gateway is, and stops it.
 */
function needsCertificate({ auth, listen }: RoomOptions['config']): boolean {
  return auth.modes.every((mode) => mode === 'mtls') && !isLoopbackHost(listen.host);
}

/** Text that is no percent-encoding names no folder, and is refused as one where a project is wanted. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** Waits for something, and no longer than so many milliseconds. */
export async function within(what: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([what, promise]);
  clearTimeout(timer);
}
