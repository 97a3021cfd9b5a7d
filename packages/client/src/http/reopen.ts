/** When a stream in the background is opened again: longer after each one that was of no use, with jitter. */

import type { SetTimer } from '../clock.ts';

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
/** A stream that lived so long was of use, though nothing may have come on it. */
const LIVED_MS = 30_000;

export interface ReopeningOptions {
  readonly setTimer: SetTimer;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Reopening {
  /** The stream is open. */
  opened(): void;
  /** Something came on it: the next end is no failure. */
  succeeded(): void;
  /** It is over. Calls once, never sooner than `retryMs`, which is what the server asked for. */
  later(open: () => void, retryMs: number): void;
  /** Takes back what `later` promised. */
  stop(): void;
}

export function createReopening({ setTimer, now, random }: ReopeningOptions): Reopening {
  let failures = 0;
  let openedAtMs = Infinity;
  let takeBack: (() => void) | undefined;
  return {
    opened() {
      openedAtMs = now();
    },
    succeeded() {
      failures = 0;
    },
    later(open, retryMs) {
      if (now() - openedAtMs >= LIVED_MS) failures = 0;
      const backoffMs = failures === 0 ? 0 : Math.min(FIRST_MS * 2 ** failures, LONGEST_MS) * (0.5 + random() / 2);
      failures++;
      openedAtMs = Infinity;
      takeBack?.();
      takeBack = setTimer(open, Math.max(retryMs, backoffMs));
    },
    stop() {
      takeBack?.();
      takeBack = undefined;
    },
  };
}
