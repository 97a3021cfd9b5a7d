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
  MAX_UPSTREAM_BYTES,
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
  readonly verdicts: VerdictStore;
  /** A server answers: its lists may be read. */
  readonly onUp: (server: string, leg: Leg) => void;
  /** Anything that a server says without having been asked, but log messages. */
  readonly onNotification: (server: string, leg: Leg, message: JsonRpcNotification) => void;
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

export class UpstreamRoom {
  readonly #options: UpstreamRoomOptions;
  readonly #upstreams: Map<string, Upstream> = new Map();
  readonly #servers: Map<string, UpstreamServer> = new Map();
  #level: LogLevel | undefined;

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

  /** The most verbose level that anybody asked for; undefined: none did. */
  setLevel(level: LogLevel | undefined): void {
    if (level === this.#level) return;
    this.#level = level;
    for (const { legs } of this.#upstreams.values()) for (const leg of legs) this.#tellLevel(leg);
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
      maxMessageBytes: MAX_UPSTREAM_BYTES,
      verdicts: this.#options.verdicts,
      env: this.#options.env,
      now: this.#options.now,
      events: {
        onUp: (leg) => {
          if (this.#level !== undefined) this.#tellLevel(leg);
          this.#options.onUp(name, leg);
        },
        onDown: (error) => log('warn', 'a server went away', { server: name, error: error.message }),
        onNotification: (leg, message) => this.#notified(name, leg, message),
        onUnattributed: (_leg, message) => answerUnattributed(message),
        log: (level, text, detail) => log(level, text, { server: name, ...detail }),
      },
    });
  }

  #notified(server: string, leg: Leg, message: JsonRpcNotification): void {
    if (message.method !== 'notifications/message') return this.#options.onNotification(server, leg, message);
    const { level, logger, data } = message.params ?? {};
    this.#options.log('info', 'a server logs', { server, level, logger, data: JSON.stringify(data) });
  }

  #tellLevel(leg: Leg): void {
    if (leg.era !== 'session' || leg.server.capabilities['logging'] === undefined) return;
    ask(leg, 'logging/setLevel', { level: this.#level ?? 'info' }, { timeoutMs: 10_000 }).catch((error: unknown) =>
      this.#options.log('debug', 'a server did not take the log level', { error: String(error) }),
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
