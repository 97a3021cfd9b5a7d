/**
 * A running gateway: start, swap, drain, stop. It is the only holder of state; what it stands on is opened in provision.ts,
 * what it is made of stands in modules.ts, and what happens to a call in pipeline.ts.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import {
  createFailureLimit,
  createKeyAuthenticate,
  refusePlain,
  type Authenticate,
  type FailureLimit,
  type KeyTable,
  type Principal,
  type PublicRoute,
  type StdioDoor,
} from '@sallyport/server';
import { wireError } from '@sallyport/wire';
import { createAdminEndpoints, sendJson } from './admin-endpoints.ts';
import type { Config } from './config/index.ts';
import { Reloader, type ConfigStatus, type ReloadRequest, type ReloadResult } from './config/reload.ts';
import { answerChallenge, CHALLENGE_PATH } from './daemon.ts';
import { Doors, within, type DoorsOptions } from './doors.ts';
import { addMetricSources } from './metric-sources.ts';
import type { Rooms } from './rooms.ts';
import { learnSecrets, provision, type GatewayOptions, type Parts } from './provision.ts';
import { addProcessSource, type ProcessSource } from './telemetry/process-source.ts';
import { enabledServers } from './servers.ts';
import { createMetricsRoute, METRICS_PATH } from './telemetry/route.ts';

export type { GatewayOptions } from './provision.ts';

/** The gateway as a process. */
export interface SystemStatus {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** Of the MCP endpoint. */
  readonly url: string;
  /** Absent where the configuration was given on the command line. */
  readonly config?: ConfigStatus;
  /** Sessions over HTTP, and connections of the other doors. */
  readonly sessions: { readonly http: number; readonly connections: number };
}

/** Where the HTTP door is. */
export interface Listening {
  readonly port: number;
  /** Of the MCP endpoint, for a client on this machine. */
  readonly url: string;
}

export interface Gateway {
  /** The key of this machine's user; undefined when no authentication is wanted. */
  readonly localKey: string | undefined;
  readonly rooms: Rooms;
  /** Opens the HTTP door. Resolves with the address that it got. */
  listen(): Promise<Listening>;
  /** Serves one client over this process's stdio, which works in a folder. */
  serveStdio(input: Readable, output: Writable, folder: string): StdioDoor;
  /** Reads the configuration again and takes it over. Never rejects. */
  reload(request?: ReloadRequest): Promise<ReloadResult>;
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
  return new RunningGateway(await provision(options));
}

type IsLocal = (request: IncomingMessage) => boolean;

