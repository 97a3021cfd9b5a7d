/**
 * A running gateway: start, swap, drain, stop. It is the only holder of state; what it stands on is opened in provision.ts,
 * what it is made of stands in modules.ts, and what happens to a call in pipeline.ts.
 */

import type { Readable, Writable } from 'node:stream';
import { principalKey, type StdioDoor } from '@sallyport/server';
import { adminEvent, callerRecords, reloadEvent } from './wiring/audit-events.ts';
import { createRecent, type Recent } from './admin/index.ts';
import { openAdministration, type Administration } from './wiring/admin-open.ts';
import { describeLimits } from './admission/index.ts';
import type { Config } from './config/index.ts';
import { Reloader, type ConfigStatus, type ReloadRequest, type ReloadResult } from './config/reload.ts';
import type { Watch } from './config/watch.ts';
import type { StateWatch } from './credentials/index.ts';
import { Doors, within } from './wiring/doors.ts';
import { checkEgress } from './wiring/egress-settings.ts';
import { LOCAL } from './wiring/local.ts';
import { watchLockdown } from './wiring/lockdown.ts';
import { addMetricSources } from './wiring/metric-sources.ts';
import { pinsSetup } from './wiring/pins-state.ts';
import { createPeople } from './wiring/privacy-state.ts';
import type { Rooms } from './rooms.ts';
import type { GatewayOptions } from './wiring/gateway-options.ts';
import { learnSecrets } from './wiring/own-secrets.ts';
import { preparePolicy, provision, type Parts } from './provision.ts';
import { addProcessSource, type ProcessSource } from './telemetry/process-source.ts';
import { withOwnServer } from './wiring/saved-tools.ts';
import { enabledServers } from './servers.ts';
import type { RecordLevel } from './telemetry/index.ts';
import { createRedactor, type Redactor } from './telemetry/redact.ts';
import { publicRoutes } from './wiring/public-routes.ts';
import { watchCertificates, watchStateOf } from './wiring/watches.ts';

export type { GatewayOptions } from './wiring/gateway-options.ts';

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
  /** Of the admin API, where it has a listener of its own. */
  readonly adminPort?: number;
}

export interface Gateway {
  /** The key of this machine's user; undefined when no authentication is wanted. */
  readonly localKey: string | undefined;
  readonly rooms: Rooms;
  /** Resolves when the state is locked down: by then nobody gets in any more. */
  readonly lockedDown: Promise<void>;
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

type Administered = Pick<
  Parameters<typeof openAdministration>[0],
  'authenticate' | 'onRefused' | 'recent' | 'redactor'
>;

/** How often is taken over what another process created or revoked, and open streams are asked again who they are. */
const REFRESH_MS = 500;

/** Provisions everything and starts nothing but what must be known first. Rejects with an error for a person. */
export async function createGateway(given: GatewayOptions): Promise<Gateway> {
  const { config, log, now, redactor = createRedactor() } = given;
  const people = createPeople(config, redactor);
  const recent = createRecent({ log, now, redact: redactor });
  // Whoever asks first whether a line is wanted gets the same answer.
  const tapped = people.log(Object.assign(recent.log, log.isOn && { isOn: log.isOn }));
  return new RunningGateway(await provision({ ...given, redactor, people, log: tapped }), redactor, recent);
}

class RunningGateway implements Gateway {
  readonly localKey: string | undefined;
  readonly rooms: Rooms;
  readonly #parts: Parts;
  readonly #doors: Doors;
  readonly #administration: Administration;
  readonly #reloader: Reloader | undefined;
  readonly #startedMs: number;
  readonly #certificates: readonly Watch[];
  readonly #processSource: ProcessSource;
  readonly #callers: ReturnType<typeof callerRecords>;
  readonly #stateWatch: StateWatch | undefined;
  readonly #locked: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #endLockdownWatch: (() => void) | undefined;
  #isLockedDown = false;
  #refresh: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #draining = false;

