/**
 * When an upstream that failed may be tried again: longer after each failure in a row, and after five of them a breaker
 * that lets one trial through every half minute. Pure but for the clock and the chance it is given.
 */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
const BREAKER_FAILURES = 5;
const BREAKER_MS = 30_000;
/** The part of a delay that chance may take away, so that many that failed together do not return together. */
const JITTER = 0.25;

export interface BackoffOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Backoff {
  /** Failures in a row. */
  readonly failures: number;
  /** The breaker is open, or a trial of the half-open one is under way. */
  readonly isBroken: boolean;
  /** Milliseconds until a try is let through; 0 = now. */
  retryInMs(): number;
  /** Takes the right to try; false while it is to wait, or while a trial of the half-open breaker is under way. */
  tryNow(): boolean;
  failed(): void;
  /** What was tried is over without a verdict: neither failed nor succeeded. */
  gaveUp(): void;
  succeeded(): void;
}

export function createBackoff({ now, random }: BackoffOptions): Backoff {
  let failures = 0;
  let retryAtMs = -Infinity;
  let trial = false;
  const isBroken = (): boolean => failures >= BREAKER_FAILURES;
  const retryInMs = (): number => Math.max(0, retryAtMs - now());
  return {
    get failures() {
      return failures;
    },
    get isBroken() {
      return isBroken();
    },
    retryInMs,
    tryNow() {
      if (retryInMs() > 0 || trial) return false;
      trial = isBroken();
      return true;
    },
    failed() {
      failures++;
      trial = false;
      const waitMs = Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS) * (1 - JITTER * random());
      retryAtMs = now() + (isBroken() ? BREAKER_MS : waitMs);
    },
    gaveUp() {
      trial = false;
    },
    succeeded() {
      failures = 0;
      trial = false;
      retryAtMs = -Infinity;
    },
  };
}
