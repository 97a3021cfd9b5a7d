/**
 * The clocks of the requests that are under way on one leg: a time-out that progress renews, a maximum that it does not
 * move, and both stand still while a person is asked. One timer serves all clocks of a leg, so that starting and stopping
 * one costs two set operations. Late by 25 ms at most; never early.
 */

import { Chain, type Linked } from './chain.ts';

/** Clocks that run out this close to each other are found by one sweep. */
const PRECISION_MS = 25;
/** A longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls `fire` once after `ms`; returns what takes it back. */
export type SetTimer = (fire: () => void, ms: number) => () => void;

export interface ClockOptions {
  /** Milliseconds without `renew`. */
  readonly timeoutMs: number;
  /** Milliseconds in all. */
  readonly maxMs: number;
  /** Called once; the clock is stopped by then. */
  readonly onTimeout: () => void;
}

export interface Clock {
  renew(): void;
  /** Stands still until `resume` was called as often. */
  pause(): void;
  resume(): void;
  stop(): void;
}

export interface Clocks {
  start(options: ClockOptions): Clock;
  /** Stops all clocks without calling anybody. */
  destroy(): void;
}

/** A timer that does not keep the process alive. */
export const unrefTimer: SetTimer = (fire, ms) => {
  const timer = setTimeout(fire, ms).unref();
  return () => clearTimeout(timer);
};

/** `now` in milliseconds, monotonic. */
export function createClocks(now: () => number, setTimer: SetTimer = unrefTimer): Clocks {
  return new LegClocks(now, setTimer);
}

class LegClocks implements Clocks {
  readonly now: () => number;
  readonly #setTimer: SetTimer;
  readonly #running = new Chain<RunningClock>();
  #sweepAtMs = Infinity;
  #takeBack: (() => void) | undefined;

  constructor(now: () => number, setTimer: SetTimer) {
    this.now = now;
    this.#setTimer = setTimer;
  }

  start(options: ClockOptions): Clock {
    const clock = new RunningClock(this, options);
    this.#running.add(clock);
    this.expect(clock.dueMs);
    return clock;
  }

  remove(clock: RunningClock): void {
    // The timer stays: a sweep that finds nothing is cheaper than a timer per call.
    this.#running.delete(clock);
  }

  /** Sees to it that a sweep comes when `dueMs` is over. */
  expect(dueMs: number): void {
    if (dueMs >= this.#sweepAtMs) return;
    this.#takeBack?.();
    this.#arm(dueMs);
  }

  destroy(): void {
    this.#takeBack?.();
    this.#takeBack = undefined;
    this.#sweepAtMs = Infinity;
    for (let clock = this.#running.first; clock !== undefined; clock = this.#running.first) this.#running.delete(clock);
  }

  #arm(dueMs: number): void {
    this.#sweepAtMs = dueMs;
    this.#takeBack = this.#setTimer(() => this.#sweep(), Math.min(Math.max(0, dueMs - this.now()), LONGEST_TIMER_MS));
  }

  #sweep(): void {
    const nowMs = this.now();
    let nextMs = Infinity;
    this.#takeBack = undefined;
    // While it sweeps, `expect` must not arm a timer of its own.
    this.#sweepAtMs = -Infinity;
    const due: RunningClock[] = [];
    for (let clock = this.#running.first; clock !== undefined; clock = clock.next) {
      if (clock.dueMs <= nowMs) due.push(clock);
      else nextMs = Math.min(nextMs, clock.dueMs);
    }
    this.#sweepAtMs = Infinity;
    if (nextMs < Infinity) this.#arm(Math.max(nextMs, nowMs + PRECISION_MS));
    for (const clock of due) clock.expire();
  }
}

class RunningClock implements Clock, Linked<RunningClock> {
  previous: RunningClock | undefined;
  next: RunningClock | undefined;
  readonly #clocks: LegClocks;
  readonly #options: ClockOptions;
  #silenceEndsMs: number;
  #maxEndsMs: number;
  #pauses = 0;
  #pausedAtMs = 0;
  #stopped = false;

  constructor(clocks: LegClocks, options: ClockOptions) {
    this.#clocks = clocks;
    this.#options = options;
    const nowMs = clocks.now();
    this.#silenceEndsMs = nowMs + options.timeoutMs;
    this.#maxEndsMs = nowMs + options.maxMs;
  }

  get dueMs(): number {
    if (this.#pauses > 0) return Infinity;
    return Math.min(this.#silenceEndsMs, this.#maxEndsMs);
  }

  renew(): void {
    // The end only moves away, so the sweep that is expected comes too early and looks again.
    this.#silenceEndsMs = (this.#pauses > 0 ? this.#pausedAtMs : this.#clocks.now()) + this.#options.timeoutMs;
  }

  pause(): void {
    if (this.#pauses++ === 0) this.#pausedAtMs = this.#clocks.now();
  }

  resume(): void {
    if (this.#pauses === 0 || --this.#pauses > 0) return;
    const stoodStillMs = this.#clocks.now() - this.#pausedAtMs;
    this.#silenceEndsMs += stoodStillMs;
    this.#maxEndsMs += stoodStillMs;
    if (!this.#stopped) this.#clocks.expect(this.dueMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#clocks.remove(this);
  }

  expire(): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.onTimeout();
  }
}
