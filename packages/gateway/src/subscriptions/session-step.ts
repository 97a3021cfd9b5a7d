/** What a client says about its own session or stream, as a step of the route: log level and subscriptions. */

import type { Answer, Exchange, Session } from '@sallyport/server';
import { isLogLevel, type Era } from '@sallyport/wire';
import type { Call, Step } from '../call.ts';
import { Refused } from '../errors.ts';
import { checkUri } from './bounds.ts';

export interface SessionStepOptions {
  readonly subscriptions: {
    subscribe(session: Session, uri: string): 'subscribed' | 'unknown' | 'unsupported';
    unsubscribe(session: Session, uri: string): void;
    named(exchange: Exchange): ReadonlySet<string>;
    listen(exchange: Exchange, readable: ReadonlySet<string>): Promise<Answer>;
  };
  readonly levelChanged: () => void;
  /** Waits for resources that were never heard of, so that a URI may turn up. */
  readonly resourcesReady: (exchange: Exchange) => Promise<void>;
  /** Whether the caller could read it now. What cannot be read is not subscribed to: it is unknown. */
  readonly mayRead: (exchange: Exchange, uri: string) => Promise<boolean> | boolean;
}

/** How a subscription is refused. */
const NOT_SUBSCRIBED = {
  unknown: 'resource_not_found',
  unsupported: 'method_not_found',
} as const;

/** What a client says about its own session or stream. */
export function createSessionStep(options: SessionStepOptions): Step {
  const subscribe = (session: Session | undefined, uri: string): 'subscribed' | 'unknown' | 'unsupported' =>
    session === undefined ? 'subscribed' : options.subscriptions.subscribe(session, uri);
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
      checkUri(uri);
      await options.resourcesReady(exchange);
      const outcome = (await options.mayRead(exchange, uri)) ? subscribe(session, uri) : 'unknown';
      if (outcome !== 'subscribed') throw new Refused(NOT_SUBSCRIBED[outcome], undefined, { data: { uri } });
    },
    'resources/unsubscribe': ({ exchange }, session) => {
      if (session !== undefined) options.subscriptions.unsubscribe(session, uriOf(exchange));
    },
    'subscriptions/listen': async ({ exchange }) => {
      const named = options.subscriptions.named(exchange);
      if (named.size > 0) await options.resourcesReady(exchange);
      return await options.subscriptions.listen(exchange, await readableOf(exchange, named, options));
    },
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

/** One after the other: somebody else may be asked about each, and takes a few questions at a time. */
async function readableOf(
  exchange: Exchange,
  named: ReadonlySet<string>,
  { mayRead }: SessionStepOptions,
): Promise<ReadonlySet<string>> {
  const readable = new Set<string>();
  for (const uri of named) {
    if (exchange.cancelled) break;
    const may = mayRead(exchange, uri);
    if (may === true || (may !== false && (await may))) readable.add(uri);
  }
  return readable;
}

function uriOf(exchange: Exchange): string {
  const uri = exchange.message.params?.['uri'];
  if (typeof uri !== 'string' || uri === '') throw new Refused('invalid_params', 'The uri is missing.');
  return uri;
}
