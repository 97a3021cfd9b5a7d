/**
 * A running gateway: start, swap, drain, stop. It is the only holder of state; what it stands on is opened in provision.ts,
 * what it is made of stands in modules.ts, and what happens to a call in pipeline.ts.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { refusePlain, type Endpoint, type Principal, type PublicRoute, type StdioDoor } from '@sallyport/server';
import { wireError } from '@sallyport/wire';
import { createAdminEndpoints, sendJson } from './admin-endpoints.ts';
import { describeLimits } from './admission/index.ts';
import type { Config } from './config/index.ts';
import { Reloader, type ConfigStatus, type ReloadRequest, type ReloadResult } from './config/reload.ts';
import { watchFile, type Watch } from './config/watch.ts';
import { answerChallenge, CHALLENGE_PATH } from './daemon.ts';
import { Doors, within } from './doors.ts';
import { LOCAL } from './local.ts';
import { addMetricSources } from './metric-sources.ts';
import type { Rooms } from './rooms.ts';
import { learnSecrets, preparePolicy, provision, type GatewayOptions, type Parts } from './provision.ts';
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

/** How often is taken over what another process created or revoked, and open streams are asked again who they are. */
const REFRESH_MS = 500;
/** Programs that renew certificates write several files. */
const CERTIFICATE_QUIET_MS = 500;

/** Provisions everything and starts nothing but what must be known first. Rejects with an error for a person. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  return new RunningGateway(await provision(options));
}

class RunningGateway implements Gateway {
  readonly localKey: string | undefined;
  readonly rooms: Rooms;
  readonly #parts: Parts;
  readonly #doors: Doors;
  readonly #reloader: Reloader | undefined;
  readonly #startedMs: number;
  readonly #certificates: readonly Watch[];
  readonly #processSource: ProcessSource;
  #refresh: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #draining = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.localKey = parts.localKey;
    this.rooms = parts.rooms;
    const { config, file, log, now, version } = parts.options;
    const { metrics, rooms } = parts;
    const { served } = rooms;
    this.#processSource = addProcessSource(metrics, version);
    this.#startedMs = now();
    this.#doors = new Doors({
      config,
      served,
      shield: parts.shield,
      authenticate: parts.identity.authenticate,
      place: (path, query, principal) => rooms.place(path, query, principal),
      edition: () => rooms.config,
      admin: this.#admin(),
      route: this.#routes(),
      onRefused: (reason) => metrics.refused(reason),
      now,
    });
    this.#certificates = this.#watchCertificates(config);
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
    const { address, options } = this.#parts;
    address.port = port;
    this.#refresh = setInterval(() => void this.#refreshIdentity(), REFRESH_MS).unref();
    for (const certificate of this.#certificates) void certificate.refresh();
    this.#startEager(options.config);
    options.log('info', 'the limits in force', { limits: describeLimits(options.config) });
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
    const policy = await preparePolicy(config, this.#parts.options);
    learnSecrets(this.#parts.options, config);
    this.rooms.replace(config, policy);
    this.#doors.endDisplaced();
    this.#doors.limitStreams(config.limits.streams);
    this.#parts.identity.use(config);
    this.#doors.recheck();
    this.#parts.metrics.setServers(enabledServers(config).map(({ name }) => name));
    this.#startEager(config);
  }

  async #close(): Promise<void> {
    const { identity, reaper, store, rooms } = this.#parts;
    this.#draining = true;
    clearInterval(this.#refresh);
    for (const certificate of this.#certificates) certificate.close();
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
    await identity.close();
    await store.close();
  }

  #routes(): (path: string) => PublicRoute | undefined {
    const { identity } = this.#parts;
    const fixed: Readonly<Record<string, PublicRoute>> = {
      '/healthz': constantRoute(200, '{"status":"ok"}', true),
      '/readyz': { handle: (...visit) => this.#ready.handle(...visit), hostExempt: true },
      [CHALLENGE_PATH]: { handle: (request, response) => this.#challenge(request, response), hostExempt: false },
      ...this.#metricsRoute(),
    };
    return (path) => (Object.hasOwn(fixed, path) ? fixed[path] : identity.route(path));
  }

  #metricsRoute(): Readonly<Record<string, PublicRoute>> {
    const { identity, isLocal, keys, metrics, options } = this.#parts;
    const { enabled, key } = options.config.telemetry.metrics;
    if (!enabled) return {};
    const handle = createMetricsRoute({
      metrics,
      key,
      // Until there are admin keys, the local key on a request from this machine is the admin's.
      isAdmin: (credential, request) => keys?.verify(credential)?.name === LOCAL.subject && isLocal(request),
      failures: identity.failures,
    });
    return { [METRICS_PATH]: { handle, hostExempt: false } };
  }

  /** Also when it could not be read what has changed: what is known expires meanwhile. */
  async #refreshIdentity(): Promise<void> {
    await this.#parts.identity
      .refresh()
      .catch((error: unknown) =>
        this.#parts.options.log('error', 'the keys could not be read again', { error: String(error) }),
      );
    this.#doors.recheck();
  }

  #watchCertificates({ listen }: Config): readonly Watch[] {
    const { log } = this.#parts.options;
    const { cert, clientCa, crl, key } = listen.tls ?? {};
    const paths = [cert, key, clientCa, crl].filter((path) => path !== undefined);
    return paths.map((path) => {
      const watch: Watch = watchFile({
        path,
        quietMs: CERTIFICATE_QUIET_MS,
        onChange: () => {
          this.#reloadTls();
          void watch.refresh();
        },
        onError: (error) => log('warn', 'a certificate is not watched any more', { path, error: String(error) }),
      });
      return watch;
    });
  }

  #reloadTls(): void {
    const { log } = this.#parts.options;
    try {
      this.#doors.reloadTls();
      log('info', 'the certificates were read again');
    } catch (error) {
      log('error', 'the new certificates cannot be used: the ones before stay in force', { error: String(error) });
    }
  }

  get #url(): string {
    const { address, options } = this.#parts;
    return `${address.own()}${options.config.listen.path}`;
  }

  #admin(): ReadonlyMap<string, Endpoint> {
    const { isLocal, options } = this.#parts;
    const { env } = options;
    return createAdminEndpoints({
      env,
      rooms: this.rooms,
      isOwn: ({ principal, request }) => isLocalUser(principal) && isLocal(request),
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

  get #ready(): PublicRoute {
    return this.#draining
      ? constantRoute(503, '{"status":"stopping"}', true)
      : constantRoute(200, '{"status":"ready"}', true);
  }

  #challenge(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
    }
    const nonce = /[?&]nonce=([A-Za-z0-9_-]{16,128})(?:&|$)/.exec(request.url ?? '')?.[1];
    if (nonce === undefined) return refusePlain(response, wireError('no_such_path'));
    sendJson(
      response,
      200,
      JSON.stringify({ answer: answerChallenge(this.#parts.challengeKey, nonce, this.#parts.address.port) }),
    );
  }
}

function isLocalUser({ issuer, subject }: Principal): boolean {
  return issuer === LOCAL.issuer && subject === LOCAL.subject;
}

function constantRoute(status: number, body: string, hostExempt: boolean): PublicRoute {
  return {
    hostExempt,
    handle: (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        return refusePlain(response, wireError('method_not_allowed'), { allow: 'GET, HEAD' });
      }
      sendJson(response, status, body);
    },
  };
}
