/** Ends a connection whose other side is gone without a word: a ping now and then, and two in a row may stay unanswered. */

import type { SetTimer } from '../clock.ts';

const PING_MS = 15_000;
const MAX_UNANSWERED = 2;

export interface HeartbeatOptions {
  readonly setTimer: SetTimer;
  readonly ping: () => void;
  /** Called once at most. */
  readonly onDead: () => void;
}

export interface Heartbeat {
  /** Something came: the other side is there. */
  alive(): void;
  stop(): void;
}

export function startHeartbeat({ setTimer, ping, onDead }: HeartbeatOptions): Heartbeat {
  let unanswered = 0;
  const beat = (): void => {
    if (unanswered >= MAX_UNANSWERED) return onDead();
    unanswered++;
    ping();
    takeBack = setTimer(beat, PING_MS);
  };
  let takeBack = setTimer(beat, PING_MS);
  return {
    alive: () => {
      unanswered = 0;
    },
    stop: () => takeBack(),
  };
}
