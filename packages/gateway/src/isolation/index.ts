/**
 * Isolation: which instance of a server a call belongs to, where its clients do not share one: that of its principal, of
 * its session, or of the project that its client works on. What an instance is, and that it is started, is not known here.
 */

import { principalKey, type Answer, type Exchange, type Principal, type Session } from '@sallyport/server';
import type { Call, Instance, Isolation, Next, Owner, Step, Target } from '../call.ts';
import { Refused } from '../errors.ts';
import type { Found } from './project.ts';

export interface IsolationOptions {
  /** How a server's clients are kept apart. */
  readonly isolation: (server: string) => Isolation;
  /** The project of a call's client. */
  readonly project: (exchange: Exchange) => Promise<Found>;
}

/** No client can make this part of a key: JSON text never ends in it. */
const SEPARATOR = '\n';

/** What the keys of a session's own instances begin with. */
export function sessionKey(session: Session): string {
  return ['session', principalKey(session.principal), session.endpoint, session.id, ''].join(SEPARATOR);
}

/** A principal's, also for whoever has no session: the stateless era has none. */
export function principalInstance({ key, principal }: Owner): Instance {
  return { key: ['principal', key].join(SEPARATOR), owner: key, principal };
}

/** Of somebody who is known by name alone. */
export function instanceFor(principal: Instance['principal']): Instance {
  return principalInstance({ key: principalKey({ ...principal, roles: [] }), principal });
}

/** Nothing else of a principal lasts as long as what is kept for it. */
function named({ issuer, subject }: Principal): Instance['principal'] {
  return { issuer, subject };
}

export function createIsolate(options: IsolationOptions): Step {
  const isolate = async (call: Call, isolation: Exclude<Isolation, 'shared'>): Promise<Answer | undefined> => {
    const { exchange } = call;
    if (isolation !== 'project') {
      const { session } = exchange;
      const ofSession = isolation === 'session' && session !== undefined;
      call.instance = ofSession
        ? { key: sessionKey(session), owner: principalKey(session.principal), principal: named(session.principal) }
        : principalInstance({ key: principalKey(exchange.principal), principal: named(exchange.principal) });
      return undefined;
    }
    const found = await options.project(exchange);
    if (found.kind === 'ask') return found.answer;
    if (found.kind === 'none') throw new Refused('refused', found.why);
    call.exchange = found.exchange;
    // Two principals do not share a child even where they work on the same folder.
    const owner = principalKey(exchange.principal);
    const key = ['project', owner, found.root].join(SEPARATOR);
    call.instance = { key, owner, principal: named(exchange.principal), root: found.root };
    return undefined;
  };
  const apart = async (call: Call, isolation: Exclude<Isolation, 'shared'>, next: Next): Promise<Answer> =>
    (await isolate(call, isolation)) ?? (await next(call));
  return (call, next) => {
    const isolation = options.isolation((call.target as Target).server);
    // Nothing is waited for where there is nothing to do.
    return isolation === 'shared' ? next(call) : apart(call, isolation, next);
  };
}
