/** The short steps of the route that need no room of their own. */

import { principalKey, type Answer, type Exchange, type Session } from '@sallyport/server';
import { isLogLevel, type Era } from '@sallyport/wire';
import type { Call, Step } from './call.ts';
import type { ListKind, Lists } from './catalog/index.ts';
import { Refused } from './errors.ts';

/** Nothing new begins while the gateway stops; what is under way is waited for. */
export class Drain {
  #draining = false;
  #underWay = 0;
  readonly #idle: PromiseWithResolvers<void> = Promise.withResolvers();

  readonly step: Step = async (call, next) => {
    if (this.#draining) throw new Refused('shutting_down');
    this.#underWay++;
    try {
      return await next(call);
    } finally {
      if (--this.#underWay === 0 && this.#draining) this.#idle.resolve();
    }
  };

  /** Refuses calls from now on; resolves when none is under way. */
  begin(): Promise<void> {
    this.#draining = true;
    if (this.#underWay === 0) this.#idle.resolve();
    return this.#idle.promise;
  }
}

/** Calls that one principal may have under way. The local key is this machine's own user and has no limit. */
export function createAdmit(concurrency: number): Step {
  const underWay = new Map<string, number>();
  return async (call, next) => {
    const { principal, message } = call.exchange;
    if (principal.issuer === 'local' && principal.subject === 'local') return await next(call);
    if (message.method === 'subscriptions/listen') return await next(call);
    const key = principalKey(principal);
    const count = underWay.get(key) ?? 0;
    if (count >= concurrency) throw new Refused('rate_limited', `More than ${concurrency} calls are under way.`);
    underWay.set(key, count + 1);
    try {
      return await next(call);
    } finally {
      const left = (underWay.get(key) ?? 1) - 1;
      if (left === 0) underWay.delete(key);
      else underWay.set(key, left);
    }
  };
}

const LIST_OF: ReadonlyMap<string, ListKind> = new Map([
  ['tools/list', 'tools'],
  ['prompts/list', 'prompts'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'templates'],
]);

export interface ListOptions {
  /** Waits, within the deadline, for servers that were never heard of. */
  readonly ready: (kinds: readonly ListKind[]) => Promise<void>;
  readonly lists: () => Lists;
  readonly sealCursor: (place: string, exchange: Exchange) => string;
  /** Undefined for a cursor that was not given to this caller here. */
  readonly openCursor: (cursor: string, exchange: Exchange) => string | undefined;
}

export function createList(options: ListOptions): Step {
  return async ({ exchange }) => {
    const kind = LIST_OF.get(exchange.message.method) as ListKind;
    const cursor = exchange.message.params?.['cursor'];
    await options.ready([kind]);
    const lists = options.lists();
    // A cursor is a place in one version of one list: in another it would leave something out.
    const placeOf = (offset: number): string => `${kind} ${lists.versions[kind]} ${offset}`;
    const offset = cursor === undefined ? 0 : offsetIn(cursor, exchange, options, placeOf(0).slice(0, -1));
    return lists.page(kind, exchange.era, offset, (next) => options.sealCursor(placeOf(next), exchange));
  };
}

function offsetIn(cursor: unknown, exchange: Exchange, options: ListOptions, before: string): number {
  const place = typeof cursor === 'string' ? options.openCursor(cursor, exchange) : undefined;
  if (place?.startsWith(before)) return Number(place.slice(before.length));
  throw new Refused('invalid_params', 'The cursor is not one of this list, or the list has changed: begin again.');
}

export interface SessionStepOptions {
  readonly subscriptions: {
    subscribe(session: Session, uri: string): 'subscribed' | 'unknown' | 'unsupported' | 'too_many';
    unsubscribe(session: Session, uri: string): void;
    listen(exchange: Exchange): Promise<Answer>;
  };
  readonly levelChanged: () => void;
  /** Waits for lists that were never heard of, so that a URI may turn up. */
  readonly ready: (kinds: readonly ListKind[]) => Promise<void>;
}

/** How a subscription is refused. */
const NOT_SUBSCRIBED = {
  unknown: 'resource_not_found',
  unsupported: 'method_not_found',
  too_many: 'rate_limited',
} as const;

/** What a client says about its own session or stream. */
export function createSessionStep(options: SessionStepOptions): Step {
  const handlers: Readonly<
    Record<string, (call: Call, session: Session | undefined) => Promise<Answer | void> | void>
  > = {
    'logging/setLevel': ({ exchange }, session) => {
      const level = exchange.message.params?.['level'];
      if (!isLogLevel(level)) throw new Refused('invalid_params', 'The level is none of the known ones.');
      if (session !== undefined) session.logLevel = level;
      options.levelChanged();
    },
    'resources/subscribe': async ({ exchange }, session) => {
      const uri = uriOf(exchange);
      await options.ready(['resources', 'templates']);
      const outcome = session === undefined ? 'subscribed' : options.subscriptions.subscribe(session, uri);
      if (outcome !== 'subscribed') throw new Refused(NOT_SUBSCRIBED[outcome], undefined, { data: { uri } });
    },
    'resources/unsubscribe': ({ exchange }, session) => {
      if (session !== undefined) options.subscriptions.unsubscribe(session, uriOf(exchange));
    },
    'subscriptions/listen': ({ exchange }) => options.subscriptions.listen(exchange),
  };
  return async (call) => {
    const { exchange } = call;
    const answer = handlers[exchange.message.method]?.(call, exchange.session);
    return (await answer) ?? { kind: 'value', result: emptyResult(exchange.era) };
  };
}

function emptyResult(era: Era): Record<string, string> {
  return era === 'session' ? {} : { resultType: 'complete' };
}

function uriOf(exchange: Exchange): string {
  const uri = exchange.message.params?.['uri'];
  if (typeof uri !== 'string' || uri === '') throw new Refused('invalid_params', 'The uri is missing.');
  return uri;
}
