/**
 * How often an address may fail to authenticate: a fixed window a minute long, in a bounded table. It slows down who
 * guesses; a good credential is never refused because of it, so it is asked only after a failure, or before work that an
 * unknown credential would cause.
 */

import { networkOf } from '../network.ts';

const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;

export interface FailureLimit {
  /** Counts a failure. Milliseconds to wait when there were too many, else 0. */
  failed(address: string | undefined): number;
  /** Milliseconds for which another failure of this address would be one too many, else 0. Counts nothing. */
  waitMs(address: string | undefined): number;
}

interface Window {
  readonly startMs: number;
  count: number;
}

export function createFailureLimit(perMinute: number, now: () => number): FailureLimit {
  const windows = new Map<string, Window>();
  const current = (network: string, nowMs: number): Window | undefined => {
    const known = windows.get(network);
    return known !== undefined && nowMs - known.startMs < WINDOW_MS ? known : undefined;
  };
  return {
    failed: (address) => {
      const [network, nowMs] = [networkOf(address), now()];
      const window = current(network, nowMs) ?? { startMs: nowMs, count: 0 };
      window.count++;
      windows.delete(network);
      windows.set(network, window);
      if (windows.size > MAX_ADDRESSES) windows.delete(windows.keys().next().value as string);
      return window.count > perMinute ? window.startMs + WINDOW_MS - nowMs : 0;
    },
    waitMs: (address) => {
      const nowMs = now();
      const window = current(networkOf(address), nowMs);
      return window !== undefined && window.count >= perMinute ? window.startMs + WINDOW_MS - nowMs : 0;
    },
  };
}
