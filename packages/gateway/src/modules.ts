/**
 * The bill of materials: every room of the gateway, provisioned from the configuration and given as functions what it
 * needs of the others. Nothing is started here.
 */

import { createHash, type KeyObject } from 'node:crypto';
import { principalKey, type Exchange, type Served, type Session } from '@sallyport/server';
import { LOG_LEVELS, type JsonObject, type LogLevel } from '@sallyport/wire';
import { createAdmit, Drain } from './admission/index.ts';
import { createBridge } from './bridge/index.ts';
import { resultText } from './bridge/result-text.ts';
import { TASK_STATUS } from './call.ts';
import {
  CatalogRoom,
  LIST_KINDS,
  ownerOfUri,
  type CatalogOptions,
  type CatalogServer,
  type ListKind,
} from './catalog/index.ts';
import { createList } from './catalog/list-step.ts';
import { createResolve } from './catalog/resolve.ts';
import { kindsChangedBy } from './catalog/snapshot.ts';
import { sourceOf } from './catalog/source.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { seal, unseal } from './credentials/index.ts';
import type { LogFailure } from './errors.ts';
import { createPipeline, type Pipeline, type Steps } from './pipeline.ts';
import type { Store, StoreValue } from './store/index.ts';
import { SubscriptionsRoom } from './subscriptions/index.ts';
import { createSessionStep } from './subscriptions/session-step.ts';
import { TaskRoom, type TasksOptions } from './tasks/index.ts';
import { listsTasks, listTasks } from './tasks/list.ts';
import type { Log } from './telemetry/index.ts';
import { ask, causeOf } from './upstream/cause.ts';
import { UpstreamRoom, type UpstreamRoomOptions, type UpstreamServer } from './upstream/index.ts';
import { metaText } from './upstream/request-text.ts';
import { createSend, statusFor, type SendOptions } from './upstream/send.ts';

export interface RoomOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly store: Store;
  readonly log: Log;
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  readonly cursorKey: KeyObject;
  readonly handleKey: KeyObject;
  readonly now: () => number;
}

export interface Rooms {
  readonly served: Served;
  readonly catalog: CatalogRoom;
  readonly upstreams: UpstreamRoom;
  /** From now on new calls are refused; resolves when none is under way. */
  drain(): Promise<void>;
  /** Ends what is open in order. */
  close(): Promise<void>;
  destroy(): void;
}

export function createRooms(options: RoomOptions): Rooms {
  return new Assembly(options);
}

