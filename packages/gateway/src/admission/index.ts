/**
 * Admission: whether a call may begin at all. A gateway that stops begins nothing new, and one principal has so many
 * calls under way at most.
 */

import { principalKey } from '@sallyport/server';
import type { Step } from '../call.ts';
import { Refused } from '../errors.ts';

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
export function createAdmit(concurrency: () => number): Step {
  const underWay = new Map<string, number>();
  const counted: Step = async (call, next) => {
    const key = principalKey(call.exchange.principal);
    const count = underWay.get(key) ?? 0;
    if (count >= concurrency()) throw new Refused('rate_limited', `More than ${concurrency()} calls are under way.`);
    underWay.set(key, count + 1);
    try {
      return await next(call);
    } finally {
      const left = (underWay.get(key) ?? 1) - 1;
      if (left === 0) underWay.delete(key);
      else underWay.set(key, left);
    }
  };
  return (call, next) => {
    const { principal, message } = call.exchange;
    const unlimited = principal.issuer === 'local' && principal.subject === 'local';
    return unlimited || message.method === 'subscriptions/listen' ? next(call) : counted(call, next);
  };
}
