/**
 * A running gateway: provision, start, drain, stop. It is the only holder of state; what it is made of stands in
 * modules.ts, and what happens to a call in pipeline.ts.
 */

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import {
  createFailureLimit,
  createKeyAuthenticate,
  createKeyTable,
  createListener,
  createShield,
  LISTENER_LIMITS,
  McpEndpoint,
  openStdioDoor,
  refusePlain,
  SESSION_LIMITS,
  SessionTable,
  type Authenticate,
  type KeyTable,
  type Listener,
  type Principal,
  type PublicRoute,
  type StdioDoor,
} from '@sallyport/server';
import { MAX_JSON_MEMBERS, wireError, type MessageLimits } from '@sallyport/wire';
import { createAdminEndpoints, sendJson } from './admin-endpoints.ts';
import type { Config } from './config/index.ts';
import { deriveKey, openLocalKey, openMasterKey } from './credentials/index.ts';
import { answerChallenge, CHALLENGE_PATH } from './daemon.ts';
import { createRooms, type Rooms } from './modules.ts';
import { createKeyStorage } from './store/key-storage.ts';
import type { Store } from './store/index.ts';
import { createMemoryStore } from './store/memory.ts';
import type { Log } from './telemetry/index.ts';

export interface GatewayOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where state is kept. Undefined: nowhere, which goes with the memory store and no authentication alone. */
  readonly stateDirectory: string | undefined;
  readonly version: string;
  readonly log: Log;
  readonly now: () => number;
}

export interface Gateway {
  /** The key of this machine's user; undefined when no authentication is wanted. */
  readonly localKey: string | undefined;
  readonly rooms: Rooms;
  /** Opens the HTTP door. Resolves with the address that it got. */
  listen(): Promise<AddressInfo>;
  /** Serves one client over this process's stdio. */
  serveStdio(input: Readable, output: Writable): StdioDoor;
  /** Stops in order: no new calls, those under way end, children are given their time. Idempotent. */
  close(): Promise<void>;
  /** Ends all children now: for a process that is about to end anyway. */
  destroy(): void;
}

const LOCAL: Principal = { issuer: 'local', subject: 'local', roles: [] };
/** How often keys that another process created or revoked are taken over. */
const KEY_REFRESH_MS = 500;

/** Provisions everything and starts nothing but what must be known first. Rejects with an error for a person. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, env, stateDirectory, log, now } = options;
  const master =
    stateDirectory === undefined
      ? createSecretKey(randomBytes(32))
      : await openMasterKey({ directory: stateDirectory, env });
  const store = await openStore(options);
  const rooms = createRooms({
    config,
    env,
    store,
    log,
    now,
    info: { name: 'sallyport', title: 'Sallyport', version: options.version },
    cursorKey: deriveKey(master, 'cursor'),
    handleKey: deriveKey(master, 'handle'),
  });
  await rooms.catalog.open();
  const localKey = config.auth.mode === 'key' ? await openLocalKey({ directory: need(stateDirectory) }) : undefined;
  const keys = localKey === undefined ? undefined : await openKeys(store, master, localKey, now);
  return new RunningGateway({
    options,
    store,
    rooms,
    challengeKey: deriveKey(master, 'daemon-challenge'),
    localKey,
    keys,
  });
}

function need(stateDirectory: string | undefined): string {
  if (stateDirectory === undefined) throw new Error('Keys need a state directory.');
  return stateDirectory;
}

async function openStore({ config, stateDirectory, now }: GatewayOptions): Promise<Store> {
  if (config.store === 'memory') return createMemoryStore({ now });
  const { openSqliteStore } = await import('./store/sqlite.ts');
  return await openSqliteStore({ path: join(need(stateDirectory), 'state.db'), now });
}

/** The keys of clients over a store; the local key is one of them. */
export async function openKeys(
  store: Store,
  master: KeyObject,
  localKey: string,
  now: () => number,
): Promise<KeyTable> {
  const table = createKeyTable({
    storage: createKeyStorage(store),
    hmacKey: deriveKey(master, 'client-key'),
    now,
    random: randomBytes,
    localKey,
  });
  await table.refresh();
  return table;
}

interface Parts {
  readonly options: GatewayOptions;
  readonly store: Store;
  readonly rooms: Rooms;
  readonly challengeKey: KeyObject;
  readonly localKey: string | undefined;
  readonly keys: KeyTable | undefined;
}