class RunningGateway implements Gateway {
  readonly localKey: string | undefined;
  readonly rooms: Rooms;
  readonly #parts: Parts;
  readonly #doors: Doors;
  readonly #reloader: Reloader | undefined;
  readonly #startedMs: number;
  readonly #failures: FailureLimit;
  readonly #processSource: ProcessSource;
  #port = 0;
  #refresh: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #draining = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.localKey = parts.localKey;
    this.rooms = parts.rooms;
    const { config, file, log, now, version } = parts.options;
    const { metrics, rooms } = parts;
    const { served, catalog } = rooms;
    this.#failures = createFailureLimit(config.limits.failedAuthentications, now);
    this.#processSource = addProcessSource(metrics, version);
    this.#startedMs = now();
    this.#doors = new Doors({
      config,
      served,
      authenticate: this.#authenticate(),
      place: (path, query) => {
        const placed = catalog.place(path, query);
        return typeof placed === 'object' && 'name' in placed ? placed.name : undefined;
      },
      admin: (isLocal) => this.#admin(isLocal),
      routes: (isLocal) => this.#routes(isLocal),
      onRefused: (reason) => metrics.refused(reason),
      now,
    });
    addMetricSources(metrics, rooms, () => this.#doors.open());
    this.#reloader =
      file &&
      new Reloader({
        ...file,
        config,
        apply: (next) => this.#apply(next),
        onResult: ({ status }) => metrics.reloaded(status),
        log,
        now,
      });
  }

  async listen(): Promise<Listening> {
    const [{ port }] = await Promise.all([this.#doors.listen(), this.#reloader?.start()]);
    this.#port = port;
    const { keys, options } = this.#parts;
    if (keys !== undefined) this.#refresh = setInterval(() => void this.#refreshKeys(keys), KEY_REFRESH_MS).unref();
    this.#startEager(options.config);
    return { port, url: this.#url };
  }

  serveStdio(input: Readable, output: Writable, folder: string): StdioDoor {
    const door = this.#doors.serveStdio(input, output, LOCAL, folder);
    this.#startEager(this.#parts.options.config);
    void this.#reloader?.start();
    return door;
  }

  async reload(request: ReloadRequest = {}): Promise<ReloadResult> {
    return this.#reloader === undefined
      ? {
          status: 'refused',
          message: 'The configuration was given on the command line: there is no file to read again.',
        }
      : await this.#reloader.reload(request);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  destroy(): void {
    this.rooms.destroy();
  }

  /** Servers that want to be up, and those that nothing is known of yet: so the first list need not wait for them. */
  #startEager(config: Config): void {
    void this.rooms.catalog.root.ready();
    for (const server of enabledServers(config)) {
      if (server.start !== 'eager') continue;
      this.rooms.upstreams.leg(server.name, 'stateless').catch((error: unknown) => {
        this.#parts.options.log('warn', 'a server could not be started', { server: server.name, error: String(error) });
      });
    }
  }

  /** Nothing of what can fail is left when the rooms take it over. */
  async #apply(config: Config): Promise<void> {
    learnSecrets(this.#parts.options, config);
    this.#doors.sessions.endAt(new Set(this.rooms.replace(config)));
    this.#parts.metrics.setServers(enabledServers(config).map(({ name }) => name));
    this.#startEager(config);
  }

  async #close(): Promise<void> {
    const { keys, reaper, store, rooms } = this.#parts;
    this.#draining = true;
    clearInterval(this.#refresh);
    this.#processSource.close();
    const { drainMs } = rooms.config.limits;
    const reloaded = this.#reloader?.close();
    const idle = rooms.drain();
    const drained = this.#doors.drain(drainMs);
    await within(idle, drainMs);
    await drained;
    await reloaded;
    this.#doors.close();
    await within(rooms.close(), drainMs);
    rooms.destroy();
    await reaper.close();
    await keys?.close();
    await store.close();
  }

  #authenticate(): Authenticate {
    const { keys } = this.#parts;
    if (keys === undefined) {
      return ({ local }) => (local ? LOCAL : { error: wireError('unauthenticated', NOT_LOCAL), headers: {} });
    }
    return createKeyAuthenticate({ keys, failures: this.#failures, issuer: LOCAL.issuer });
  }

  #routes(isLocal: IsLocal): ReturnType<DoorsOptions['routes']> {
    return {
      '/healthz': { handle: constantRoute(200, () => '{"status":"ok"}'), hostExempt: true },
      '/readyz': { handle: (request, response) => this.#ready(request, response), hostExempt: true },
      [CHALLENGE_PATH]: { handle: (request, response) => this.#challenge(request, response), hostExempt: false },
      ...this.#metricsRoute(isLocal),
    };
  }

  #metricsRoute(isLocal: IsLocal): ReturnType<DoorsOptions['routes']> {
    const { keys, metrics, options } = this.#parts;
    const { enabled, key } = options.config.telemetry.metrics;
    if (!enabled) return {};
    const handle = createMetricsRoute({
      metrics,
      key,
      // Until there are admin keys, the local key on a request from this machine is the admin's.
      isAdmin: (credential, request) => keys?.verify(credential)?.name === LOCAL.subject && isLocal(request),
      failures: this.#failures,
    });
    return { [METRICS_PATH]: { handle, hostExempt: false } };
  }

  /** Also when they could not be read: those that are known expire meanwhile. */
  async #refreshKeys(keys: KeyTable): Promise<void> {
    await keys
      .refresh()
      .catch((error: unknown) =>
        this.#parts.options.log('error', 'the keys could not be read again', { error: String(error) }),
      );
    this.#doors.recheck();
  }

  get #url(): string {
    const { host, path } = this.#parts.options.config.listen;
    return `http://${reachableHost(host)}:${this.#port}${path}`;
  }

  #admin(isLocal: IsLocal): ReturnType<DoorsOptions['admin']> {
    const { env } = this.#parts.options;
    return createAdminEndpoints({
      env,
      rooms: this.rooms,
      isOwn: (arrival) => arrival.principal.subject === LOCAL.subject && isLocal(arrival.request),
      system: () => this.#system(),
      reload: (confirm) => this.reload(confirm === undefined ? {} : { confirm }),
    });
  }

  #system(): SystemStatus {
    const { version } = this.#parts.options;
    const { connections, sessions } = this.#doors;
    return {
      version,
      pid: process.pid,
      startedMs: this.#startedMs,
      url: this.#url,
      ...(this.#reloader && { config: this.#reloader.status() }),
      sessions: { http: sessions.size, connections: connections.size },
    };
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

/** An address that means all of them is none that can be called. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
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
