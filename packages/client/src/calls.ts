/**
 * The requests under way on one connection: ids, answers, clocks, and which call a message of the server belongs to.
 * It sends nothing and knows neither child nor era.
 */

import type { RequestId } from '@sallyport/wire';
import { createClocks, type Clock, type Clocks, type SetTimer } from './clock.ts';
import { UpstreamError, type Cause, type Outgoing, type UpstreamAnswer } from './leg.ts';
import { Slots } from './slots.ts';

/**
 * A call that was given up may still run in the server and ask for something. So long nothing is attributed to a call of
 * another owner, unless the server answers the call first. Nothing else that a server does proves that it is done with it:
 * it answers others out of order, and a ping at once.
 */
const ABANDONED_MS = 60_000;

export interface CallsOptions {
  readonly now: () => number;
  readonly setTimer?: SetTimer;
  /** The clock of a call ran out; it has failed by then. */
  readonly onTimeout: (call: Call) => void;
}

interface Abandoned {
  /** When it is forgotten. */
  readonly untilMs: number;
  readonly owner: string | undefined;
}

/** One request under way. */
export interface Call {
  readonly id: number;
  readonly method: string;
  readonly cause: Cause | undefined;
  /** Nothing tells the server when it is given up. */
  readonly silent: boolean;
  readonly clock: Clock;
  readonly answer: Promise<UpstreamAnswer>;
  readonly resolve: (answer: UpstreamAnswer) => void;
  readonly reject: (error: UpstreamError) => void;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #clocks: Clocks;
  readonly #open = new Slots<Call>();
  /** Calls with a cause that were given up, by their ids, the oldest first. */
  readonly #abandoned = new Map<number, Abandoned>();
  readonly #idleWaiters: (() => void)[] = [];
  #inFlight = 0;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#clocks = createClocks(options.now, options.setTimer);
  }

  /** Calls with a cause. */
  get inFlight(): number {
    return this.#inFlight;
  }

  open({ method, cause, timeoutMs, maxMs }: Outgoing, silent: boolean): Call {
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamAnswer>();
    const clock = this.#clocks.start({ timeoutMs, maxMs, onTimeout: () => this.#timeOut(call, timeoutMs) });
    const call = this.#open.add((id): Call => ({ id, method, cause, silent, clock, answer: promise, resolve, reject }));
    if (cause !== undefined) this.#inFlight++;
    return call;
  }

  /** The open call with an id or progress token that came from the server. */
  find(id: RequestId | undefined): Call | undefined {
    return typeof id === 'number' ? this.#open.get(id) : undefined;
  }

  /** True when the answer was awaited; a late or unknown one is dropped. */
  settle(id: RequestId | undefined, answer: UpstreamAnswer): boolean {
    const call = this.find(id);
    if (call === undefined) {
      if (typeof id === 'number') this.#abandoned.delete(id);
      return false;
    }
    this.#close(call);
    call.resolve(answer);
    return true;
  }

  /** Fails an open call of which the server is done. */
  fail(call: Call, error: UpstreamError): void {
    this.#close(call);
    call.reject(error);
  }

  /** Fails all that wait, though the server may be at work on them; others may follow. */
  abandonAll(error: UpstreamError): void {
    for (const call of this.#open.values()) this.abandon(call, error);
  }

  /** Fails all that wait, for good. */
  failAll(error: UpstreamError): void {
    for (const call of this.#open.values()) call.reject(error);
    for (const call of this.#open.values()) this.#open.delete(call);
    this.#abandoned.clear();
    this.#inFlight = 0;
    this.#clocks.destroy();
    this.#tellIdle();
  }

  /** Fails an open call of which the server may not be done. False when it is over already. */
  abandon(call: Call, error: UpstreamError): boolean {
    if (!this.#open.has(call)) return false;
    const { cause } = call;
    if (cause !== undefined) {
      this.#abandoned.set(call.id, { untilMs: this.#options.now() + ABANDONED_MS, owner: cause.owner?.() });
    }
    this.fail(call, error);
    return true;
  }

  /** Resolves when no call with a cause is open. */
  whenIdle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
    });
  }

  /** Has the clocks of the open calls with a cause stand still until what is returned is called. */
  hold(): () => void {
    const held = this.#open.values().filter(hasCause);
    for (const { clock } of held) clock.pause();
    return () => {
      for (const { clock } of held) clock.resume();
    };
  }

  /**
   * The call that must have caused what the server says now: the only one that the server can be at work on. Or the only one whose
   * client is there to be asked, where all others are of the same owner: whichever of them it was, the same one is asked.
   */
  onlyCause(): (Call & { readonly cause: Cause }) | undefined {
    const call = this.#inFlight === 1 ? this.#open.values().find(hasCause) : this.#onlyPresent();
    return call === undefined || this.#hasAbandonedOfOthers(call.cause.owner?.()) ? undefined : call;
  }

  #onlyPresent(): (Call & { readonly cause: Cause }) | undefined {
    const calls = this.#open.values().filter(hasCause);
    const present = calls.filter(({ cause }) => cause.isAway?.() !== true);
    const [call] = present;
    const owner = call?.cause.owner?.();
    if (present.length !== 1 || owner === undefined) return undefined;
    return calls.every(({ cause }) => cause.owner?.() === owner) ? call : undefined;
  }

  /** Whoever gave a call up may be asked what it wanted; a stranger may not. */
  #hasAbandonedOfOthers(owner: string | undefined): boolean {
    const nowMs = this.#options.now();
    for (const [id, abandoned] of this.#abandoned) {
      if (abandoned.untilMs <= nowMs) this.#abandoned.delete(id);
      else if (owner === undefined || abandoned.owner !== owner) return true;
    }
    return false;
  }

  #close(call: Call): void {
    this.#open.delete(call);
    call.clock.stop();
    if (call.cause !== undefined && --this.#inFlight === 0) this.#tellIdle();
  }

  #tellIdle(): void {
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #timeOut(call: Call, timeoutMs: number): void {
    const error = new UpstreamError(
      'timeout',
      `No answer to ${call.method} and no progress for ${Math.round(timeoutMs)} ms, or none in the longest time allowed.`,
    );
    if (this.abandon(call, error)) this.#options.onTimeout(call);
  }
}

function hasCause(call: Call): call is Call & { readonly cause: Cause } {
  return call.cause !== undefined;
}
