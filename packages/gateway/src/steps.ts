/** The short steps of the route that need no room of their own. */

import { principalKey, type Answer, type Exchange, type Session } from '@sallyport/server';
import { isLogLevel, type Era } from '@sallyport/wire';
import type { Call, Step } from './call.ts';
import type { ListKind, Lists } from './catalog/index.ts';
import { Refused } from './errors.ts';

/** Nothing new begins while the gateway stops. */
export function createDrain(draining: () => boolean): Step {
  return (call, next) => {
    if (draining()) throw new Refused('shutting_down');
    return next(call);
  };
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
  readonly ready: () => Promise<void>;
  readonly lists: () => Lists;
  readonly sealOffset: (offset: number, exchange: Exchange) => string;
  /** Undefined for a cursor that was not given to this caller here. */
  readonly openOffset: (cursor: string, exchange: Exchange) => number | undefined;
}

export function createList(options: ListOptions): Step {
  return async ({ exchange }) => {
    const kind = LIST_OF.get(exchange.message.method) as ListKind;
    const cursor = exchange.message.params?.['cursor'];
    const offset =
      cursor === undefined ? 0 : typeof cursor === 'string' ? options.openOffset(cursor, exchange) : undefined;
    if (offset === undefined) throw new Refused('invalid_params', 'The cursor is not one of this list.');
    await options.ready();
    return options.lists().page(kind, exchange.era, offset, (next) => options.sealOffset(next, exchange));
  };
}

export interface SessionStepOptions {
  readonly subscriptions: {
    subscribe(session: Session, uri: string): boolean;
    unsubscribe(session: Session, uri: string): void;
    listen(exchange: Exchange): Promise<Answer>;
  };
  readonly levelChanged: () => void;
}

/** What a client says about its own session or stream. */
export function createSessionStep(options: SessionStepOptions): Step {
  const handlers: Readonly<Record<string, (call: Call, session: Session | undefined) => Promise<Answer> | void>> = {
    'logging/setLevel': ({ exchange }, session) => {
      const level = exchange.message.params?.['level'];
      if (!isLogLevel(level)) throw new Refused('invalid_params', 'The level is none of the known ones.');
      if (session !== undefined) session.logLevel = level;
      options.levelChanged();
    },
    'resources/subscribe': ({ exchange }, session) => {
      const uri = uriOf(exchange);
      if (session !== undefined && !options.subscriptions.subscribe(session, uri)) {
        throw new Refused('resource_not_found', undefined, { data: { uri } });
      }
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
