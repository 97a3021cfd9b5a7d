/**
 * Lines of the log that strangers cause: of each kind one for each address and minute, the first at once, and then how many
 * more there were. The table is bounded; beyond it addresses are counted together. It has no timer of its own.
 */

import { networkOf } from '@sallyport/server';
import type { Log } from './index.ts';

const WINDOW_MS = 60_000;
const MAX_WINDOWS = 1000;

export interface RepeatedLines {
  /** As the log; `detail` may name an `address`. Of one kind are those with the same text. */
  readonly write: Log;
  /** Writes how many there were in minutes that are over. */
  sweep(): void;
  /** Writes how many there were until now. */
  flush(): void;
}

/** Lines of one kind and one address. */
interface Window {
  startMs: number;
  /** Since the last line. */
  count: number;
  /** Writes one, about the last that came. */
  write: (count: number) => void;
}

export function createRepeatedLines(log: Log, now: () => number): RepeatedLines {
  const windows = new Map<string, Window>();
  const settle = (key: string, window: Window, nowMs: number): void => {
    if (nowMs - window.startMs < WINDOW_MS) return;
    if (window.count === 0) return void windows.delete(key);
    window.write(window.count);
    window.startMs = nowMs;
    window.count = 0;
  };
  return {
    write: (level, text, detail = {}) => {
      const { address } = detail;
      const own = `${text} ${typeof address === 'string' ? networkOf(address) : ''}`;
      const isKnown = windows.has(own) || windows.size < MAX_WINDOWS;
      const key = isKnown ? own : text;
      const shown = isKnown ? detail : { ...detail, address: 'several' };
      const write = (count: number): void => log(level, text, { ...shown, count });
      const [nowMs, window] = [now(), windows.get(key)];
      if (window === undefined) {
        windows.set(key, { startMs: nowMs, count: 0, write });
        return log(level, text, shown);
      }
      window.count++;
      window.write = write;
      settle(key, window, nowMs);
    },
    sweep: () => {
      const nowMs = now();
      for (const [key, window] of windows) settle(key, window, nowMs);
    },
    flush: () => {
      for (const { count, write } of windows.values()) if (count > 0) write(count);
      windows.clear();
    },
  };
}
