/** Who has not answered several times in a row is left alone for a while; then one question goes through, to see. Pure but for its clock. */

/** Questions in a row without an answer. */
export const BREAKER_FAILURES = 5;
export const BREAKER_MS = 30_000;

export interface Breaker {
  readonly isOpen: boolean;
  /** Takes the right to ask. Whoever has it says how it went. */
  tryNow(): boolean;
  /** True when it opens by this. */
  failed(): boolean;
  succeeded(): void;
}

/** `now`: milliseconds, monotonic. */
export function createBreaker(now: () => number): Breaker {
  let failures = 0;
  let retryAtMs = 0;
  const isOpen = (): boolean => failures >= BREAKER_FAILURES;
  return {
    get isOpen() {
      return isOpen();
    },
    tryNow() {
      if (!isOpen()) return true;
      if (now() < retryAtMs) return false;
      // The next ones wait for what comes of this one.
      retryAtMs = now() + BREAKER_MS;
      return true;
    },
    failed() {
      const wasOpen = isOpen();
      failures++;
      if (isOpen()) retryAtMs = now() + BREAKER_MS;
      return isOpen() && !wasOpen;
    },
    succeeded() {
      failures = 0;
    },
  };
}
