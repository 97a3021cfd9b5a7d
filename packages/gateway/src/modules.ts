/**
 * The bill of materials: every room of the gateway, provisioned from the configuration and given as functions what it
 * needs of the others. Nothing is started here.
 */

import { createHash, type KeyObject } from 'node:crypto';
import { askAllPages, errorOf, type Leg } from '@sallyport/client';
import { principalKey, type Exchange, type Served, type Session } from '@sallyport/server';
import { ERRORS, isObject, LOG_LEVELS, type JsonObject, type LogLevel } from '@sallyport/wire';
import { createBridge } from './bridge/index.ts';
import { resultText } from './bridge/result-text.ts';
import { TASK_STATUS } from './call.ts';
import {
  CatalogRoom,
  LIST_KINDS,
  LISTS,
  ownerOfUri,
  unionCapabilities,
  usableEntries,
  type CatalogServer,
  type ListKind,
  type Source,
} from './catalog/index.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { seal, unseal } from './credentials/index.ts';
import { createPipeline } from './pipeline.ts';
import { createResolve } from './resolve.ts';
import { createAdmit, createList, createSessionStep, Drain } from './steps.ts';
import type { Store, StoreValue } from './store/index.ts';
import { SubscriptionsRoom } from './subscriptions/index.ts';
import { TaskRoom } from './tasks.ts';
import type { Log } from './telemetry/index.ts';
import { ask, causeOf } from './upstream/cause.ts';
import { UpstreamRoom, type UpstreamServer } from './upstream/index.ts';
import { metaText } from './upstream/request-text.ts';
import { createSend, statusFor } from './upstream/send.ts';

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

/** Milliseconds that one page of a list may take. */
const LIST_TIMEOUT_MS = 30_000;

export function createRooms(options: RoomOptions): Rooms {
  const { config, store, log, info, now } = options;
  const servers = config.servers.filter((server) => server.enabled);
  const sessions = new Set<Session>();
  const drain = new Drain();

  const refresh = (server: string, kinds: readonly ListKind[]): void => {
    const legs = upstreams.legs(server);
    if (legs.length > 0) void catalog.refresh(server, sourceOf(legs), kinds);
  };

  const upstreams: UpstreamRoom = new UpstreamRoom({
    servers: servers.map(upstreamServer),
    env: options.env,
    info,
    maxMessageBytes: config.limits.upstreamMessageBytes,
    verdicts: {
      get: async (key) => (await store.get('verdicts', key))?.value as never,
      put: async (key, verdict) => void (await store.put('verdicts', key, { ...verdict, eras: [...verdict.eras] })),
    },
    onUp: (server, leg) => {
      // A server may be up in both eras: one leg gives the lists, so that they do not change with whoever asked last.
      refresh(server, upstreams.legs(server)[0] === leg ? LIST_KINDS : []);
      subscriptions.renew(server);
    },
    onNotification: (server, message) => {
      const kinds = changedKinds(message.method);
      if (kinds.length > 0) refresh(server, kinds);
      else if (message.method === 'notifications/resources/updated') subscriptions.updated(server, message);
      else if (message.method === TASK_STATUS) tasks.status(server, message);
      else log('debug', 'a notification that concerns nobody', { server, method: message.method });
    },
    log,
    now,
  });

  const catalog: CatalogRoom = new CatalogRoom({
    servers: servers.map(catalogServer),
    naming: config.naming,
    info,
    deadlineMs: config.limits.listDeadlineMs,
    load: async (server) => (await store.get('catalog', server))?.value,
    save: async (server, snapshot) => void (await store.put('catalog', server, snapshot as unknown as StoreValue)),
    start: async (server) => {
      const leg = await upstreams.leg(server, 'stateless');
      const legs = upstreams.legs(server);
      return sourceOf(legs.length === 0 ? [leg] : legs);
    },
    problem: (server) => upstreams.problem(server),
    onChanged: (kinds) => {
      subscriptions.listChanged(announced(kinds));
      if (kinds.has('resources') || kinds.has('templates')) subscriptions.ownersChanged();
    },
    log,
    now,
  });

  // Servers answer for resources that they do not list: where there is only one, it is the one that is meant.
  const onlyWithResources = servers.length === 1 && servers[0]?.features.resources ? servers[0].name : undefined;
  const ownerOf = (uri: string): string | undefined => ownerOfUri(catalog.catalog, uri)?.server ?? onlyWithResources;

  const subscriptions: SubscriptionsRoom = new SubscriptionsRoom({
    ownerOf,
    supports: (server) => catalog.can(server, 'resources', 'subscribe'),
    want: (server, uris) => upstreams.want(server, uris),
    info,
  });

  const tasks: TaskRoom = new TaskRoom({
    seal: (plain, bound) => seal(options.handleKey, plain, bound),
    unseal: (sealed, bound) => unseal(options.handleKey, sealed, bound)?.toString('utf8'),
    textOf: resultText,
    servers: () => servers.map(({ name }) => name).filter((name) => listsTasks(upstreams.legs(name))),
    list: (server) => listTasks(upstreams.legs(server), config.limits.listDeadlineMs),
    log,
  });
  const causeOptions = {
    humanMs: config.limits.humanMs,
    shown: tasks.shown.bind(tasks),
    taskStatus: tasks.status.bind(tasks),
  };
  const cursorBinding = ({ principal, endpoint }: Exchange): string => `${principalKey(principal)} ${endpoint}`;
  const levelChanged = (): void => upstreams.setLevel(mostVerbose(sessions));

  const pipeline = createPipeline(
    {
      drain: drain.step,
      admit: createAdmit(config.limits.concurrency),
      resolve: createResolve({
        catalog: () => catalog.catalog,
        ownerOfUri: ownerOf,
        ready: (kinds) => catalog.ready(kinds),
        completes: (server) => catalog.can(server, 'completions'),
        servers: servers.map(({ name }) => name),
        openTaskId: (taskId, call) => tasks.open(taskId, call),
      }),
      tasks: tasks.step,
      taskList: tasks.list,
      send: createSend({
        ready: (server, era) => upstreams.ready(server, era),
        leg: (server, era) => upstreams.leg(server, era),
        timeouts: (server, method) => upstreams.timeouts(server, method),
        cause: (call) => causeOf(call, causeOptions),
        bridge: createBridge({
          metaText,
          ask: ({ exchange }, method, params) => ask(exchange, method, params, config.limits.humanMs),
          needLevel: (leg, level) => upstreams.needLevel(leg, level),
          statusFor: (answer) => statusFor(answer, 'stateless'),
        }),
      }),
      list: createList({
        ready: (kinds) => catalog.ready(kinds),
        lists: () => catalog.lists,
        sealCursor: (place, exchange) => seal(options.cursorKey, place, cursorBinding(exchange)),
        openCursor: (cursor, exchange) => unseal(options.cursorKey, cursor, cursorBinding(exchange))?.toString('utf8'),
      }),
      session: createSessionStep({ subscriptions, levelChanged, ready: (kinds) => catalog.ready(kinds) }),
    },
    (logId, call, error) => {
      const { method } = call.exchange.message;
      const detail = { id: logId, method, target: call.target?.canonicalId, error: describeError(error) };
      log(call.exchange.cancelled ? 'debug' : 'warn', 'a call failed', detail);
    },
  );

  const served: Served = {
    describe: (_visitor, era) => {
      const { tasks: ofSessions, ...shared } = catalog.capabilities();
      return {
        info,
        capabilities: era === 'session' && ofSessions !== undefined ? { ...shared, tasks: ofSessions } : shared,
        instructions: catalog.instructions(),
      };
    },
    handle: (exchange) => pipeline.handle(exchange),
    notified: (message) => {
      const [only] = servers;
      if (servers.length === 1 && only !== undefined && !NOT_FOR_SERVERS.has(message.method)) {
        upstreams.notify(only.name, 'session', message);
      } else log('debug', 'a notification of a client that is for no server', { method: message.method });
    },
    sessionOpened: (session) => {
      sessions.add(session);
      subscriptions.sessionOpened(session);
    },
    sessionClosed: (session) => {
      sessions.delete(session);
      subscriptions.sessionClosed(session);
      tasks.sessionClosed(session);
      levelChanged();
    },
  };

  return {
    served,
    catalog,
    upstreams,
    drain: () => {
      const idle = drain.begin();
      subscriptions.close();
      return idle;
    },
    close: () => upstreams.close(),
    destroy: () => upstreams.destroy(),
  };
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const detail = 'detail' in error && typeof error.detail === 'string' ? ` (${error.detail})` : '';
  return `${error.name}: ${error.message}${detail}`;
}

