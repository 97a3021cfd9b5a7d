import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settleWhenQuiet } from './settle.ts';

describe('settling after the start', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits until nothing begins, and is done once', () => {
    const busy = { now: true };
    let calls = 0;
    let collected = 0;
    settleWhenQuiet(
      () => (busy.now ? ++calls : calls),
      () => collected++,
    );
    vi.advanceTimersByTime(20_000);
    expect(collected).toBe(0);
    busy.now = false;
    vi.advanceTimersByTime(20_000);
    expect(collected).toBe(1);
  });

  it('can be taken back', () => {
    let collected = 0;
    settleWhenQuiet(
      () => 0,
      () => collected++,
    )();
    vi.advanceTimersByTime(20_000);
    expect(collected).toBe(0);
  });

  it('really makes the heap smaller', () => {
    vi.useRealTimers();
    const waste: string[] = [];
    for (let n = 0; n < 300_000; n++) waste.push(`text ${n}`);
    waste.length = 0;
    const before = process.memoryUsage().heapTotal;
    const done = Promise.withResolvers<number>();
    vi.useFakeTimers();
    settleWhenQuiet(() => 0);
    vi.advanceTimersByTime(5000);
    done.resolve(process.memoryUsage().heapTotal);
    return expect(done.promise).resolves.toBeLessThan(before);
  });
});
