/** Time that passes when a test says so. */

export interface FakeClock {
  /** Milliseconds. */
  readonly now: () => number;
  /** As `Clock.setTimer` of a server. */
  setTimer(fire: () => void, ms: number): () => void;
  /** Fires what becomes due on the way, in order. */
  advance(ms: number): void;
  /** Timers that are set. */
  readonly timers: number;
}

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

export function fakeClock(startMs: number = 0): FakeClock {
  const timers = new Set<Timer>();
  let nowMs = startMs;
  const nextUntil = (endMs: number): Timer | undefined =>
    [...timers].filter(({ dueMs }) => dueMs <= endMs).toSorted((a, b) => a.dueMs - b.dueMs)[0];
  return {
    now: () => nowMs,
    get timers() {
      return timers.size;
    },
    setTimer: (fire, ms) => {
      const timer = { fire, dueMs: nowMs + ms };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (ms) => {
      const endMs = nowMs + ms;
      for (let timer = nextUntil(endMs); timer !== undefined; timer = nextUntil(endMs)) {
        timers.delete(timer);
        nowMs = timer.dueMs;
        timer.fire();
      }
      nowMs = endMs;
    },
  };
}