/** Of a client alone, or about a request that the server does not know by this number. */
const NOT_FOR_SERVERS: ReadonlySet<string> = new Set(['notifications/roots/list_changed', 'notifications/progress']);

/** The lists of the first leg, with what the server says in either era that it can. */
function sourceOf(legs: readonly Leg[]): Source {
  const [leg] = legs as readonly [Leg];
  const capabilities = legs.map(({ server }) => server.capabilities).reduce(unionCapabilities);
  return {
    capabilities,
    info: leg.server.info,
    instructions: leg.server.instructions,
    list: async (kind) => {
      const { method, member, capability } = LISTS[kind];
      if (leg.server.capabilities[capability] === undefined) return [];
      try {
        return usableEntries(kind, (await askAllPages(leg, method, member, { timeoutMs: LIST_TIMEOUT_MS })).items);
      } catch (error) {
        // Resources and templates are one capability: many servers declare it and serve only one of the two.
        if (errorOf(error)?.code === ERRORS.method_not_found.code) return [];
        throw error;
      }
    },
  };
}

function listsTasks(legs: readonly Leg[]): boolean {
  return legs.some(({ era, server }) => {
    const { tasks } = server.capabilities;
    return era === 'session' && isObject(tasks) && tasks['list'] !== undefined;
  });
}

async function listTasks(legs: readonly Leg[], timeoutMs: number): Promise<readonly unknown[]> {
  const leg = legs.find(({ era }) => era === 'session');
  return leg === undefined ? [] : (await askAllPages(leg, 'tasks/list', 'tasks', { timeoutMs })).items;
}

function changedKinds(method: string): ListKind[] {
  return (Object.keys(LISTS) as ListKind[]).filter((kind) => LISTS[kind].changed === method);
}

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