/** The rooms, each made of what it is given of the others. They reach each other only when all of them stand. */
class Assembly implements Rooms {
  readonly upstreams: UpstreamRoom;
  readonly catalog: CatalogRoom;
  readonly served: Served;
  readonly #options: RoomOptions;
  /** Enabled ones, in configuration order. */
  readonly #servers: readonly ServerConfig[];
  readonly #sessions: Set<Session> = new Set();
  readonly #admission: Drain = new Drain();
  readonly #subscriptions: SubscriptionsRoom;
  readonly #tasks: TaskRoom;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#servers = options.config.servers.filter((server) => server.enabled);
    this.upstreams = new UpstreamRoom(this.#upstreamOptions());
    this.catalog = new CatalogRoom(this.#catalogOptions());
    this.#subscriptions = new SubscriptionsRoom({
      ownerOf: this.#ownerOf,
      supports: (server) => this.catalog.can(server, 'resources', 'subscribe'),
      want: (server, uris) => this.upstreams.want(server, uris),
      info: options.info,
    });
    this.#tasks = new TaskRoom(this.#taskOptions());
    this.served = this.#serve(createPipeline(this.#steps(), this.#logFailure));
  }

  drain(): Promise<void> {
    const idle = this.#admission.begin();
    this.#subscriptions.close();
    return idle;
  }

  close(): Promise<void> {
    return this.upstreams.close();
  }

  destroy(): void {
    this.upstreams.destroy();
  }

  #upstreamOptions(): UpstreamRoomOptions {
    const { config, env, info, log, now, store } = this.#options;
    return {
      servers: this.#servers.map(upstreamServer),
      env,
      info,
      maxMessageBytes: config.limits.upstreamMessageBytes,
      verdicts: {
        get: async (key) => (await store.get('verdicts', key))?.value as never,
        put: async (key, verdict) => void (await store.put('verdicts', key, { ...verdict, eras: [...verdict.eras] })),
      },
      onUp: (server, leg) => {
        // A server may be up in both eras: one leg gives the lists, so that they do not change with whoever asked last.
        this.#refresh(server, this.upstreams.legs(server)[0] === leg ? LIST_KINDS : []);
        this.#subscriptions.renew(server);
      },
      onNotification: (server, message) => {
        const kinds = kindsChangedBy(message.method);
        if (kinds.length > 0) this.#refresh(server, kinds);
        else if (message.method === 'notifications/resources/updated') this.#subscriptions.updated(server, message);
        else if (message.method === TASK_STATUS) this.#tasks.status(server, message);
        else log('debug', 'a notification that concerns nobody', { server, method: message.method });
      },
      log,
      now,
    };
  }

  #catalogOptions(): CatalogOptions {
    const { config, info, log, now, store } = this.#options;
    return {
      servers: this.#servers.map(catalogServer),
      naming: config.naming,
      info,
      deadlineMs: config.limits.listDeadlineMs,
      load: async (server) => (await store.get('catalog', server))?.value,
      save: async (server, snapshot) => void (await store.put('catalog', server, snapshot as unknown as StoreValue)),
      start: async (server) => {
        const leg = await this.upstreams.leg(server, 'stateless');
        const legs = this.upstreams.legs(server);
        return sourceOf(legs.length === 0 ? [leg] : legs);
      },
      problem: (server) => this.upstreams.problem(server),
      onChanged: (kinds) => {
        this.#subscriptions.listChanged(announced(kinds));
        if (kinds.has('resources') || kinds.has('templates')) this.#subscriptions.ownersChanged();
      },
      log,
      now,
    };
  }

  #taskOptions(): TasksOptions {
    const { config, handleKey, log } = this.#options;
    return {
      seal: (plain, bound) => seal(handleKey, plain, bound),
      unseal: (sealed, bound) => unseal(handleKey, sealed, bound)?.toString('utf8'),
      textOf: resultText,
      servers: () => this.#servers.map(({ name }) => name).filter((name) => listsTasks(this.upstreams.legs(name))),
      list: (server) => listTasks(this.upstreams.legs(server), config.limits.listDeadlineMs),
      log,
    };
  }

  #steps(): Steps {
    const { catalog, upstreams } = this;
    const { config, cursorKey } = this.#options;
    const ready = (kinds: readonly ListKind[]): Promise<void> => catalog.ready(kinds);
    return {
      drain: this.#admission.step,
      admit: createAdmit(config.limits.concurrency),
      resolve: createResolve({
        catalog: () => catalog.catalog,
        ownerOfUri: this.#ownerOf,
        ready,
        completes: (server) => catalog.can(server, 'completions'),
        servers: this.#servers.map(({ name }) => name),
        openTaskId: (taskId, call) => this.#tasks.open(taskId, call),
      }),
      tasks: this.#tasks.step,
      taskList: this.#tasks.list,
      send: createSend({
        ready: (server, era) => upstreams.ready(server, era),
        leg: (server, era) => upstreams.leg(server, era),
        timeouts: (server, method) => upstreams.timeouts(server, method),
        ...this.#bridging(),
      }),
      list: createList({
        ready,
        lists: () => catalog.lists,
        sealCursor: (place, exchange) => seal(cursorKey, place, bearer(exchange)),
        openCursor: (cursor, exchange) => unseal(cursorKey, cursor, bearer(exchange))?.toString('utf8'),
      }),
      session: createSessionStep({
        subscriptions: this.#subscriptions,
        levelChanged: this.#levelChanged,
        resourcesReady: () => ready(['resources', 'templates']),
      }),
    };
  }

  /** Who gets what a server says meanwhile, in one era and across eras. */
  #bridging(): Pick<SendOptions, 'cause' | 'bridge'> {
    const { humanMs } = this.#options.config.limits;
    const causeOptions = {
      humanMs,
      shown: this.#tasks.shown.bind(this.#tasks),
      taskStatus: this.#tasks.status.bind(this.#tasks),
    };
    return {
      cause: (call) => causeOf(call, causeOptions),
      bridge: createBridge({
        metaText,
        ask: ({ exchange }, method, params) => ask(exchange, method, params, humanMs),
        needLevel: (leg, level) => this.upstreams.needLevel(leg, level),
        statusFor: (answer) => statusFor(answer, 'stateless'),
      }),
    };
  }

  #serve(pipeline: Pipeline): Served {
    const { log, info } = this.#options;
    return {
      describe: (_visitor, era) => {
        const { tasks, ...shared } = this.catalog.capabilities();
        const capabilities = era === 'session' && tasks !== undefined ? { ...shared, tasks } : shared;
        return { info, capabilities, instructions: this.catalog.instructions() };
      },
      handle: (exchange) => pipeline.handle(exchange),
      notified: (message) => {
        const only = this.#servers.length === 1 ? this.#servers[0] : undefined;
        if (only === undefined || NOT_FOR_SERVERS.has(message.method)) {
          log('debug', 'a notification of a client that is for no server', { method: message.method });
        } else this.upstreams.notify(only.name, 'session', message);
      },
      sessionOpened: (session) => {
        this.#sessions.add(session);
        this.#subscriptions.sessionOpened(session);
      },
      sessionClosed: (session) => {
        this.#sessions.delete(session);
        this.#subscriptions.sessionClosed(session);
        this.#tasks.sessionClosed(session);
        this.#levelChanged();
      },
    };
  }

  /** Servers answer for resources that they do not list: where there is only one, it is the one that is meant. */
  readonly #ownerOf = (uri: string): string | undefined => {
    const only = this.#servers.length === 1 ? this.#servers[0] : undefined;
    return ownerOfUri(this.catalog.catalog, uri)?.server ?? (only?.features.resources ? only.name : undefined);
  };

  readonly #levelChanged = (): void => this.upstreams.setLevel(mostVerbose(this.#sessions));

  readonly #logFailure: LogFailure = (logId, call, error) => {
    const { method } = call.exchange.message;
    const detail = { id: logId, method, target: call.target?.canonicalId, error: describeError(error) };
    this.#options.log(call.exchange.cancelled ? 'debug' : 'warn', 'a call failed', detail);
  };

  #refresh(server: string, kinds: readonly ListKind[]): void {
    const legs = this.upstreams.legs(server);
    if (legs.length > 0) void this.catalog.refresh(server, sourceOf(legs), kinds);
  }
}

