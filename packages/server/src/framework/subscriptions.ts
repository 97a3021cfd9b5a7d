/**
 * Who wants to hear of what: the open sessions, what they subscribed to, and the listens of stateless clients (2026-07-28,
 * "Subscriptions"; 2025-11-25, "Resources", "Subscriptions"). What somebody may not see is never told to them.
 */

import {
  isObject,
  LOG_LEVELS,
  META_SERVER_INFO,
  META_SUBSCRIPTION_ID,
  type JsonObject,
  type JsonValue,
  type LogLevel,
} from '@sallyport/wire';
import { errorAnswer, principalKey, type Answer, type Exchange, type Principal, type Session } from '../exchange.ts';
import type { Viewer } from './context.ts';
import type { ChangedKind } from './kinds.ts';
import type { Entry } from './registry.ts';
import type { See } from './visibility.ts';
import { viewerOf } from './viewer.ts';

/** Of each principal: resources that it is subscribed to, and listens that are open. */
const MAX_SUBSCRIPTIONS = 1000;
const MAX_LISTENS = 32;
/** Characters of a URI that is subscribed to. */
const MAX_URI = 8192;

const FILTERS: Readonly<Record<ChangedKind, string>> = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
};
const KINDS: readonly ChangedKind[] = ['tools', 'prompts', 'resources'];

/** Somebody who hears of things: a session, or a listen. */
interface Hearer {
  readonly owner: string;
  readonly uris: Set<string>;
  readonly wants: (kind: ChangedKind) => boolean;
  readonly viewer: () => Viewer;
  readonly tell: (method: string, params: JsonObject) => void;
}

interface Listen extends Hearer {
  readonly exchange: Exchange;
  readonly end: () => void;
}

/** Changes of one kind that nobody was told of yet. */
interface Pending {
  everybody: boolean;
  readonly see: Set<See>;
}

