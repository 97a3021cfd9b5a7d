/**
 * Admission: whether a call may begin at all, and whether it may go to its server. A gateway that stops begins nothing new;
 * rates, quotas and queues bound what is begun. The limits are read for each call, so that they can change meanwhile, and
 * what was consumed stays consumed. How often somebody failed to authenticate is not counted here.
 */

import type { Call, Step } from '../call.ts';
import { Refused } from '../errors.ts';
import { createAdmit, type Admit } from './calls.ts';
import type { CallLimits, SetTimer } from './limits.ts';
import { Quotas, type QuotaOptions, type QuotaRecords } from './quota.ts';
import { createAdmitTarget, createTakeTurn } from './target.ts';

export { describeLimits } from './describe.ts';
export type { CallLimits } from './limits.ts';
export type { QuotaRecords } from './quota.ts';

export interface AdmissionOptions {
  readonly limits: () => CallLimits;
  /** Where quotas are kept. */
  readonly records: QuotaRecords;
  /** How long a call waits for its turn at a server: as long as for its answer. Milliseconds. */
  readonly callTimeoutMs: (server: string, method: string) => number;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly setTimer: SetTimer;
  readonly log: QuotaOptions['log'];
}

export interface Admission {
  /** For every call, before any work is done for it. */
  readonly admit: Step;
  /** When it has ended. */
  readonly leave: (call: Call) => void;
  /** For what the transports answer themselves. */
  readonly admitGreeting: Admit['greeting'];
  /** For calls with a target, once it is known that the caller may use it: rates of the server and the tool. */
  readonly admitTarget: Step;
  /** The queue of the server. Right before the call is sent: who has a turn keeps others from it. */
  readonly takeTurn: Step;
  /** Stores what was counted. Idempotent. */
  close(): Promise<void>;
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { limits } = options;
  const quotas = new Quotas({ ...options, quota: () => limits().quota });
  const { greeting, leave, step } = createAdmit({ ...options, quotas });
  return {
    admit: step,
    leave,
    admitGreeting: greeting,
    admitTarget: createAdmitTarget(options),
    takeTurn: createTakeTurn(options),
    close: () => quotas.close(),
  };
}

/** Nothing new begins while the gateway stops; what is under way is waited for. */
export class Drain {
  #draining = false;
  #underWay = 0;
  readonly #idle: PromiseWithResolvers<void> = Promise.withResolvers();

  readonly step: Step = (call, next) => {
    if (this.#draining) return Promise.reject(new Refused('shutting_down'));
    this.#underWay++;
    call.isUnderWay = true;
    return next(call);
  };

  /** When a call has ended. */
  readonly leave = (call: Call): void => {
    if (call.isUnderWay !== true) return;
    call.isUnderWay = false;
    if (--this.#underWay === 0 && this.#draining) this.#idle.resolve();
  };

  /** Refuses calls from now on; resolves when none is under way. */
  begin(): Promise<void> {
    this.#draining = true;
    if (this.#underWay === 0) this.#idle.resolve();
    return this.#idle.promise;
  }
}
