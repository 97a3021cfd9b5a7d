/**
 * Who wants to hear of what, by endpoint: resource subscriptions of session-era clients, `subscriptions/listen` of
 * stateless ones. Each server is told once which URIs somebody wants; an update goes to everyone who asked for it at an
 * endpoint where that server owns it. Whether a principal may see a URI was decided before.
 */

import { principalKey, type Answer, type Exchange, type Principal, type Session } from '@sallyport/server';
import {
  isObject,
  META_SERVER_INFO,
  META_SUBSCRIPTION_ID,
  withoutEnvelope,
  type JsonObject,
  type JsonRpcNotification,
} from '@sallyport/wire';
import { Wants, type Want, type Wishes } from './wants.ts';

type ListChange = 'tools' | 'prompts' | 'resources';

const LIST_CHANGES: readonly { readonly kind: ListChange; readonly filter: string; readonly method: string }[] = [
  { kind: 'tools', filter: 'toolsListChanged', method: 'notifications/tools/list_changed' },
  { kind: 'prompts', filter: 'promptsListChanged', method: 'notifications/prompts/list_changed' },
  { kind: 'resources', filter: 'resourcesListChanged', method: 'notifications/resources/list_changed' },
];

/** URIs that one listener may name. */
const MAX_URIS = 1000;

interface Listener {
  readonly exchange: Exchange;
  readonly changes: ReadonlySet<ListChange>;
  readonly wishes: Wishes;
  readonly finish: (answer: Answer) => void;
}

/** Those who are at one endpoint. */
interface Audience {
  readonly sessions: Map<Session, Wishes>;
  readonly listeners: Set<Listener>;
}

const NOBODY: Audience = { sessions: new Map(), listeners: new Set() };

export interface SubscriptionsOptions {
  /** The server that owns a URI at an endpoint; undefined when nobody does. */
  readonly ownerOf: (uri: string, endpoint: string) => string | undefined;
  /** False when a server has said that it reports no updates. */
  readonly supports: (server: string) => boolean;
  readonly want: Want;
  readonly info: JsonObject;
}