class RunningGateway implements Gateway {
  readonly localKey: string | undefined;
  readonly rooms: Rooms;
  readonly #parts: Parts;
  readonly #sessions: SessionTable;
  readonly #endpoint: McpEndpoint;
  #listener: Listener | undefined;
  #port = 0;
  #door: StdioDoor | undefined;
  #refresh: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #draining = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.localKey = parts.localKey;
    this.rooms = parts.rooms;
    const { config, now } = parts.options;
    const { served } = parts.rooms;
    this.#sessions = new SessionTable(
      { ...SESSION_LIMITS, max: config.limits.sessions, ...config.sessions },
      { opened: (session) => served.sessionOpened(session), closed: (session) => served.sessionClosed(session) },
      now,
    );
    this.#endpoint = new McpEndpoint({
      endpoint: config.listen.path,
      served,
      sessions: this.#sessions,
      maxBodyBytes: config.limits.bodyBytes,
      messageLimits: this.#messageLimits,
      resumeMs: SESSION_LIMITS.resumeMs,
    });
  }

  async listen(): Promise<AddressInfo> {
    const { config, env, now, log } = this.#parts.options;
    const { listen, limits } = config;
    const shield = createShield({
      ...listen,
      publicUrl: listen.publicUrl === undefined ? undefined : new URL(listen.publicUrl),
    });
    const admin = createAdminEndpoints({
      config,
      env,
      rooms: this.rooms,
      isOwn: ({ request, principal }) =>
        principal.subject === LOCAL.subject &&
        shield.isLocal({ peer: request.socket.remoteAddress, headers: request.headers }),
    });
    const listener = createListener({
      shield,
      authenticate: this.#authenticate(),
      endpoint: (path) => (path === listen.path ? this.#endpoint : admin.get(path)),
      isMcpPath: (path) => path === listen.path || path.startsWith(`${listen.path}/`),
      routes: {
        '/healthz': { handle: constantRoute(200, () => '{"status":"ok"}'), hostExempt: true },
        '/readyz': { handle: (request, response) => this.#ready(request, response), hostExempt: true },
        [CHALLENGE_PATH]: { handle: (request, response) => this.#challenge(request, response), hostExempt: false },
      },
      limits: {
        ...LISTENER_LIMITS,
        headerBytes: limits.headerBytes,
        headerTimeoutMs: limits.headerTimeoutMs,
        bodyTimeoutMs: limits.bodyTimeoutMs,
        connectionsPerAddress: limits.connections,
      },
      onSweep: () => {
        this.#endpoint.sweep(now());
        this.#sessions.sweep();
      },
    });
    const address = await listener.listen(listen.host, listen.port);
    this.#listener = listener;
    this.#port = address.port;
    const { keys } = this.#parts;
    if (keys !== undefined) {
      this.#refresh = setInterval(() => {
        keys
          .refresh()
          .catch((error: unknown) => log('error', 'the keys could not be read again', { error: String(error) }));
      }, KEY_REFRESH_MS).unref();
    }
    this.#startEager();
    return address;
  }

  serveStdio(input: Readable, output: Writable): StdioDoor {
    const { config } = this.#parts.options;
    this.#door = openStdioDoor({
      input,
      output,
      served: this.rooms.served,
      principal: LOCAL,
      maxLineBytes: config.limits.bodyBytes,
      messageLimits: this.#messageLimits,
    });
    this.#startEager();
    return this.#door;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  destroy(): void {
    this.rooms.destroy();
  }

  get #messageLimits(): MessageLimits {
    const { depth, batch } = this.#parts.options.config.limits;
    return { depth, batch, members: MAX_JSON_MEMBERS };
  }

  /** Servers that want to be up, and those that nothing is known of yet: so the first list need not wait for them. */
  #startEager(): void {
    void this.rooms.catalog.ready();
    for (const server of this.#parts.options.config.servers) {
      if (!server.enabled || server.start !== 'eager') continue;
      this.rooms.upstreams.leg(server.name, 'stateless').catch((error: unknown) => {
        this.#parts.options.log('warn', 'a server could not be started', { server: server.name, error: String(error) });
      });
    }
  }

  async #close(): Promise<void> {
    const { options, keys, store, rooms } = this.#parts;
    this.#draining = true;
    clearInterval(this.#refresh);
    const { drainMs } = options.config.limits;
    const idle = rooms.drain();
    // No call stands behind these streams: nothing is waited for.
    this.#endpoint.drain();
    const closed = this.#listener?.close(drainMs);
    await within(idle, drainMs);
    // An answer is written after its call is over.
    await new Promise((resolve) => setImmediate(resolve));
    this.#sessions.close();
    this.#door?.close();
    await closed;
    await within(rooms.close(), drainMs);
    rooms.destroy();
    await keys?.close();
    await store.close();
  }

  #authenticate(): Authenticate {
    const { keys, options } = this.#parts;
    if (keys === undefined) {
      return ({ local }) => (local ? LOCAL : { error: wireError('unauthenticated', NOT_LOCAL), headers: {} });
    }
    const failures = createFailureLimit(options.config.limits.failedAuthentications, options.now);
    return createKeyAuthenticate({ keys, failures, issuer: LOCAL.issuer });
  }

  #ready(request: IncomingMessage, response: ServerResponse): void {
    const route = this.#draining
      ? constantRoute(503, () => '{"status":"stopping"}')
      : constantRoute(200, () => '{"status":"ready"}');
    route(request, response);
  }

  #challenge(request: IncomingMessage, response: ServerResponse): void {
    const nonce = /[?&]nonce=([A-Za-z0-9_-]{16,128})(?:&|$)/.exec(request.url ?? '')?.[1];
    if (nonce === undefined) return refusePlain(response, wireError('no_such_path'));
    sendJson(response, 200, JSON.stringify({ answer: answerChallenge(this.#parts.challengeKey, nonce, this.#port) }));
  }
}

/** Waits for something, and no longer than so many milliseconds. */
async function within(what: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([what, promise]);
  clearTimeout(timer);
}

const NOT_LOCAL = 'Without authentication only this machine may call, and not through a proxy.';

function constantRoute(status: number, body: () => string): PublicRoute {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
    }
    sendJson(response, status, body());
  };
}