/** What a cursor is good for: its caller, and the endpoint that it was given at. */
function bearer({ principal, endpoint }: Exchange): string {
  return `${principalKey(principal)} ${endpoint}`;
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const detail = 'detail' in error && typeof error.detail === 'string' ? ` (${error.detail})` : '';
  return `${error.name}: ${error.message}${detail}`;
}

/** Of a client alone, or about a request that the server does not know by this number. */
const NOT_FOR_SERVERS: ReadonlySet<string> = new Set(['notifications/roots/list_changed', 'notifications/progress']);

function announced(kinds: ReadonlySet<ListKind>): Set<'tools' | 'prompts' | 'resources'> {
  return new Set([...kinds].map((kind) => (kind === 'templates' ? 'resources' : kind)));
}

function mostVerbose(sessions: Iterable<Session>): LogLevel | undefined {
  const levels = [...sessions].flatMap(({ logLevel }) =>
    logLevel === undefined ? [] : [LOG_LEVELS.indexOf(logLevel)],
  );
  return levels.length === 0 ? undefined : LOG_LEVELS[Math.min(...levels)];
}

function upstreamServer(server: ServerConfig): UpstreamServer {
  const { target } = server;
  return { ...server, target: target.kind === 'http' ? { ...target, url: new URL(target.url) } : target };
}

function catalogServer(server: ServerConfig): CatalogServer {
  const { target } = server;
  const facts =
    target.kind === 'http'
      ? [target.url]
      : [target.command, target.args, target.cwd, Object.keys(target.env).toSorted()];
  return {
    ...server,
    tools: server.tools,
    overHttp: target.kind === 'http',
    fingerprint: createHash('sha256').update(JSON.stringify(facts)).digest('hex'),
  };
}
