/**
 * How often an address may fail to authenticate: a fixed window a minute long, in a bounded table. It slows down who
 * guesses; a good credential is never refused because of it, so it is asked only after a failure.
 */

const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;

export interface FailureLimit {
  /** Counts a failure. Milliseconds to wait when there were too many, else 0. */
  failed(address: string | undefined): number;
}

export function createFailureLimit(perMinute: number, now: () => number): FailureLimit {
  const windows = new Map<string, { startMs: number; count: number }>();
  return {
    failed: (address = '') => {
      const nowMs = now();
      const known = windows.get(address);
      const window = known !== undefined && nowMs - known.startMs < WINDOW_MS ? known : { startMs: nowMs, count: 0 };
      window.count++;
      windows.delete(address);
      windows.set(address, window);
      if (windows.size > MAX_ADDRESSES) windows.delete(windows.keys().next().value as string);
      return window.count > perMinute ? window.startMs + WINDOW_MS - nowMs : 0;
    },
  };
}
