/**
 * Who wants to hear of what, by endpoint: resource subscriptions of session-era clients, `subscriptions/listen` of
 * stateless ones. Each server is told once which URIs somebody wants, and the instance of a principal what that one wants
 * where each has its own; an update goes to everyone who asked for it at an endpoint where that server owns it. A server that reports without end is told of once a moment. What may be seen is
 * asked at each moment; whether a principal may read a URI was decided before it comes here.
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
import type { Audience, Owner, Vantage } from '../call.ts';
import { charactersOf, checkUri, isSame, MAX_CHARACTERS, tooLong, tooMany } from './bounds.ts';
import { askedOf, LIST_CHANGES, methodOf, tasksOf, type IsShownSame, type ListChange } from './list-changes.ts';
import type { Crowd, Listener, Standing, SubscriptionsOptions } from './types.ts';
import { TaskNews } from './task-news.ts';
import { covers, supplierOf, Wants, type Supplier, type Wishes } from './wants.ts';
import { Windows } from './windows.ts';

export type { SubscriptionsOptions } from './types.ts';

/** Parts of resources that a server may name in one window; of more it is told which resources they are parts of. */
const MAX_PARTS = 100;

const NOBODY: Crowd = { sessions: new Map(), listeners: new Set() };

export class SubscriptionsRoom {
  /** Of tasks. */
  readonly news: TaskNews;
  readonly #options: SubscriptionsOptions;
  /** By endpoint. */
  readonly #crowds: Map<string, Crowd> = new Map();
  readonly #wants: Wants;
  /** Changes of lists, by endpoint and kind. */
  readonly #changes: Windows;
  /** Updates of resources, by server. */
  readonly #updates: Map<string, Windows> = new Map();
  #closed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#changes = new Windows(options.setTimer);
    this.#wants = new Wants(options.want);
    this.news = new TaskNews({ ...options.taskNews, setTimer: options.setTimer });
  }

  /** Where somebody is, and what they see there; each once. */
  *vantages(): Iterable<Vantage> {
    for (const endpoint of this.#crowds.keys()) {
      const seen = new Set<Audience | undefined>();
      for (const { vantage } of this.#standingAt(endpoint)) {
        if (seen.has(vantage.audience)) continue;
        seen.add(vantage.audience);
        yield vantage;
      }
    }
  }

  /** Everybody, and what they see now: for `audiencesChanged`. */
  standing(): readonly Standing[] {
    return [...this.#crowds.keys()].flatMap((endpoint) => this.#standingAt(endpoint));
  }

  sessionOpened(session: Session): void {
    this.#crowd(session.endpoint).sessions.set(session, new Map());
  }

  sessionClosed(session: Session): void {
    const { endpoint } = session;
    const wishes = this.#crowds.get(endpoint)?.sessions.get(session);
    this.#crowds.get(endpoint)?.sessions.delete(session);
    this.#forget(wishes ?? new Map(), endpoint);
  }

  /**
   * `unknown` when nobody owns the URI, `unsupported` when its owner reports no updates. Throws when the URI is too long, and
   * when the principal has as many as it may have.
   */
  subscribe(session: Session, uri: string): 'subscribed' | 'unknown' | 'unsupported' {
    checkUri(uri);
    const wishes = this.#crowds.get(session.endpoint)?.sessions.get(session);
    const vantage = this.#vantageOf(session);
    const supplier = this.#supplierOf(uri, vantage);
    if (wishes === undefined || supplier === undefined) return 'unknown';
    if (!this.#options.supports(supplier.server, vantage)) return 'unsupported';
    if (!wishes.has(uri)) this.#mayHave(session.principal, [uri]);
    const before = wishes.get(uri);
    wishes.set(uri, supplier);
    this.#wants.change([[uri, before, supplier]]);
    return 'subscribed';
  }

  unsubscribe(session: Session, uri: string): void {
    const wishes = this.#crowds.get(session.endpoint)?.sessions.get(session);
    const supplier = wishes?.get(uri);
    wishes?.delete(uri);
    this.#wants.change([[uri, supplier, undefined]]);
  }

  /**
   * The URIs that a `subscriptions/listen` names, each once. Throws when one is too long, when they are more than anybody may
   * have, and when the principal has as many listens as it may have: nothing is looked up for those.
   */
  named(exchange: Exchange): ReadonlySet<string> {
    const { streams, subscriptions } = this.#options.limits();
    if (this.#listenersOf(exchange.principal).length >= streams) throw tooMany('streams', streams);
    const given = askedOf(exchange)['resourceSubscriptions'];
    const named = Array.isArray(given) ? given.filter((each) => typeof each === 'string') : [];
    if (named.length + tasksOf(exchange).length > subscriptions) throw tooMany('subscriptions', subscriptions);
    for (const uri of named) checkUri(uri);
    return new Set(named);
  }

  /**
   * Serves `subscriptions/listen` until its client goes or the gateway stops (2026-07-28, "Subscriptions"). Of what it names
   * only `readable` is listened to. Throws when the principal has as many as it may have, of these or of resources.
   */
  listen(exchange: Exchange, readable: ReadonlySet<string>): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const asked = askedOf(exchange);
    const changes = LIST_CHANGES.filter(({ filter: name }) => asked[name] === true);
    const { endpoint, principal } = exchange;
    const wishes: Wishes = new Map();
    const vantage = this.#vantageOf(exchange);
    const named = this.named(exchange);
    for (const uri of named) {
      const supplier = readable.has(uri) ? this.#supplierOf(uri, vantage) : undefined;
      if (supplier !== undefined && this.#options.supports(supplier.server, vantage)) wishes.set(uri, supplier);
    }
    const tasks = tasksOf(exchange);
    this.#mayHave(principal, [...wishes.keys()], tasks.length);
    const listener: Listener = {
      exchange,
      changes: new Set(changes.map(({ kind }) => kind)),
      wishes,
      finish: resolve,
      tasks: tasks.length,
      endTasks: () => undefined,
    };
    this.#crowd(endpoint).listeners.add(listener);
    if (listener.changes.has('tools')) this.#options.awaits(exchange);
    this.#wants.change([...wishes].map(([uri, supplier]) => [uri, undefined, supplier]));
    const taskIds = this.#listenToTasks(listener, tasks);
    exchange.onCancel(() => this.#drop(listener, {}));
    this.#tell(listener, 'notifications/subscriptions/acknowledged', {
      notifications: {
        ...Object.fromEntries(changes.map(({ filter: name }) => [name, true])),
        ...(named.size > 0 && { resourceSubscriptions: [...wishes.keys()] }),
        ...(taskIds.length > 0 && { taskIds: [...taskIds] }),
      },
    });
    if (this.#closed) this.#end(listener);
    return promise;
  }

  #listenToTasks(listener: Listener, asked: readonly string[]): readonly string[] {
    if (asked.length === 0) return asked;
    const tasks = this.#options.listenable(listener.exchange, asked);
    listener.endTasks = this.news.listen(listener.exchange, tasks, (task) =>
      this.#tell(listener, 'notifications/tasks', task),
    );
    return tasks.map(({ taskId }) => taskId);
  }

  /** Lists have changed for all who see the same at an endpoint. */
  listChanged({ audience, endpoint }: Vantage, kinds: ReadonlySet<ListChange>): void {
    for (const { kind } of LIST_CHANGES) {
      if (!kinds.has(kind)) continue;
      this.#changes.say(`${kind} ${endpoint} ${audience?.key ?? ''}`, () => {
        const isShownSame = this.#options.looking();
        for (const { vantage, who } of this.#standingAt(endpoint)) {
          if (vantage.audience === audience) this.#tellChange(who, kind, isShownSame);
        }
      });
    }
  }

  /** The policy is another one: those whose part of the catalogue is another now are told, and lose what they may not see. */
  audiencesChanged(before: readonly Standing[]): void {
    for (const standing of before) this.#audienceChanged(standing);
  }

  /** The same for a session whose principal has other rights now. */
  principalChanged(session: Session, before: Vantage): void {
    const wishes = this.#crowds.get(session.endpoint)?.sessions.get(session);
    if (wishes !== undefined) this.#audienceChanged({ who: session, wishes, vantage: before });
  }

  #audienceChanged({ vantage, who, wishes }: Standing): void {
    const now = this.#vantageOf('exchange' in who ? who.exchange : who);
    if (now.audience === vantage.audience) return;
    const { kinds } = this.#options.changeBetween(vantage, now);
    this.#wants.change(this.#movesOf(wishes, now));
    for (const kind of kinds) this.#tellChange(who, kind, this.#options.looking());
  }

  /**
   * A server reports that one of its resources has changed, or a part of one. With a hearer it is the instance of that principal
   * that reports, and nobody else hears of it.
   */
  updated(server: string, message: JsonRpcNotification, hearer?: Owner): void {
    const uri = message.params?.['uri'];
    if (typeof uri !== 'string') return;
    const supplier = this.#supplier(server, hearer);
    const wanted = this.#wants.covering(supplier, uri);
    if (wanted.length === 0) return;
    const windows = this.#updates.get(server) ?? new Windows(this.#options.setTimer);
    this.#updates.set(server, windows);
    const say = (changed: string, update: JsonRpcNotification): void =>
      windows.say(`${changed} ${hearer?.key ?? ''}`, () => this.#tellUpdate(supplier, changed, update, hearer));
    const isKnown = wanted.includes(uri) || windows.has(`${uri} ${hearer?.key ?? ''}`);
    if (isKnown || windows.size < MAX_PARTS) return say(uri, message);
    for (const whole of wanted) say(whole, { ...message, params: { uri: whole } });
  }

  #tellUpdate(supplier: Supplier, uri: string, message: JsonRpcNotification, hearer: Owner | undefined): void {
    const { server } = supplier;
    const concerns = (wishes: Wishes): boolean =>
      [...wishes].some(([wanted, from]) => from?.key === supplier.key && covers(wanted, uri));
    const mayHear = (principal: Principal): boolean => hearer === undefined || principalKey(principal) === hearer.key;
    const { _meta: given, ...others } = message.params ?? {};
    const meta = withoutEnvelope(isObject(given) ? given : {});
    const shown: JsonObject = { ...others, ...(Object.keys(meta).length > 0 && { _meta: meta }) };
    for (const { vantage, who, wishes } of this.standing()) {
      const { principal } = 'exchange' in who ? who.exchange : who;
      if (!mayHear(principal) || !concerns(wishes)) continue;
      if (vantage.audience?.maySee('resource', server, uri) === false) continue;
      if ('exchange' in who) this.#tell(who, message.method, shown);
      else who.notify({ ...message, params: shown });
    }
  }

  /** Resources at an endpoint may belong to other servers now. What nobody owns is wanted again when somebody does. */
  ownersChanged({ audience, endpoint }: Vantage): void {
    const concerned = this.#standingAt(endpoint).filter(({ vantage }) => vantage.audience === audience);
    this.#wants.change(concerned.flatMap(({ vantage, wishes }) => this.#movesOf(wishes, vantage)));
  }

  /** What was wanted of servers that are gone, and what nobody else owns, is forgotten quietly. */
  serversRemoved(servers: ReadonlySet<string>): void {
    this.#wants.forget(servers);
    for (const server of servers) this.#updates.delete(server);
    for (const { vantage, wishes } of this.standing()) {
      const orphans = [...wishes].filter(([, supplier]) => supplier !== undefined && servers.has(supplier.server));
      this.#wants.change(this.#movesOf(wishes, vantage));
      for (const [uri] of orphans) if (wishes.get(uri) === undefined) wishes.delete(uri);
    }
  }

  /** An endpoint is no more: whoever listens there is told that it is over. Its sessions are ended by who has them. */
  endpointGone(endpoint: string): void {
    for (const listener of this.#crowds.get(endpoint)?.listeners ?? []) this.#end(listener);
  }

  /** A server has come up again, or the instance of an owner: it is told what is wanted of it. */
  renew(server: string, owner?: Owner): void {
    const supplier = this.#supplier(server, owner);
    const uris = this.#wants.of(supplier);
    if (uris.length > 0) this.#options.want(server, uris, supplier.instance);
  }

  /** Ends every listen in order, also those that still come. */
  close(): void {
    this.#closed = true;
    for (const endpoint of this.#crowds.keys()) this.endpointGone(endpoint);
  }

  #crowd(endpoint: string): Crowd {
    const crowd = this.#crowds.get(endpoint) ?? { sessions: new Map(), listeners: new Set() };
    this.#crowds.set(endpoint, crowd);
    return crowd;
  }

  #vantageOf(visitor: Session | Exchange): Vantage {
    return { endpoint: visitor.endpoint, audience: this.#options.audienceOf(visitor) };
  }

  /** Whom a URI is wanted of; undefined when nobody owns it that can be seen. */
  #supplierOf(uri: string, vantage: Vantage): Supplier | undefined {
    const server = this.#options.ownerOf(uri, vantage);
    return server === undefined ? undefined : this.#supplier(server, vantage.audience?.owner);
  }

  #supplier(server: string, owner: Owner | undefined): Supplier {
    return supplierOf(server, owner && this.#options.instanceOf(server, owner));
  }

  #listenersOf(principal: Principal): Listener[] {
    return [...this.#crowds.values()].flatMap(({ listeners }) =>
      [...listeners].filter(({ exchange }) => isSame(exchange.principal, principal)),
    );
  }

  /** Throws when a principal, at whatever endpoints, would have more resources and tasks than it may. */
  #mayHave(principal: Principal, more: readonly string[], tasks = 0): void {
    if (more.length + tasks === 0) return;
    const { subscriptions } = this.#options.limits();
    let count = this.#listenersOf(principal).reduce((sum, listener) => sum + listener.tasks, more.length + tasks);
    let characters = charactersOf(more);
    for (const wishes of this.#wishesOf(principal)) {
      count += wishes.size;
      characters += charactersOf(wishes.keys());
    }
    if (count > subscriptions) throw tooMany('subscriptions', subscriptions);
    if (characters > MAX_CHARACTERS) throw tooLong();
  }

  *#wishesOf(principal: Principal): Iterable<Wishes> {
    for (const { sessions } of this.#crowds.values()) {
      for (const [session, wishes] of sessions) if (isSame(session.principal, principal)) yield wishes;
    }
    for (const { wishes } of this.#listenersOf(principal)) yield wishes;
  }

  #standingAt(endpoint: string): Standing[] {
    const { sessions, listeners } = this.#crowds.get(endpoint) ?? NOBODY;
    return [
      ...[...sessions].map(([who, wishes]) => ({ who, wishes, vantage: this.#vantageOf(who) })),
      ...[...listeners].map((who) => ({ who, wishes: who.wishes, vantage: this.#vantageOf(who.exchange) })),
    ];
  }

  /** Sets the owners of today, and says what has moved. */
  #movesOf(wishes: Wishes, vantage: Vantage): [string, Supplier | undefined, Supplier | undefined][] {
    return [...wishes].map(([uri, before]) => {
      const supplier = this.#supplierOf(uri, vantage);
      wishes.set(uri, supplier);
      return [uri, before, supplier];
    });
  }

  /** Somebody has left an endpoint. */
  #forget(wishes: Wishes, endpoint: string): void {
    const crowd = this.#crowds.get(endpoint);
    if (crowd?.sessions.size === 0 && crowd.listeners.size === 0) this.#crowds.delete(endpoint);
    this.#wants.change([...wishes].map(([uri, supplier]) => [uri, supplier, undefined]));
  }

  #drop(listener: Listener, result: JsonObject): void {
    const { endpoint } = listener.exchange;
    if (this.#crowds.get(endpoint)?.listeners.delete(listener) !== true) return;
    listener.endTasks();
    listener.finish({ kind: 'value', result: { resultType: 'complete', ...result } });
    this.#forget(listener.wishes, endpoint);
  }

  #end(listener: Listener): void {
    this.#drop(listener, {
      _meta: { [META_SUBSCRIPTION_ID]: listener.exchange.message.id, [META_SERVER_INFO]: this.#options.info },
    });
  }

  #tellChange(who: Session | Listener, kind: ListChange, isShownSame: IsShownSame): void {
    if (kind === 'tools' && isShownSame('exchange' in who ? who.exchange : who)) return;
    if (!('exchange' in who)) who.notify({ jsonrpc: '2.0', method: methodOf(kind) });
    else if (who.changes.has(kind)) this.#tell(who, methodOf(kind), {});
  }

  #tell(listener: Listener, method: string, params: JsonObject): void {
    const given = isObject(params['_meta']) ? params['_meta'] : {};
    const meta = { ...given, [META_SUBSCRIPTION_ID]: listener.exchange.message.id };
    listener.exchange.notify({ jsonrpc: '2.0', method, params: { ...params, _meta: meta } });
  }
}
