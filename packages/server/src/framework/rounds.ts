/**
 * Calls of stateless clients that wait for an answer (2026-07-28, "Multi round-trip requests"): the handler stands still in
 * this process, and the client finds it again by `requestState`. That text is a random name and holds nothing, so there is
 * nothing to seal in it: what it is good for stands here, and is compared. One principal, one request, once.
 */

import { createHash, randomBytes } from 'node:crypto';
import { canonicalJson } from '@sallyport/wire';
import { principalKey, type Exchange } from '../exchange.ts';

/** What waits. */
export interface Waiting {
  /** Nobody came back in time, or the server closes. */
  expire(reason: string): void;
}

export interface RoundsOptions {
  /** Milliseconds that a call waits for its client. */
  readonly waitMs: number;
  /** Calls of one principal, and of all, that may wait at a time. */
  readonly perPrincipal: number;
  readonly total: number;
  /** Calls `fire` after `ms`, unless what it returns was called before. */
  readonly setTimer: (fire: () => void, ms: number) => () => void;
}

export const ROUNDS: Omit<RoundsOptions, 'setTimer'> = { waitMs: 10 * 60_000, perPrincipal: 64, total: 1000 };

interface Parked<W> {
  readonly call: W;
  readonly bound: string;
  readonly owner: string;
  readonly stopTimer: () => void;
}

const NAME_BYTES = 24;

export class Rounds<W extends Waiting> {
  readonly #options: RoundsOptions;
  readonly #parked: Map<string, Parked<W>> = new Map();
  /** How many, by principal. */
  readonly #owners: Map<string, number> = new Map();
  #closed = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#parked.size;
  }

  /** The state that brings it back; undefined when no more may wait. */
  park(call: W, exchange: Exchange): string | undefined {
    const { perPrincipal, setTimer, total, waitMs } = this.#options;
    const owner = principalKey(exchange.principal);
    const count = this.#owners.get(owner) ?? 0;
    if (this.#closed || count >= perPrincipal || this.#parked.size >= total) return undefined;
    const state = randomBytes(NAME_BYTES).toString('base64url');
    const stopTimer = setTimer(() => {
      this.#forget(state);
      call.expire('The client did not come back with an answer in time.');
    }, waitMs);
    this.#parked.set(state, { call, bound: boundTo(exchange), owner, stopTimer });
    this.#owners.set(owner, count + 1);
    return state;
  }

  /** The call that a state was given out for, once; undefined for any other request, which uses nothing up. */
  take(state: unknown, exchange: Exchange): W | undefined {
    const parked = typeof state === 'string' ? this.#parked.get(state) : undefined;
    if (parked === undefined || parked.bound !== boundTo(exchange)) return undefined;
    this.#forget(state as string);
    return parked.call;
  }

  /** Ends what waits; nothing waits any more. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const [state, { call }] of this.#parked) {
      this.#forget(state);
      call.expire('The server is shutting down.');
    }
  }

  #forget(state: string): void {
    const parked = this.#parked.get(state);
    if (parked === undefined) return;
    parked.stopTimer();
    this.#parked.delete(state);
    const left = (this.#owners.get(parked.owner) ?? 1) - 1;
    if (left === 0) this.#owners.delete(parked.owner);
    else this.#owners.set(parked.owner, left);
  }
}

/** What a state is good for: this caller, here, with these parameters. */
function boundTo({ endpoint, message, principal }: Exchange): string {
  const { _meta, inputResponses: _responses, requestState: _state, ...lasting } = message.params ?? {};
  const facts = JSON.stringify([principalKey(principal), endpoint, message.method]);
  return createHash('sha256')
    .update(`${facts}\n${canonicalJson(lasting)}`)
    .digest('base64url');
}