  constructor(parts: Parts, redactor: Redactor, recent: Recent<RecordLevel>) {
    this.#parts = parts;
    this.localKey = parts.localKey;
    this.rooms = parts.rooms;
    const { config, file, log, now, version } = parts.options;
    const { metrics, rooms } = parts;
    const { served } = rooms;
    this.#processSource = addProcessSource(metrics, version);
    this.#callers = callerRecords(parts.audit, now);
    this.#startedMs = now();
    const authenticate = this.#callers.watch(parts.identity.authenticate);
    const onRefused: Administered['onRefused'] = (reason, address) => {
      metrics.refused(reason);
      this.#callers.refused(reason, address);
    };
    this.#administration = this.#administer({ authenticate, onRefused, recent, redactor });
    this.#doors = new Doors({
      config,
      served,
      shield: parts.shield,
      authenticate,
      place: (path, query, principal) => rooms.place(path, query, principal),
      edition: () => rooms.config,
      admin: this.#administration.paths,
      route: publicRoutes(parts, () => this.#draining),
      onRefused,
      now,
    });
    const { stateDirectory } = parts.options;
    this.#certificates = watchCertificates(config, log, () => this.#reloadTls());
    this.#stateWatch = watchStateOf(stateDirectory, log);
    this.#endLockdownWatch =
      stateDirectory === undefined ? undefined : watchLockdown(stateDirectory, () => this.#lockDown());
    addMetricSources(metrics, rooms, () => this.#doors.open());
    this.#reloader =
      file &&
      new Reloader({
        ...file,
        config,
        apply: (next) => this.#apply(next),
        onResult: (result) => {
          metrics.reloaded(result.status);
          this.#administration.reloaded(result);
          const event = reloadEvent(result);
          if (event !== undefined) parts.audit.record(event);
        },
        log,
        now,
      });
    parts.renewal.use(() => this.reload({ isQuiet: true }));
  }

  async listen(): Promise<Listening> {
    const { door } = this.#administration;
    const [{ port }, apart] = await Promise.all([this.#doors.listen(), door?.listen(), this.#reloader?.start()]);
    const { address, options } = this.#parts;
    address.port = port;
    address.listens = true;
    this.#beginRefresh();
    for (const certificate of this.#certificates) void certificate.refresh();
    this.#startEager(options.config);
    options.log('info', 'the limits in force', { limits: describeLimits(options.config) });
    return { port, url: this.#url, ...(apart && { adminPort: apart.port }) };
  }

  serveStdio(input: Readable, output: Writable, folder: string): StdioDoor {
    const door = this.#doors.serveStdio(input, output, LOCAL, folder);
    this.#beginRefresh();
    this.#startEager(this.#parts.options.config);
    void this.#reloader?.start();
    return door;
  }

  get lockedDown(): Promise<void> {
    return this.#locked.promise;
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
    this.rooms.interceptors.warm();
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
    await checkEgress(config);
    const pins = pinsSetup(config);
    learnSecrets(this.#parts.options, config);
    await this.#parts.pins.use(pins);
    this.rooms.replace(config, policy);
    this.#doors.endDisplaced();
    this.#doors.limitStreams(config.limits.streams);
    this.#parts.identity.use(config);
    this.#doors.recheck();
    this.#parts.metrics.setServers(withOwnServer(enabledServers(config), config.tools).map(({ name }) => name));
    this.#startEager(config);
  }

  /** Nothing is waited for: calls are cut, children killed. */
  #lockDown(): void {
    const { audit, options } = this.#parts;
    this.#isLockedDown = true;
    options.log('error', 'this state was locked down: everything is cut, and this gateway ends');
    audit.record(adminEvent('lockdown', 'allow', LOCAL));
    void this.close();
    this.rooms.destroy();
    this.#locked.resolve();
  }

  async #close(): Promise<void> {
    const { audit, egress, identity, reaper, sandboxes, store, rooms } = this.#parts;
    this.#draining = true;
    clearInterval(this.#refresh);
    for (const certificate of this.#certificates) certificate.close();
    this.#stateWatch?.close();
    this.#endLockdownWatch?.();
    this.#processSource.close();
    const drainMs = this.#isLockedDown ? 0 : rooms.config.limits.drainMs;
    const reloaded = this.#reloader?.close();
    const idle = rooms.drain();
    const drained = Promise.all([this.#doors.drain(drainMs), this.#administration.door?.close(drainMs)]);
    await within(idle, drainMs);
    await drained;
    await reloaded;
    this.#doors.close();
    await within(rooms.close(), drainMs);
    rooms.destroy();
    await reaper.close();
    await sandboxes.close();
    await egress.close();
    await identity.close();
    await this.#parts.logins.close();
    this.#callers.flush();
    await audit.close();
    await store.close();
  }

  #beginRefresh(): void {
    this.#refresh ??= setInterval(() => void this.#refreshShared(), REFRESH_MS).unref();
  }

  /** Also when it could not be read what has changed: what is known expires meanwhile. */
  async #refreshShared(): Promise<void> {
    const { identity, logins, options, pins } = this.#parts;
    const failed = (what: string) => (error: unknown) =>
      options.log('error', `the ${what} could not be read again`, { error: String(error) });
    await Promise.all([
      identity.refresh().catch(failed('keys')),
      pins.refresh().catch(failed('pins')),
      this.#forget().catch(failed('forgotten principals')),
      logins.refresh().catch(failed('news of logins')),
    ]);
    this.#doors.recheck();
    await this.rooms.dropResults((owner) => identity.isOut(owner)).catch(failed('keys'));
    this.#callers.sweep();
  }

  /** Whom another process has forgotten is forgotten here: what is open for him ends, what was shown to him alone goes. */
  async #forget(): Promise<void> {
    for (const owner of await this.#parts.options.people.refresh()) {
      this.#doors.sessions.endWhere(({ principal }) => principalKey(principal) === owner);
      this.rooms.forget(owner);
    }
  }

  #reloadTls(): void {
    const { log } = this.#parts.options;
    try {
      if (this.#parts.options.config.listen.tls !== undefined) this.#doors.reloadTls();
      this.#administration.door?.reloadTls();
      log('info', 'the certificates were read again');
    } catch (error) {
      log('error', 'the new certificates cannot be used: the ones before stay in force', { error: String(error) });
    }
  }

  get #url(): string {
    const { address, options } = this.#parts;
    return `${address.own()}${options.config.listen.path}`;
  }

  #administer(given: Administered): Administration {
    return openAdministration({
      ...given,
      parts: this.#parts,
      system: () => this.#system(),
      isDraining: () => this.#draining,
      reload: (request) => this.reload(request),
      end: (session) => this.#doors.sessions.endWhere((visitor) => visitor === session),
      refused: (event, address) => this.#callers.repeated(event, address),
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
}