export interface SubscriptionsOptions {
  /** Name and version of the server. */
  readonly info: JsonObject;
  /** Whether a viewer can read a URI. */
  readonly isReadable: (uri: string, viewer: Viewer) => boolean;
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #sessions: Map<Session, Hearer> = new Map();
  readonly #listens: Set<Listen> = new Set();
  readonly #pending: Map<ChangedKind, Pending> = new Map();
  #closed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.keys();
  }

  sessionOpened(session: Session): void {
    this.#sessions.set(session, {
      owner: principalKey(session.principal),
      uris: new Set(),
      wants: () => true,
      viewer: () => viewerOf(session, session),
      tell: (method, params) => session.notify(noticeOf(method, params)),
    });
  }

  sessionClosed(session: Session): void {
    this.#sessions.delete(session);
  }

  /** `resources/subscribe` and `resources/unsubscribe`. */
  subscribe(exchange: Exchange, isOn: boolean): Answer {
    const uri = exchange.message.params?.['uri'];
    const hearer = exchange.session && this.#sessions.get(exchange.session);
    if (typeof uri !== 'string' || uri === '')
      return errorAnswer('invalid_params', exchange.era, 'The uri is missing.');
    if (hearer === undefined || !isOn) {
      hearer?.uris.delete(uri);
      return { kind: 'value', result: {} };
    }
    if (uri.length > MAX_URI || !this.#options.isReadable(uri, hearer.viewer())) {
      return errorAnswer('resource_not_found', exchange.era, 'Resource not found.', { uri: uri.slice(0, MAX_URI) });
    }
    if (!hearer.uris.has(uri) && this.#wanted(hearer.owner) >= MAX_SUBSCRIPTIONS) return tooMany(exchange);
    hearer.uris.add(uri);
    return { kind: 'value', result: {} };
  }

  /** `subscriptions/listen`: answered when it ends. */
  listen(exchange: Exchange): Answer | Promise<Answer> {
    const owner = principalKey(exchange.principal);
    const filter = exchange.message.params?.['notifications'];
    const asked = isObject(filter) ? filter : {};
    const given = asked['resourceSubscriptions'];
    const named = new Set(
      Array.isArray(given) ? given.filter((uri) => typeof uri === 'string' && uri.length <= MAX_URI) : [],
    );
    const open = [...this.#listens].filter((listen) => listen.owner === owner);
    if (open.length >= MAX_LISTENS || this.#wanted(owner) + named.size > MAX_SUBSCRIPTIONS) return tooMany(exchange);
    const viewer = viewerOf(exchange, undefined);
    const uris = new Set([...named].filter((uri): uri is string => this.#options.isReadable(uri as string, viewer)));
    const kinds = KINDS.filter((kind) => asked[FILTERS[kind]] === true);
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const id = exchange.message.id;
    const drop = (meta: JsonObject): void => {
      if (!this.#listens.delete(listen)) return;
      resolve({
        kind: 'value',
        result: { resultType: 'complete', _meta: { ...meta, [META_SERVER_INFO]: this.#options.info } },
      });
    };
    const listen: Listen = {
      exchange,
      owner,
      uris,
      wants: (kind) => kinds.includes(kind),
      viewer: () => viewer,
      tell: (method, params) => exchange.notify(noticeOf(method, { ...params, _meta: { [META_SUBSCRIPTION_ID]: id } })),
      end: () => drop({ [META_SUBSCRIPTION_ID]: id }),
    };
    this.#listens.add(listen);
    exchange.onCancel(() => drop({}));
    listen.tell('notifications/subscriptions/acknowledged', {
      notifications: {
        ...Object.fromEntries(kinds.map((kind) => [FILTERS[kind], true])),
        ...(named.size > 0 && { resourceSubscriptions: [...uris] }),
      },
    });
    if (this.#closed) listen.end();
    return promise;
  }

  /** All who see what has changed are told, once for all changes of a moment. */
  listChanged(kind: ChangedKind, ...entries: readonly (Entry | undefined)[]): void {
    if (this.#sessions.size === 0 && this.#listens.size === 0) return;
    const pending = this.#pending.get(kind) ?? { everybody: false, see: new Set() };
    for (const entry of entries) {
      if (entry !== undefined && entry.see === undefined) pending.everybody = true;
      else if (entry?.see !== undefined) pending.see.add(entry.see);
    }
    if (this.#pending.has(kind)) return;
    this.#pending.set(kind, pending);
    queueMicrotask(() => this.#tellChange(kind, pending));
  }

  /** A session whose principal has other rights now sees other lists. */
  principalChanged(
    session: Session,
    before: Principal,
    isOther: (kind: ChangedKind, before: Viewer, after: Viewer) => boolean,
  ): void {
    const hearer = this.#sessions.get(session);
    if (hearer === undefined) return;
    const after = hearer.viewer();
    const was = viewerOf({ ...after, principal: before }, session);
    for (const kind of KINDS) if (isOther(kind, was, after)) hearer.tell(methodOf(kind), {});
    for (const uri of hearer.uris) if (!this.#options.isReadable(uri, after)) hearer.uris.delete(uri);
  }

  /** Those who wanted to hear of it, or of what it is a part of. */
  resourceUpdated(uri: string, concerns?: (viewer: Viewer) => boolean): void {
    for (const hearer of this.#hearers()) {
      const isWanted = [...hearer.uris].some((wanted) => covers(wanted, uri));
      if (!isWanted || !this.#options.isReadable(uri, hearer.viewer())) continue;
      if (concerns !== undefined && !concerns(hearer.viewer())) continue;
      hearer.tell('notifications/resources/updated', { uri });
    }
  }

  /** To every session that wants messages of this level. */
  log(level: LogLevel, data: JsonValue, logger: string | undefined): void {
    const rank = LOG_LEVELS.indexOf(level);
    for (const [{ logLevel }, hearer] of this.#sessions) {
      if (logLevel !== undefined && rank < LOG_LEVELS.indexOf(logLevel)) continue;
      hearer.tell('notifications/message', { level, ...(logger !== undefined && { logger }), data });
    }
  }

  /** Ends the listens of those requests in order. */
  drain(concerns: (exchange: Exchange) => boolean): void {
    for (const listen of this.#listens) if (concerns(listen.exchange)) listen.end();
  }

  /** Ends every listen in order, also those that still come. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const listen of this.#listens) listen.end();
  }

  *#hearers(): Iterable<Hearer> {
    yield* this.#sessions.values();
    yield* this.#listens;
  }

  #wanted(owner: string): number {
    let count = 0;
    for (const hearer of this.#hearers()) if (hearer.owner === owner) count += hearer.uris.size;
    return count;
  }

  #tellChange(kind: ChangedKind, { everybody, see }: Pending): void {
    this.#pending.delete(kind);
    for (const hearer of this.#hearers()) {
      if (!hearer.wants(kind)) continue;
      const viewer = hearer.viewer();
      if (everybody || [...see].some((sees) => sees(viewer) !== 'hidden')) hearer.tell(methodOf(kind), {});
    }
  }
}

/** A part of a resource belongs to it. */
function covers(wanted: string, uri: string): boolean {
  return uri === wanted || uri.startsWith(wanted.endsWith('/') ? wanted : `${wanted}/`);
}

function methodOf(kind: ChangedKind): string {
  return `notifications/${kind}/list_changed`;
}

function noticeOf(
  method: string,
  params: JsonObject,
): { readonly jsonrpc: '2.0'; readonly method: string; readonly params?: JsonObject } {
  return Object.keys(params).length === 0 ? { jsonrpc: '2.0', method } : { jsonrpc: '2.0', method, params };
}

function tooMany({ era }: Exchange): Answer {
  return errorAnswer('rate_limited', era, 'You have too many subscriptions.');
}