export class SubscriptionsRoom {
  readonly #options: SubscriptionsOptions;
  readonly #audiences: Map<string, Audience> = new Map();
  readonly #wants: Wants;
  #closed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#wants = new Wants(options.want);
  }

  /** Endpoints at which somebody is. */
  endpoints(): Iterable<string> {
    return this.#audiences.keys();
  }

  sessionOpened(session: Session): void {
    this.#audience(session.endpoint).sessions.set(session, new Map());
  }

  sessionClosed(session: Session): void {
    const { endpoint } = session;
    const wishes = this.#audiences.get(endpoint)?.sessions.get(session);
    this.#audiences.get(endpoint)?.sessions.delete(session);
    this.#forget(wishes ?? new Map(), endpoint);
  }

  /** `unknown` when nobody owns the URI, `unsupported` when its owner reports no updates. */
  subscribe(session: Session, uri: string): 'subscribed' | 'unknown' | 'unsupported' | 'too_many' {
    const wishes = this.#audiences.get(session.endpoint)?.sessions.get(session);
    const owner = this.#options.ownerOf(uri, session.endpoint);
    if (wishes === undefined || owner === undefined) return 'unknown';
    if (!this.#options.supports(owner)) return 'unsupported';
    if (wishes.size >= MAX_URIS && !wishes.has(uri)) return 'too_many';
    const before = wishes.get(uri);
    wishes.set(uri, owner);
    this.#wants.change([[uri, before, owner]]);
    return 'subscribed';
  }

  unsubscribe(session: Session, uri: string): void {
    const wishes = this.#audiences.get(session.endpoint)?.sessions.get(session);
    const owner = wishes?.get(uri);
    wishes?.delete(uri);
    this.#wants.change([[uri, owner, undefined]]);
  }

  /** Serves `subscriptions/listen` until its client goes or the gateway stops (2026-07-28, "Subscriptions"). */
  listen(exchange: Exchange): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const filter = exchange.message.params?.['notifications'];
    const asked = isObject(filter) ? filter : {};
    const changes = LIST_CHANGES.filter(({ filter: name }) => asked[name] === true);
    const named = Array.isArray(asked['resourceSubscriptions']) ? asked['resourceSubscriptions'] : [];
    const { endpoint } = exchange;
    const wishes: Wishes = new Map();
    for (const uri of named.filter((each) => typeof each === 'string')) {
      const owner = this.#options.ownerOf(uri, endpoint);
      if (owner !== undefined && this.#options.supports(owner) && wishes.size < MAX_URIS) wishes.set(uri, owner);
    }
    const listener: Listener = {
      exchange,
      changes: new Set(changes.map(({ kind }) => kind)),
      wishes,
      finish: resolve,
    };
    this.#audience(endpoint).listeners.add(listener);
    this.#wants.change([...wishes].map(([uri, owner]) => [uri, undefined, owner]));
    exchange.onCancel(() => this.#drop(listener, {}));
    this.#tell(listener, 'notifications/subscriptions/acknowledged', {
      notifications: {
        ...Object.fromEntries(changes.map(({ filter: name }) => [name, true])),
        ...(named.length > 0 && { resourceSubscriptions: [...wishes.keys()] }),
      },
    });
    if (this.#closed) this.#end(listener);
    return promise;
  }

  /** Lists have changed for everybody at an endpoint. */
  listChanged(endpoint: string, kinds: ReadonlySet<ListChange>): void {
    const { sessions, listeners } = this.#audiences.get(endpoint) ?? NOBODY;
    for (const { kind, method } of LIST_CHANGES) {
      if (!kinds.has(kind)) continue;
      for (const session of sessions.keys()) session.notify({ jsonrpc: '2.0', method });
      for (const listener of listeners) if (listener.changes.has(kind)) this.#tell(listener, method, {});
    }
  }

  /**
   * A server reports that one of its resources has changed, or a part of one. With a hearer (`principalKey`) it is the instance
   * of that principal that reports, and nobody else hears of it.
   */
  updated(server: string, message: JsonRpcNotification, hearer?: string): void {
    const { uri, ...params } = message.params ?? {};
    if (typeof uri !== 'string') return;
    const concerns = (wishes: Wishes): boolean =>
      [...wishes].some(([wanted, owner]) => owner === server && covers(wanted, uri));
    const mayHear = (principal: Principal): boolean => hearer === undefined || principalKey(principal) === hearer;
    const { _meta: given, ...others } = params;
    const meta = withoutEnvelope(isObject(given) ? given : {});
    const shown: JsonObject = { ...others, uri, ...(Object.keys(meta).length > 0 && { _meta: meta }) };
    for (const { sessions, listeners } of this.#audiences.values()) {
      for (const [session, wishes] of sessions) {
        if (mayHear(session.principal) && concerns(wishes)) session.notify({ ...message, params: shown });
      }
      for (const listener of listeners) {
        if (!mayHear(listener.exchange.principal) || !concerns(listener.wishes)) continue;
        this.#tell(listener, message.method, shown);
      }
    }
  }

  /** Resources at an endpoint may belong to other servers now. What nobody owns is wanted again when somebody does. */
  ownersChanged(endpoint: string): void {
    this.#wants.change([...this.#wishesAt(endpoint)].flatMap((wishes) => this.#movesOf(wishes, endpoint)));
  }

  /** What was wanted of servers that are gone, and what nobody else owns, is forgotten quietly. */
  serversRemoved(servers: ReadonlySet<string>): void {
    this.#wants.forget(servers);
    for (const endpoint of this.#audiences.keys()) {
      for (const wishes of this.#wishesAt(endpoint)) {
        const orphans = [...wishes].filter(([, owner]) => owner !== undefined && servers.has(owner));
        this.#wants.change(this.#movesOf(wishes, endpoint));
        for (const [uri] of orphans) if (wishes.get(uri) === undefined) wishes.delete(uri);
      }
    }
  }

  /** An endpoint is no more: whoever listens there is told that it is over. Its sessions are ended by who has them. */
  endpointGone(endpoint: string): void {
    for (const listener of this.#audiences.get(endpoint)?.listeners ?? []) this.#end(listener);
  }

  /** A server has come up again: it is told what is wanted of it. */
  renew(server: string): void {
    const uris = this.#wants.of(server);
    if (uris.length > 0) this.#options.want(server, uris);
  }

  /** Ends every listen in order, also those that still come. */
  close(): void {
    this.#closed = true;
    for (const endpoint of this.#audiences.keys()) this.endpointGone(endpoint);
  }

  #audience(endpoint: string): Audience {
    const audience = this.#audiences.get(endpoint) ?? { sessions: new Map(), listeners: new Set() };
    this.#audiences.set(endpoint, audience);
    return audience;
  }

  *#wishesAt(endpoint: string): Iterable<Wishes> {
    const { sessions, listeners } = this.#audiences.get(endpoint) ?? NOBODY;
    yield* sessions.values();
    for (const { wishes } of listeners) yield wishes;
  }

  /** Sets the owners of today, and says what has moved. */
  #movesOf(wishes: Wishes, endpoint: string): [string, string | undefined, string | undefined][] {
    return [...wishes].map(([uri, before]) => {
      const owner = this.#options.ownerOf(uri, endpoint);
      wishes.set(uri, owner);
      return [uri, before, owner];
    });
  }

  /** Somebody has left an endpoint. */
  #forget(wishes: Wishes, endpoint: string): void {
    const audience = this.#audiences.get(endpoint);
    if (audience?.sessions.size === 0 && audience.listeners.size === 0) this.#audiences.delete(endpoint);
    this.#wants.change([...wishes].map(([uri, owner]) => [uri, owner, undefined]));
  }

  #drop(listener: Listener, result: JsonObject): void {
    const { endpoint } = listener.exchange;
    if (this.#audiences.get(endpoint)?.listeners.delete(listener) !== true) return;
    listener.finish({ kind: 'value', result: { resultType: 'complete', ...result } });
    this.#forget(listener.wishes, endpoint);
  }

  #end(listener: Listener): void {
    this.#drop(listener, {
      _meta: { [META_SUBSCRIPTION_ID]: listener.exchange.message.id, [META_SERVER_INFO]: this.#options.info },
    });
  }

  #tell(listener: Listener, method: string, params: JsonObject): void {
    const given = isObject(params['_meta']) ? params['_meta'] : {};
    const meta = { ...given, [META_SUBSCRIPTION_ID]: listener.exchange.message.id };
    listener.exchange.notify({ jsonrpc: '2.0', method, params: { ...params, _meta: meta } });
  }
}

/** True when an update of `uri` is one of `wanted`: servers may name a part of what was subscribed (2025-11-25, resources). */
function covers(wanted: string, uri: string): boolean {
  if (uri === wanted) return true;
  return uri.startsWith(wanted.endsWith('/') ? wanted : `${wanted}/`);
}
