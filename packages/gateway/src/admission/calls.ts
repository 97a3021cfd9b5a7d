/**
 * Whether a call may begin: the limits of its principal and its session, and of the gateway as a whole. All of them are
 * asked before any is used. What is used stays used whatever refuses the call later: the work was done by then, and who
 * is over the limit of a tool could ask without end.
 *
 * The local key on a request of this machine is its own user, and has no limit as a principal; through a proxy it has.
 */

import { principalKey, type Answer, type Exchange, type Served } from '@sallyport/server';
import { createBucketTable, numberText, take } from '@sallyport/server/limits';
import { wireError } from '@sallyport/wire';
import type { Call, Next, Step } from '../call.ts';
import { longest, overRate, refusalOf, type Exceeded } from './exceeded.ts';
import type { CallLimits } from './limits.ts';
import type { Quota, Quotas } from './quota.ts';

export interface CallsOptions {
  readonly limits: () => Pick<CallLimits, 'rate' | 'concurrency'>;
  readonly quotas: Pick<Quotas, 'find' | 'over' | 'take'>;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

/** A call that ends makes room: nobody knows when. */
const RETRY_MS = 1000;

export interface Admit {
  readonly step: Step;
  readonly leave: (call: Call) => void;
  /** What the transports answer themselves is no call: the same rates count it apart, quota and concurrency do not. */
  readonly greeting: (caller: Caller) => ReturnType<NonNullable<Served['admit']>>;
}

type Caller = Pick<Exchange, 'local' | 'principal' | 'session'>;
/** Takes one of each rate and answers nothing, or takes none: `more` is exceeded, or one of them. */
type Claim = (
  caller: Caller,
  principal: string | undefined,
  more?: readonly (Exceeded | undefined)[],
) => Exceeded | undefined;

export function createAdmit({ limits, monotonic, quotas }: CallsOptions): Admit {
  const [claim, claimGreeting] = [createClaim(limits, monotonic), createClaim(limits, monotonic)];
  const underWay = new UnderWay();

  // What is claimed was asked for in the same turn: nothing is waited for in between.
  const enter = (call: Call, principal: string | undefined, quota: Quota | undefined, next: Next): Promise<Answer> => {
    const { exchange } = call;
    const busy = isLasting(exchange) ? 0 : underWay.of(principal) - placeOfOuter(call);
    const exceeded = claim(exchange, principal, [quotas.over(quota), overConcurrency(busy, limits().concurrency)]);
    if (exceeded !== undefined) return Promise.reject(refusalOf(exceeded));
    quotas.take(quota);
    if (!isLasting(exchange)) call.countedFor = principal;
    underWay.enter(call.countedFor);
    return next(call);
  };

  const step: Step = (call, next) => {
    const principal = limited(call.exchange);
    const found = principal === undefined ? undefined : quotas.find(principal);
    if (!(found instanceof Promise)) return enter(call, principal, found, next);
    return found.then((quota) => enter(call, principal, quota, next));
  };

  const leave = (call: Call): void => {
    underWay.leave(call.countedFor);
    call.countedFor = undefined;
  };

  const greeting: Admit['greeting'] = (caller) => {
    const exceeded = claimGreeting(caller, limited(caller));
    if (exceeded === undefined) return undefined;
    const { headers = {}, key, message } = refusalOf(exceeded);
    return { error: wireError(key, message), headers };
  };

  return { step, leave, greeting };
}

function createClaim(limits: CallsOptions['limits'], monotonic: CallsOptions['monotonic']): Claim {
  const [wholes, principals, sessions] = [createBucketTable(), createBucketTable(), createBucketTable()];
  return (caller, principal, more = []) => {
    const nowMs = monotonic();
    const { rate } = limits();
    const whole = wholes.of('gateway', rate.global, nowMs);
    const own = principals.of(principal, rate.perPrincipal, nowMs);
    const session = sessions.of(caller.session?.id, rate.perSession, nowMs);
    const exceeded = longest(
      overRate('global', whole),
      overRate('perPrincipal', own),
      overRate('perSession', session),
      ...more,
    );
    if (exceeded === undefined) [whole, own, session].forEach(take);
    return exceeded;
  };
}

/** Whom limits of a principal count; undefined: nobody. */
function limited(caller: Caller): string | undefined {
  return isOwnUser(caller) ? undefined : principalKey(caller.principal);
}

/** Calls under way, of principals that have any. */
class UnderWay {
  readonly #counts: Map<string, number> = new Map();

  of(principal: string | undefined): number {
    return (principal === undefined ? undefined : this.#counts.get(principal)) ?? 0;
  }

  enter(principal: string | undefined): void {
    if (principal !== undefined) this.#counts.set(principal, this.of(principal) + 1);
  }

  leave(principal: string | undefined): void {
    if (principal === undefined) return;
    const left = this.of(principal) - 1;
    if (left === 0) this.#counts.delete(principal);
    else this.#counts.set(principal, left);
  }
}

function overConcurrency(underWay: number, count: number): Exceeded | undefined {
  if (underWay < count) return undefined;
  const text = `${numberText(count)} calls of this client are under way, as many as may be.`;
  return { limit: 'concurrency', text, count, remaining: 0, retryAfterMs: RETRY_MS, resetMs: RETRY_MS };
}

/** A call in the midst of another one has the place of that one, which does nothing meanwhile: or one at a time would be none. */
function placeOfOuter({ outer }: Call): number {
  return outer === undefined ? 0 : 1;
}

/** What listens counts as a call, and not as one under way: it lasts. */
function isLasting({ message }: Exchange): boolean {
  return message.method === 'subscriptions/listen';
}

function isOwnUser({ local, principal }: Caller): boolean {
  return local !== undefined && principal.issuer === 'local' && principal.subject === 'local';
}
