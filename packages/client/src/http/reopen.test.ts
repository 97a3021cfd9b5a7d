import { describe, expect, it } from 'vitest';
import { createReopening } from './reopen.ts';

describe('createReopening', () => {
  it('waits as long as the server asked for, and longer after each stream that was of no use', () => {
    const waits: number[] = [];
    let nowMs = 0;
    const reopening = createReopening({
      now: () => nowMs,
      random: () => 0,
      setTimer: (_fire, ms) => {
        waits.push(ms);
        return () => undefined;
      },
    });
    const later = (): void => reopening.later(() => undefined, 300);
    later();
    later();
    later();
    expect(waits.splice(0)).toEqual([300, 1000, 2000]);
    reopening.succeeded();
    later();
    later();
    expect(waits.splice(0)).toEqual([300, 1000]);
    reopening.opened();
    nowMs += 29_999;
    later();
    reopening.opened();
    nowMs += 30_000;
    later();
    for (let again = 0; again < 10; again++) later();
    expect(waits.slice(0, 2)).toEqual([2000, 300]);
    expect(waits.at(-1)).toBe(15_000);
  });
});
