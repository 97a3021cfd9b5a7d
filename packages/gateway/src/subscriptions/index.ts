/**
 * Who wants to hear of what: resource subscriptions of session-era clients, `subscriptions/listen` of stateless ones.
 * Each server is told once which URIs somebody wants; an update goes to everyone who asked for it.
 * Whether a principal may see a URI was decided before.
 */

import type { Answer, Exchange, Session } from '@sallyport/server';
import {
  isObject,
  META_SERVER_INFO,
  META_SUBSCRIPTION_ID,
  withoutEnvelope,
  type JsonObject,
  type JsonRpcNotification,
} from '@sallyport/wire';

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
  readonly uris: ReadonlySet<string>;
  readonly finish: (answer: Answer) => void;
}

export interface SubscriptionsOptions {
  /** The server that owns a URI; undefined when nobody does. */
  readonly ownerOf: (uri: string) => string | undefined;
  /** False when a server has said that it reports no updates. */
  readonly supports: (server: string) => boolean;
  /** Tells a server which of its resources are wanted now. */
  readonly want: (server: string, uris: readonly string[]) => void;
  readonly info: JsonObject;
}

export class SubscriptionsRoom {
  readonly #options: SubscriptionsOptions;
  readonly #sessions: Map<Session, Set<string>> = new Map();
  readonly #listeners: Set<Listener> = new Set();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  sessionOpened(session: Session): void {
    this.#sessions.set(session, new Set());
  }

  sessionClosed(session: Session): void {
    const uris = this.#sessions.get(session);
    this.#sessions.delete(session);
    this.#wantAgain(uris ?? []);
  }

  /** `unknown` when nobody owns the URI, `unsupported` when its owner reports no updates. */
  subscribe(session: Session, uri: string): 'subscribed' | 'unknown' | 'unsupported' | 'too_many' {
    const uris = this.#sessions.get(session);
    const owner = this.#options.ownerOf(uri);
    if (uris === undefined || owner === undefined) return 'unknown';
    if (!this.#options.supports(owner)) return 'unsupported';
    if (uris.size >= MAX_URIS && !uris.has(uri)) return 'too_many';
    uris.add(uri);
    this.#wantAgain([uri]);
    return 'subscribed';
  }

  unsubscribe(session: Session, uri: string): void {
    this.#sessions.get(session)?.delete(uri);
    this.#wantAgain([uri]);
  }

  /** Serves `subscriptions/listen` until its client goes or the gateway stops (2026-07-28, "Subscriptions"). */
  listen(exchange: Exchange): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const filter = exchange.message.params?.['notifications'];
    const asked = isObject(filter) ? filter : {};
    const changes = LIST_CHANGES.filter(({ filter: name }) => asked[name] === true);
    const named = Array.isArray(asked['resourceSubscriptions']) ? asked['resourceSubscriptions'] : [];
    const uris = named
      .filter((uri): uri is string => typeof uri === 'string' && this.#canWatch(uri))
      .slice(0, MAX_URIS);
    const listener: Listener = {
      exchange,
      changes: new Set(changes.map(({ kind }) => kind)),
      uris: new Set(uris),
      finish: resolve,
    };
    this.#listeners.add(listener);
    exchange.onCancel(() => this.#drop(listener));
    this.#tell(listener, 'notifications/subscriptions/acknowledged', {
      notifications: {
        ...Object.fromEntries(changes.map(({ filter: name }) => [name, true])),
        ...(named.length > 0 && { resourceSubscriptions: uris }),
      },
    });
    this.#wantAgain(uris);
    return promise;
  }

  /** A list has changed for everybody. */
  listChanged(kinds: ReadonlySet<ListChange>): void {
    for (const { kind, method } of LIST_CHANGES) {
      if (!kinds.has(kind)) continue;
      for (const session of this.#sessions.keys()) session.notify({ jsonrpc: '2.0', method });
      for (const listener of this.#listeners) if (listener.changes.has(kind)) this.#tell(listener, method, {});
    }
  }

  /** A server reports that one of its resources has changed, or a part of one. */
  updated(server: string, message: JsonRpcNotification): void {
    const { uri, ...params } = message.params ?? {};
    if (typeof uri !== 'string') return;
    const concerns = (uris: ReadonlySet<string>): boolean =>
      [...uris].some((wanted) => covers(wanted, uri) && this.#options.ownerOf(wanted) === server);
    const { _meta: given, ...others } = params;
    const meta = withoutEnvelope(isObject(given) ? given : {});
    const shown: JsonObject = { ...others, uri, ...(Object.keys(meta).length > 0 && { _meta: meta }) };
    for (const [session, uris] of this.#sessions) if (concerns(uris)) session.notify({ ...message, params: shown });
    for (const listener of this.#listeners) if (concerns(listener.uris)) this.#tell(listener, message.method, shown);
  }

  /** The catalogue has changed, and with it perhaps who owns what. */
  ownersChanged(): void {
    const uris = [...this.#sessions.values(), ...[...this.#listeners].map((listener) => listener.uris)];
    this.#wantAgain(uris.flatMap((each) => [...each]));
  }

  /** A server has come up again: it is told what is wanted of it. */
  renew(server: string): void {
    const uris = this.#wantedOf(server);
    if (uris.length > 0) this.#options.want(server, uris);
  }

  /** Ends every listen in order. */
  close(): void {
    for (const listener of this.#listeners) {
      listener.finish({
        kind: 'value',
        result: {
          resultType: 'complete',
          _meta: { [META_SUBSCRIPTION_ID]: listener.exchange.message.id, [META_SERVER_INFO]: this.#options.info },
        },
      });
    }
    this.#listeners.clear();
  }

  #canWatch(uri: string): boolean {
    const owner = this.#options.ownerOf(uri);
    return owner !== undefined && this.#options.supports(owner);
  }

  #drop(listener: Listener): void {
    if (!this.#listeners.delete(listener)) return;
    listener.finish({ kind: 'value', result: { resultType: 'complete' } });
    this.#wantAgain(listener.uris);
  }

  #tell(listener: Listener, method: string, params: JsonObject): void {
    const given = isObject(params['_meta']) ? params['_meta'] : {};
    const meta = { ...given, [META_SUBSCRIPTION_ID]: listener.exchange.message.id };
    listener.exchange.notify({ jsonrpc: '2.0', method, params: { ...params, _meta: meta } });
  }

  #wantAgain(uris: Iterable<string>): void {
    const servers = new Set<string>();
    for (const uri of uris) {
      const owner = this.#options.ownerOf(uri);
      if (owner !== undefined) servers.add(owner);
    }
    for (const server of servers) this.#options.want(server, this.#wantedOf(server));
  }

  #wantedOf(server: string): string[] {
    const wanted = new Set<string>();
    for (const uris of this.#sessions.values()) for (const uri of uris) wanted.add(uri);
    for (const { uris } of this.#listeners) for (const uri of uris) wanted.add(uri);
    return [...wanted].filter((uri) => this.#options.ownerOf(uri) === server);
  }
}

/** True when an update of `uri` is one of `wanted`: servers may name a part of what was subscribed (2025-11-25, resources). */
function covers(wanted: string, uri: string): boolean {
  if (uri === wanted) return true;
  return uri.startsWith(wanted.endsWith('/') ? wanted : `${wanted}/`);
}
