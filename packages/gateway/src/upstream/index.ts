/**
 * The upstreams: every configured server with its instances, and what all of them have in common: time-outs, wanted
 * resources, log levels, and where what they say on their own goes. A server's failure stays its own. The set of servers
 * can be replaced while calls are under way: who did not change goes on as if nothing had happened.
 */

import {
  ask,
  UpstreamError,
  createUpstream,
  type InProcessTarget,
  type Launch,
  type Leg,
  type Upstream,
  type UpstreamOptions,
  type VerdictStore,
} from '@sallyport/client';
import type { Reaper } from '@sallyport/host';
import { LOG_LEVELS, type Era, type JsonObject, type JsonRpcNotification, type LogLevel } from '@sallyport/wire';
import type { ApiTarget, Instance, Isolation } from '../call.ts';
import { answerUnattributed, Instances, isContested, type InstancesStatus, type UpstreamServer } from './instances.ts';
import type { Timeouts } from './send.ts';

export type { UpstreamServer } from './instances.ts';

export interface UpstreamRoomOptions {
  readonly servers: readonly UpstreamServer[];
  /** A folder with nothing in it, for servers that must be given one before anybody has called. */
  readonly emptyFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Name and version of this gateway, as servers see it. */
  readonly info: JsonObject;
  /** One message of a server. */
  readonly maxMessageBytes: number;
  readonly verdicts: VerdictStore;
  /** Ends the children when the gateway is killed. */
  readonly reaper: Reaper;
  /** What starts the children of an instance. */
  readonly launch: (server: UpstreamServer, instance: Instance | undefined) => Launch;
  /** The server that this gateway makes of an API. */
  readonly inProcess: (server: UpstreamServer, target: ApiTarget) => InProcessTarget;
  /** A server answers: its lists may be read. */
  readonly onUp: (server: string, leg: Leg, instance: Instance | undefined) => void;
  /** Whether each principal speaks to a server with a token of its own. */
  readonly personal: (server: string) => boolean;
  /** How a remote server gets its tokens; undefined: it gets none. */
  readonly authorization: (server: string, instance: Instance | undefined) => UpstreamOptions['authorization'];
  /** After an error: true when it is worth one more try, with another credential. */
  readonly renewed: (error: unknown, server: string) => Promise<boolean>;
  /** What is counted and recorded. `error`: why. */
  readonly onEvent: (server: string, event: 'start' | 'restart' | 'failed_start' | 'end', error?: Error) => void;
  /** It failed so often in a row that it is left alone for a while. */
  readonly onBroken: (server: string) => void;
  /** Anything that a server says without having been asked, but log messages. `instance` is the one that says it. */
  readonly onNotification: (server: string, message: JsonRpcNotification, instance: Instance | undefined) => void;
  readonly log: (
    level: 'debug' | 'info' | 'warn' | 'error',
    text: string,
    detail?: Readonly<Record<string, unknown>>,
  ) => void;
  readonly now: () => number;
}

/**
 * What every shared session-era server is told that its client can do. What the client of a call lacks is answered when
 * it is asked for.
 */
const ALL_CAPABILITIES: JsonObject = {
  roots: { listChanged: true },
  sampling: { context: {}, tools: {} },
  elicitation: { form: {}, url: {} },
};

const LEVEL_TIMEOUT_MS = 10_000;

/** What a server's configuration must keep for its children and connections to live on. */
function fingerprint({ timeout: _timeout, ...rest }: UpstreamServer): string {
  return JSON.stringify([rest, _timeout.connectMs]);
}

export class UpstreamRoom {
  readonly #options: UpstreamRoomOptions;
  #servers: ReadonlyMap<string, Instances>;
  /** Servers that were shared until a question of theirs could not be attributed: they are from now on one for each principal. */
  readonly #divided: Set<string> = new Set();
  readonly #retiring: Set<Promise<void>> = new Set();
  /** Time-outs may change under servers that live on. */
  #timeouts: ReadonlyMap<string, UpstreamServer['timeout']>;
  /** The most verbose level of all sessions. */
  #level: LogLevel | undefined;
  /** The most verbose one that a stateless call has asked for; it stays, since nobody says when it is not wanted any more. */
  #floor: LogLevel | undefined;

