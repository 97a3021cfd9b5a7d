/**
 * A `Served` with what a served server adds to it: limits over time before a request is looked at, the challenge of a call that
 * lacks a scope, and the sessions that are open. What requests mean is for the one that is wrapped.
 */

import { isObject, type JsonValue } from '@sallyport/wire';
import type { Challenge } from '../auth/challenge.ts';
import { refusedAnswer, type Answer, type Exchange, type Served, type Session } from '../exchange.ts';
import type { Rates } from './rates.ts';

export interface WatchedOptions {
  readonly served: Served;
  readonly rates: Rates | undefined;
  /** Absent: nobody comes with scopes. */
  readonly challenge: Challenge | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Watched {
  readonly served: Served;
  /** Open sessions, each with the time of its beginning. */
  readonly sessions: ReadonlyMap<Session, number>;
  /** Requests that were calls, and those of them that a limit refused. */
  readonly counts: { calls: number; limited: number };
  /** Nobody is let in any more: what would wait without an end, now or in a moment, is answered. Idempotent. */
  drain(): void;
}

/** The one method that is answered when its client has heard enough, or when it is told to end (2026-07-28, "Subscriptions"). */
const LISTEN = 'subscriptions/listen';

export function watch({ challenge, now, rates, served }: WatchedOptions): Watched {
  const sessions = new Map<Session, number>();
  const counts = { calls: 0, limited: 0 };
  /** Those that came this way: the same server may be served elsewhere besides. */
  const listens = new Set<Exchange>();
  let draining = false;
  const endListens = (): void => served.drain?.((exchange) => listens.has(exchange));
  const listen = async (exchange: Exchange): Promise<Answer> => {
    listens.add(exchange);
    try {
      const answer = served.handle(exchange);
      // One that was on its way when the drain began.
      if (draining) endListens();
      return await answer;
    } finally {
      listens.delete(exchange);
    }
  };
  const handle = (exchange: Exchange): Promise<Answer> => {
    counts.calls++;
    const refused = rates?.call(exchange);
    if (refused !== undefined) {
      counts.limited++;
      return Promise.resolve(refusedAnswer(refused, exchange.era));
    }
    const answer = exchange.message.method === LISTEN ? listen(exchange) : served.handle(exchange);
    return challenge === undefined ? answer : answer.then((each) => challenged(each, exchange, challenge));
  };
  return {
    sessions,
    counts,
    drain: () => {
      draining = true;
      endListens();
    },
    served: {
      describe: (visitor, era) => served.describe(visitor, era),
      admit: (caller) => {
        const refused = rates?.call(caller);
        if (refused !== undefined) counts.limited++;
        return refused ?? served.admit?.(caller);
      },
      handle,
      drain: (concerns) => served.drain?.(concerns),
      notified: (message, session) => served.notified(message, session),
      sessionOpened: (session) => {
        sessions.set(session, now());
        served.sessionOpened(session);
      },
      sessionChanged: (session, before) => served.sessionChanged(session, before),
      sessionClosed: (session) => {
        sessions.delete(session);
        served.sessionClosed(session);
      },
    },
  };
}

/** Over HTTP a client learns which scopes to ask for (RFC 6750 §3.1, and 2025-11-25, authorization, "Scope challenge"). */
function challenged(answer: Answer, { endpoint, headers }: Exchange, challenge: Challenge): Answer {
  if (answer.kind !== 'error' || headers === undefined) return answer;
  const { data } = answer.error;
  if (!isObject(data) || data['code'] !== 'insufficient_scope') return answer;
  const { host } = headers;
  const asked = { path: endpoint, host: typeof host === 'string' ? host : undefined };
  const header = challenge(asked, 'insufficient_scope', textsIn(data['scopes']));
  return { ...answer, status: 403, headers: { ...answer.headers, 'www-authenticate': header } };
}

function textsIn(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
