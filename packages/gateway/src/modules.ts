/**
 * The bill of materials: every room of the gateway, provisioned from the configuration and given as functions what it
 * needs of the others. Nothing is started here.
 */

import { createHash, type KeyObject } from 'node:crypto';
import { askAllPages, type Leg } from '@sallyport/client';
import { principalKey, type Exchange, type Served, type Session } from '@sallyport/server';
import { LOG_LEVELS, type JsonObject, type LogLevel } from '@sallyport/wire';
import { createBridge } from './bridge/index.ts';
import { resultText } from './bridge/result-text.ts';
import { CatalogRoom, LISTS, ownerOfUri, type CatalogServer, type ListKind } from './catalog/index.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { seal, unseal } from './credentials/index.ts';
import { createPipeline } from './pipeline.ts';
import { createResolve } from './resolve.ts';
import { createAdmit, createDrain, createList, createSessionStep } from './steps.ts';
import type { Store, StoreValue } from './store/index.ts';
import { SubscriptionsRoom } from './subscriptions/index.ts';
import { createTaskStep, openTaskId, type TaskSeal } from './tasks.ts';
import type { Log } from './telemetry/index.ts';
import { causeOf } from './upstream/cause.ts';
import { UpstreamRoom, type UpstreamServer } from './upstream/index.ts';
import { metaText } from './upstream/request-text.ts';
import { createSend } from './upstream/send.ts';

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
  /** From now on new calls are refused. */
  drain(): void;
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
  let draining = false;

  const upstreams: UpstreamRoom = new UpstreamRoom({
    servers: servers.map(upstreamServer),
    env: options.env,
    info,
    verdicts: {
      get: async (key) => (await store.get('verdicts', key))?.value as never,
      put: async (key, verdict) => void (await store.put('verdicts', key, { ...verdict, eras: [...verdict.eras] })),
    },
    onUp: (server, leg) => {
      void catalog.refresh(server, sourceOf(leg));
      subscriptions.renew(server);
    },
    onNotification: (server, leg, message) => {
      const kinds = changedKinds(message.method);
      if (kinds.length > 0) void catalog.refresh(server, sourceOf(leg), kinds);
      else if (message.method === 'notifications/resources/updated') subscriptions.updated(server, message);
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
    start: async (server) => void (await upstreams.leg(server, 'stateless')),
    problem: (server) => upstreams.status(server).lastError,
    onChanged: (kinds) => subscriptions.listChanged(announced(kinds)),
    log,
    now,
  });

  const subscriptions: SubscriptionsRoom = new SubscriptionsRoom({
    ownerOf: (uri) => ownerOfUri(catalog.catalog, uri)?.server ?? (servers.length === 1 ? servers[0]?.name : undefined),
    want: (server, uris) => upstreams.want(server, uris),
    info,
  });

  const taskSeal: TaskSeal = {
    seal: (plain, bound) => seal(options.handleKey, plain, bound),
    unseal: (sealed, bound) => unseal(options.handleKey, sealed, bound)?.toString('utf8'),
  };
  const cursorBinding = ({ principal, endpoint }: Exchange): string => `${principalKey(principal)} ${endpoint}`;
  const levelChanged = (): void => upstreams.setLevel(mostVerbose(sessions));

  const pipeline = createPipeline(
    {
      drain: createDrain(() => draining),
      admit: createAdmit(config.limits.concurrency),
      resolve: createResolve({
        catalog: () => catalog.catalog,
        ownerOfUri,
        ready: () => catalog.ready(),
        servers: servers.map(({ name }) => name),
        openTaskId: (taskId, call) => openTaskId(taskSeal, taskId, call),
      }),
      tasks: createTaskStep(taskSeal, resultText),
      send: createSend({
        ready: (server, era) => upstreams.ready(server, era),
        leg: (server, era) => upstreams.leg(server, era),
        timeouts: (server, method) => upstreams.timeouts(server, method),
        bridge: createBridge({
          metaText,
          ask: (call, method, params) =>
            causeOf(call).ask({ jsonrpc: '2.0', id: 0, method, ...(params && { params }) }),
        }),
      }),
      list: createList({
        ready: () => catalog.ready(),
        lists: () => catalog.lists,
        sealOffset: (offset, exchange) => seal(options.cursorKey, String(offset), cursorBinding(exchange)),
        openOffset: (cursor, exchange) => {
          const plain = unseal(options.cursorKey, cursor, cursorBinding(exchange))?.toString('utf8');
          return plain === undefined ? undefined : Number(plain);
        },
      }),
      session: createSessionStep({ subscriptions, levelChanged }),
    },
    (logId, call, error) => {
      const { method } = call.exchange.message;
      const detail = { id: logId, method, target: call.target?.canonicalId, error: describeError(error) };
      log(call.exchange.cancelled ? 'debug' : 'warn', 'a call failed', detail);
    },
  );

  const served: Served = {
    describe: (_visitor, era) => {
      const { tasks, ...shared } = catalog.capabilities();
      return {
        info,
        capabilities: era === 'session' && tasks !== undefined ? { ...shared, tasks } : shared,
        instructions: catalog.instructions(),
      };
    },
    handle: (exchange) => pipeline.handle(exchange),
    notified: (message) => log('debug', 'a notification of a client', { method: message.method }),
    sessionOpened: (session) => {
      sessions.add(session);
      subscriptions.sessionOpened(session);
    },
    sessionClosed: (session) => {
      sessions.delete(session);
      subscriptions.sessionClosed(session);
      levelChanged();
    },
  };

  return {
    served,
    catalog,
    upstreams,
    drain: () => {
      draining = true;
      subscriptions.close();
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

function sourceOf(leg: Leg): Parameters<CatalogRoom['refresh']>[1] {
  return {
    ...leg.server,
    list: async (method, member) => (await askAllPages(leg, method, member, { timeoutMs: LIST_TIMEOUT_MS })).items,
  };
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
    tools: server.tools as CatalogServer['tools'],
    overHttp: target.kind === 'http',
    fingerprint: createHash('sha256').update(JSON.stringify(facts)).digest('hex'),
  };
}