  constructor(options: UpstreamRoomOptions) {
    this.#options = options;
    this.#servers = new Map(options.servers.map((server) => [server.name, this.#create(server)]));
    this.#timeouts = timeoutsOf(options.servers);
  }

  /**
   * Makes these the servers. Those that are the same keep their children, sessions and connections; the others end when
   * nothing is under way on them, or after `graceMs`.
   */
  replace(servers: readonly UpstreamServer[], graceMs: number): void {
    const before = this.#servers;
    const kept = (server: UpstreamServer): Instances | undefined => {
      const old = before.get(server.name);
      return old !== undefined && fingerprint(old.server) === fingerprint(server) ? old : undefined;
    };
    const after = new Map(servers.map((server) => [server.name, kept(server) ?? this.#create(server)]));
    this.#servers = after;
    this.#timeouts = timeoutsOf(servers);
    for (const [name, old] of before) {
      if (after.get(name) === old) continue;
      this.#divided.delete(name);
      this.#retire(old, graceMs);
    }
  }

  /** Ends what is up of a server when nothing is under way on it, or after `graceMs`; what comes starts it anew. False: it is not used. */
  restart(server: string, graceMs: number): boolean {
    const old = this.#servers.get(server);
    if (old === undefined) return false;
    this.#servers = new Map(
      [...this.#servers].map(([name, each]) => [name, each === old ? this.#create(old.server) : each]),
    );
    this.#divided.delete(server);
    const retired = old.retire(graceMs, this.#options.now).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
    return true;
  }

  /** Kills what is up of a server at once, calls included; what comes starts it anew. */
  cut(server: string): void {
    const old = this.#servers.get(server);
    if (old === undefined) return;
    this.#servers = new Map(this.#servers).set(server, this.#create(old.server));
    old.destroy();
  }

  ready(server: string, era: Era, instance?: Instance): Leg | undefined {
    return this.#servers.get(server)?.find(instance)?.ready(era);
  }

  async leg(server: string, era: Era, instance?: Instance): Promise<Leg> {
    const open = async (): Promise<Leg> => await this.#of(server).open(instance).leg(era);
    try {
      return await open();
    } catch (error) {
      if (!(await this.#options.renewed(error, server))) throw error;
      return await open();
    }
  }

  /** How a server's clients are kept apart. */
  isolation(server: string): Isolation {
    const written = this.#of(server).server.isolation;
    const isApart = this.#divided.has(server) || this.personal(server);
    return written === 'shared' && isApart ? 'principal' : written;
  }

  /** True when each principal speaks to a server with a token of its own: what it lists is then one principal's. */
  personal(server: string): boolean {
    return this.#options.personal(server);
  }

  /** Ends what was kept for an owner who has gone. */
  release(keyPrefix: string): void {
    for (const instances of this.#servers.values()) instances.release(keyPrefix);
  }

  /** Ends what a principal (`principalKey`) has of one server, or without one all that is open there: its token is gone. */
  end(server: string, owner: string | undefined): void {
    const instances = this.#servers.get(server);
    if (instances === undefined) return;
    if (owner !== undefined) return instances.releaseOwner(owner);
    this.#servers = new Map(this.#servers).set(server, this.#create(instances.server));
    this.#retire(instances, 0);
  }

  status(server: string): InstancesStatus {
    return this.#of(server).status();
  }

  /** What the operator should know of a server beyond its state. */
  notes(server: string): readonly string[] {
    return this.#divided.has(server)
      ? [
          'It asked something while several calls were under way, and nobody can tell which it meant: since then each principal has an instance of its own. Write `isolation: principal` to have it so from the start.',
        ]
      : [];
  }

  /** Why a server gives nothing, in words that tell nothing of the machine; undefined when nothing is wrong with it. */
  problem(server: string): string | undefined {
    const { state } = this.#of(server).own.status();
    if (state === 'starting') return 'It is being started.';
    return state === 'failed' ? 'It could not be started or reached.' : undefined;
  }

  timeouts(server: string, method: string): Timeouts {
    const timeout = this.#timeouts.get(server);
    if (timeout === undefined) throw new UpstreamError('down', `The server "${server}" is not used any more.`);
    return { timeoutMs: groupTimeout(timeout, method) ?? timeout.callMs, maxMs: timeout.maxMs };
  }

  /**
   * Tells a server, when it is up, which of its resources somebody watches; starts it when somebody does. Of a personal one each
   * instance is told what its own principal watches.
   */
  want(server: string, uris: readonly string[], instance?: Instance): void {
    const legs = this.#watching(server, instance).flatMap((upstream) => upstream.legs.slice(0, 1));
    for (const leg of legs) leg.setSubscriptions(uris);
    if (legs.length === 0 && uris.length > 0) this.leg(server, 'stateless', instance).catch(() => undefined);
  }

  /** The same for tasks of the stateless era, while the instance is up that has them. */
  wantTasks(server: string, taskIds: readonly string[], instance?: Instance): void {
    this.legs(server, instance)
      .find(({ era }) => era === 'stateless')
      ?.setTasks?.(taskIds);
  }

  #watching(server: string, instance: Instance | undefined): readonly Upstream[] {
    const instances = this.#servers.get(server);
    if (instances === undefined) return [];
    if (instance === undefined && !this.personal(server)) return instances.all;
    const found = instances.find(instance);
    return found === undefined ? [] : [found];
  }

  /** What each session asked for; undefined: nothing. Servers are told the most verbose. */
  setLevels(levels: readonly (LogLevel | undefined)[]): void {
    const level = mostVerbose(levels);
    if (level === this.#level) return;
    this.#level = level;
    for (const leg of this.#allLegs()) void this.#tellLevel(leg);
  }

  /** A stateless call wants log messages of a leg of the session era. Resolves when the leg's server knows. */
  async needLevel(wanted: Pick<Leg, 'request'>, level: LogLevel): Promise<void> {
    const asked = this.#asked;
    if (asked !== undefined && LOG_LEVELS.indexOf(asked) <= LOG_LEVELS.indexOf(level)) return;
    this.#floor = level;
    const told = this.#allLegs().map((leg): [Leg, Promise<void>] => [leg, this.#tellLevel(leg)]);
    await told.find(([leg]) => leg === wanted)?.[1];
  }

  get #asked(): LogLevel | undefined {
    return mostVerbose([this.#level, this.#floor]);
  }

  /** Those that the catalogue is read from: the gateway's own with a server, or those of an instance. */
  legs(server: string, instance?: Instance): readonly Leg[] {
    return this.#servers.get(server)?.find(instance)?.legs ?? [];
  }

  /** Says something to a server that is up. */
  notify(server: string, era: Era, message: JsonRpcNotification): void {
    this.legs(server)
      .find((leg) => leg.era === era)
      ?.notify(message.method, message.params);
  }

  async close(): Promise<void> {
    await Promise.all([...[...this.#servers.values()].map((server) => server.close()), ...this.#retiring]);
  }

  destroy(): void {
    for (const server of this.#servers.values()) server.destroy();
  }

  #retire(instances: Instances, graceMs: number): void {
    const retired = instances.retire(graceMs, this.#options.now).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
  }

  /** A call may have been on its way while its server left the configuration. */
  #of(server: string): Instances {
    const instances = this.#servers.get(server);
    if (instances === undefined) throw new UpstreamError('down', `The server "${server}" is not used any more.`);
    return instances;
  }

  #allLegs(): readonly Leg[] {
    return [...this.#servers.values()].flatMap(({ all }) => all.flatMap(({ legs }) => legs));
  }

  #create(server: UpstreamServer): Instances {
    return new Instances({
      server,
      emptyFolder: this.#options.emptyFolder,
      create: (rooted, instance) => this.#createUpstream(rooted, instance),
    });
  }

  #createUpstream(server: UpstreamServer, instance: Instance | undefined): Upstream {
    const { name } = server;
    const { log } = this.#options;
    const authorization = this.#options.authorization(name, instance);
    return createUpstream({
      name,
      target: server.target.kind === 'openapi' ? this.#options.inProcess(server, server.target) : server.target,
      era: server.era,
      connectTimeoutMs: server.timeout.connectMs,
      idleMs: server.idleMs,
      clientInfo: this.#options.info,
      clientCapabilities: ALL_CAPABILITIES,
      maxMessageBytes: this.#options.maxMessageBytes,
      verdicts: this.#options.verdicts,
      reaper: this.#options.reaper,
      launch: this.#options.launch(server, instance),
      env: this.#options.env,
      now: this.#options.now,
      ...(authorization && { authorization }),
      events: {
        onUp: (leg) => {
          if (this.#asked !== undefined) void this.#tellLevel(leg);
          this.#options.onUp(name, leg, instance);
        },
        onStart: (isAgain) => this.#options.onEvent(name, isAgain ? 'restart' : 'start'),
        onFailedStart: (error) => this.#options.onEvent(name, 'failed_start', error),
        onBroken: () => this.#options.onBroken(name),
        onDown: (error) => {
          this.#options.onEvent(name, 'end', error);
          log('warn', 'a server went away', { server: name, error: error.message });
        },
        onNotification: (_leg, message) => this.#notified(name, message, instance),
        onUnattributed: (leg, message) => {
          if (message.method !== 'roots/list' && isContested(leg)) this.#divide(name, message.method);
          return answerUnattributed(message, instance);
        },
        log: (level, text, detail) => log(level, text, { server: name, ...detail }),
      },
    });
  }

  #divide(server: string, method: string): void {
    if (this.#divided.has(server) || this.#of(server).server.isolation !== 'shared') return;
    this.#divided.add(server);
    this.#options.log('warn', 'a question of a shared server was refused: from now on each principal has its own', {
      server,
      method,
    });
  }

  #notified(server: string, message: JsonRpcNotification, instance: Instance | undefined): void {
    if (message.method !== 'notifications/message') return this.#options.onNotification(server, message, instance);
    const { level, logger, data } = message.params ?? {};
    this.#options.log('info', 'a server logs', { server, level, logger, data });
  }

  async #tellLevel(leg: Leg): Promise<void> {
    if (leg.era !== 'session' || leg.server.capabilities['logging'] === undefined) return;
    await ask(leg, 'logging/setLevel', { level: this.#asked ?? 'info' }, { timeoutMs: LEVEL_TIMEOUT_MS }).catch(
      (error: unknown) => this.#options.log('debug', 'a server did not take the log level', { error: String(error) }),
    );
  }
}

function mostVerbose(levels: readonly (LogLevel | undefined)[]): LogLevel | undefined {
  const asked = levels.flatMap((level) => (level === undefined ? [] : LOG_LEVELS.indexOf(level)));
  return asked.length === 0 ? undefined : LOG_LEVELS[Math.min(...asked)];
}

function timeoutsOf(servers: readonly UpstreamServer[]): ReadonlyMap<string, UpstreamServer['timeout']> {
  return new Map(servers.map(({ name, timeout }) => [name, timeout]));
}

function groupTimeout(timeout: UpstreamServer['timeout'], method: string): number | undefined {
  if (method.startsWith('tools/')) return timeout.toolsMs;
  if (method.startsWith('resources/')) return timeout.resourcesMs;
  return method.startsWith('prompts/') ? timeout.promptsMs : undefined;
}
