/**
 * The upstreams: every configured server with its supervision, and what all of them have in common: time-outs, wanted
 * resources, log levels, and where what they say on their own goes. A server's failure stays its own.
 */

import {
  ask,
  createUpstream,
  type HttpTarget,
  type Leg,
  type ServerRequestAnswer,
  type StdioTarget,
  type Upstream,
  type UpstreamStatus,
  type VerdictStore,
} from '@sallyport/client';
import {
  LOG_LEVELS,
  type Era,
  type JsonObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type LogLevel,
} from '@sallyport/wire';
import type { Timeouts } from './send.ts';

export interface UpstreamServer {
  readonly name: string;
  readonly target: StdioTarget | HttpTarget;
  readonly era: 'auto' | Era;
  readonly idleMs: number;
  readonly timeout: {
    readonly connectMs: number;
    readonly callMs: number;
    readonly maxMs: number;
    readonly toolsMs?: number;
    readonly resourcesMs?: number;
    readonly promptsMs?: number;
  };
}

export interface UpstreamRoomOptions {
  readonly servers: readonly UpstreamServer[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Name and version of this gateway, as servers see it. */
  readonly info: JsonObject;
  /** One message of a server. */
  readonly maxMessageBytes: number;
  readonly verdicts: VerdictStore;
  /** A server answers: its lists may be read. */
  readonly onUp: (server: string, leg: Leg) => void;
  /** Anything that a server says without having been asked, but log messages. */
  readonly onNotification: (server: string, message: JsonRpcNotification) => void;
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

export class UpstreamRoom {
  readonly #options: UpstreamRoomOptions;
  readonly #upstreams: Map<string, Upstream> = new Map();
  readonly #servers: Map<string, UpstreamServer> = new Map();
  /** The most verbose level of all sessions. */
  #level: LogLevel | undefined;
  /** The most verbose one that a stateless call has asked for; it stays, since nobody says when it is not wanted any more. */
  #floor: LogLevel | undefined;

  constructor(options: UpstreamRoomOptions) {
    this.#options = options;
    for (const server of options.servers) {
      this.#servers.set(server.name, server);
      this.#upstreams.set(server.name, this.#create(server));
    }
  }

  ready(server: string, era: Era): Leg | undefined {
    return this.#upstreams.get(server)?.ready(era);
  }

  async leg(server: string, era: Era): Promise<Leg> {
    return await this.#upstream(server).leg(era);
  }

  status(server: string): UpstreamStatus {
    return this.#upstream(server).status();
  }

  /** Why a server gives nothing, in words that tell nothing of the machine; undefined when nothing is wrong with it. */
  problem(server: string): string | undefined {
    const { state } = this.status(server);
    if (state === 'starting') return 'It is being started.';
    return state === 'failed' ? 'It could not be started or reached.' : undefined;
  }

  timeouts(server: string, method: string): Timeouts {
    const { timeout } = this.#servers.get(server) as UpstreamServer;
    return { timeoutMs: groupTimeout(timeout, method) ?? timeout.callMs, maxMs: timeout.maxMs };
  }

  /** Tells a server, when it is up, which of its resources somebody watches; starts it when somebody does. */
  want(server: string, uris: readonly string[]): void {
    const [leg] = this.#upstream(server).legs;
    if (leg !== undefined) leg.setSubscriptions(uris);
    else if (uris.length > 0) this.leg(server, 'stateless').catch(() => undefined);
  }

  /** The most verbose level that a session asked for; undefined: none did. */
  setLevel(level: LogLevel | undefined): void {
    if (level === this.#level) return;
    this.#level = level;
    for (const { legs } of this.#upstreams.values()) for (const leg of legs) void this.#tellLevel(leg);
  }

  /** A stateless call wants log messages of a leg of the session era. Resolves when the leg's server knows. */
  async needLevel(wanted: Leg, level: LogLevel): Promise<void> {
    const asked = this.#asked;
    if (asked !== undefined && LOG_LEVELS.indexOf(asked) <= LOG_LEVELS.indexOf(level)) return;
    this.#floor = level;
    const told = [...this.#upstreams.values()].flatMap(({ legs }) =>
      legs.map((leg): [Leg, Promise<void>] => [leg, this.#tellLevel(leg)]),
    );
    await told.find(([leg]) => leg === wanted)?.[1];
  }

  get #asked(): LogLevel | undefined {
    const asked = [this.#level, this.#floor].flatMap((level) => (level === undefined ? [] : LOG_LEVELS.indexOf(level)));
    return asked.length === 0 ? undefined : LOG_LEVELS[Math.min(...asked)];
  }

  legs(server: string): readonly Leg[] {
    return this.#upstream(server).legs;
  }

  /** Says something to a server that is up. */
  notify(server: string, era: Era, message: JsonRpcNotification): void {
    this.legs(server)
      .find((leg) => leg.era === era)
      ?.notify(message.method, message.params);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.close()));
  }

  destroy(): void {
    for (const upstream of this.#upstreams.values()) upstream.destroy();
  }

  #upstream(server: string): Upstream {
    const upstream = this.#upstreams.get(server);
    if (upstream === undefined) throw new Error(`no server ${server}`);
    return upstream;
  }

  #create(server: UpstreamServer): Upstream {
    const { name } = server;
    const { log } = this.#options;
    return createUpstream({
      name,
      target: server.target,
      era: server.era,
      connectTimeoutMs: server.timeout.connectMs,
      idleMs: server.idleMs,
      clientInfo: this.#options.info,
      clientCapabilities: ALL_CAPABILITIES,
      maxMessageBytes: this.#options.maxMessageBytes,
      verdicts: this.#options.verdicts,
      env: this.#options.env,
      now: this.#options.now,
      events: {
        onUp: (leg) => {
          if (this.#asked !== undefined) void this.#tellLevel(leg);
          this.#options.onUp(name, leg);
        },
        onDown: (error) => log('warn', 'a server went away', { server: name, error: error.message }),
        onNotification: (_leg, message) => this.#notified(name, message),
        onUnattributed: (_leg, message) => answerUnattributed(message),
        log: (level, text, detail) => log(level, text, { server: name, ...detail }),
      },
    });
  }

  #notified(server: string, message: JsonRpcNotification): void {
    if (message.method !== 'notifications/message') return this.#options.onNotification(server, message);
    const { level, logger, data } = message.params ?? {};
    this.#options.log('info', 'a server logs', { server, level, logger, data: JSON.stringify(data) });
  }

  async #tellLevel(leg: Leg): Promise<void> {
    if (leg.era !== 'session' || leg.server.capabilities['logging'] === undefined) return;
    await ask(leg, 'logging/setLevel', { level: this.#asked ?? 'info' }, { timeoutMs: LEVEL_TIMEOUT_MS }).catch(
      (error: unknown) => this.#options.log('debug', 'a server did not take the log level', { error: String(error) }),
    );
  }
}

/** A request that no single call can have caused is never guessed at. */
function answerUnattributed(message: JsonRpcRequest): ServerRequestAnswer {
  if (message.method === 'roots/list') return { result: { roots: [] } };
  return { error: { code: -32603, message: `${message.method} cannot be attributed to one call of one client.` } };
}

function groupTimeout(timeout: UpstreamServer['timeout'], method: string): number | undefined {
  if (method.startsWith('tools/')) return timeout.toolsMs;
  if (method.startsWith('resources/')) return timeout.resourcesMs;
  return method.startsWith('prompts/') ? timeout.promptsMs : undefined;
}
