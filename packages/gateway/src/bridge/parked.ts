/**
 * The calls that wait for their client between two rounds: found by the nonce of the round, once, and ended when nobody
 * comes for them. What a call waits for is its own matter (held-call.ts).
 */

import type { SetTimer } from './options.ts';

/**
 * Calls of one principal that have asked for input and are not over: each holds a request open at its server. One more
 * is not parked: its server gets -31004 for every question and may go on, and the client gets what comes of that.
 */
export const MAX_PARKED_PER_PRINCIPAL = 16;
/** The same of all principals together. */
export const MAX_PARKED = 1000;

/** What is parked. */
export interface Parked {
  /** Nobody comes for it any more. */
  end(reason: string): void;
}

export interface ParkedOptions {
  /** Milliseconds until a parked call is given up. */
  readonly requestStateMs: number;
  readonly setTimer: SetTimer;
}

/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Entry<T> {
  readonly call: T;
  readonly takeBack: () => void;
}

export class ParkedCalls<T extends Parked> {
  readonly #options: ParkedOptions;
  readonly #entries: Map<string, Entry<T>> = new Map();
  readonly #seats: Map<string, number> = new Map();

  /** Those that wait now. */
  get size(): number {
    return this.#entries.size;
  }
  #taken = 0;
  #closed = false;

  constructor(options: ParkedOptions) {
    this.#options = options;
  }

  /**
   * Counts one more call of a principal that asks its client. Returns what gives the place back, once; undefined when
   * there is none.
   */
  seat(principal: string): (() => void) | undefined {
    const count = this.#seats.get(principal) ?? 0;
    if (this.#closed || count >= MAX_PARKED_PER_PRINCIPAL || this.#taken >= MAX_PARKED) return undefined;
    this.#seats.set(principal, count + 1);
    this.#taken++;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#taken--;
      const left = (this.#seats.get(principal) ?? 1) - 1;
      if (left === 0) this.#seats.delete(principal);
      else this.#seats.set(principal, left);
    };
  }

  /** From now on the call waits for whoever brings the nonce. */
  park(nonce: string, call: T): void {
    if (this.#closed) return call.end('The gateway is shutting down.');
    const ms = Math.min(this.#options.requestStateMs, LONGEST_TIMER_MS);
    const takeBack = this.#options.setTimer(() => {
      this.#entries.delete(nonce);
      call.end('The client did not come back with the input in time.');
    }, ms);
    this.#entries.set(nonce, { call, takeBack });
  }

  /** The call that waits under a nonce, which is used up by that. Undefined when none does. */
  take(nonce: string): T | undefined {
    const entry = this.#entries.get(nonce);
    if (entry === undefined) return undefined;
    this.#entries.delete(nonce);
    entry.takeBack();
    return entry.call;
  }

  /** Ends all that wait; no call can ask its client any more. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const [nonce, { call }] of this.#entries) {
      this.take(nonce);
      call.end('The gateway is shutting down.');
    }
  }
}

/** A timer that does not keep the process alive. */
export const unrefTimer: SetTimer = (fire, ms) => {
  const timer = setTimeout(fire, ms).unref();
  return () => clearTimeout(timer);
};
