import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fullInMs, hasRoom, refill, remaining, roomInMs, take, type Bucket, type Rate } from './bucket.ts';

const full = (rate: Rate): Bucket => ({ rate, used: 0, atMs: 0 });

/** Takes one if there is one. */
function tryTake(bucket: Bucket, nowMs: number, rate: Rate = bucket.rate): boolean {
  refill(bucket, rate, nowMs);
  if (!hasRoom(bucket)) return false;
  take(bucket);
  return true;
}

const passed = (bucket: Bucket, calls: number, nowMs: number): number =>
  Array.from({ length: calls }, () => tryTake(bucket, nowMs)).filter(Boolean).length;

/** The same with exact fractions: tokens in units of 1/periodMs. */
function model({ count, periodMs }: Rate): (nowMs: number) => { allowed: boolean; left: number; inMs: number } {
  const one = BigInt(periodMs);
  let there = BigInt(count) * one;
  let atMs = 0;
  return (nowMs) => {
    const elapsed = BigInt(Math.max(0, nowMs - atMs));
    atMs = nowMs;
    const sum = there + elapsed * BigInt(count);
    there = sum > BigInt(count) * one ? BigInt(count) * one : sum;
    const allowed = there >= one;
    if (allowed) there -= one;
    const missing = there >= one ? 0n : one - there;
    return { allowed, left: Number(there / one), inMs: Number(missing) / count };
  };
}

describe('a bucket', () => {
  it('P3-09 of 10 in 1 s lets 10 of 30 pass at once, then one each 100 ms, and 10 again when nobody came', () => {
    const bucket = full({ count: 10, periodMs: 1000 });
    expect(passed(bucket, 30, 0)).toBe(10);
    expect([remaining(bucket), Math.ceil(roomInMs(bucket)), fullInMs(bucket)]).toEqual([0, 100, 1000]);
    expect(passed(bucket, 30, 99)).toBe(0);
    expect(passed(bucket, 30, 100)).toBe(1);
    let steady = 0;
    for (let nowMs = 101; nowMs <= 2100; nowMs++) steady += passed(bucket, 3, nowMs);
    expect(steady).toBe(20);
    expect(passed(bucket, 30, 60_000)).toBe(10);
  });

  it('decides as one with exact fractions does, whatever comes when', () => {
    const rates = fc.record({
      count: fc.integer({ min: 1, max: 5000 }),
      periodMs: fc.integer({ min: 1, max: 3_600_000 }),
    });
    // Also steps back in time.
    const steps = fc.array(
      fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 }), fc.integer({ min: -500, max: 100_000 })),
      {
        maxLength: 200,
      },
    );
    fc.assert(
      fc.property(rates, steps, (rate, each) => {
        const bucket = full(rate);
        const exact = model(rate);
        let nowMs = 0;
        for (const step of each) {
          nowMs += step;
          const expected = exact(nowMs);
          expect(tryTake(bucket, nowMs)).toBe(expected.allowed);
          expect(remaining(bucket)).toBe(expected.left);
          expect(roomInMs(bucket)).toBeCloseTo(expected.inMs, 1);
        }
      }),
    );
  });

  it('has a token when it says so, and not before', () => {
    const rates = fc.record({
      count: fc.integer({ min: 1, max: 5000 }),
      periodMs: fc.integer({ min: 1, max: 3_600_000 }),
    });
    fc.assert(
      fc.property(rates, fc.integer({ min: 0, max: 10_000 }), (rate, calls) => {
        const bucket = full(rate);
        passed(bucket, Math.min(calls, 200), 0);
        if (hasRoom(bucket)) return;
        const inMs = roomInMs(bucket);
        expect(tryTake({ ...bucket }, inMs * 0.99)).toBe(false);
        expect(tryTake({ ...bucket }, inMs)).toBe(true);
      }),
    );
  });

  it('neither gives nor takes when the clock steps back', () => {
    const bucket = full({ count: 2, periodMs: 1000 });
    expect(passed(bucket, 5, 10_000_000)).toBe(2);
    expect(passed(bucket, 5, 0)).toBe(0);
    expect(passed(bucket, 5, 499)).toBe(0);
    expect(passed(bucket, 5, 500)).toBe(1);
  });

  it('keeps what was taken under another rate, and makes nobody wait longer than for one', () => {
    const bucket = full({ count: 10, periodMs: 1000 });
    passed(bucket, 8, 0);
    const more = { count: 20, periodMs: 1000 };
    expect(Array.from({ length: 30 }, () => tryTake(bucket, 0, more)).filter(Boolean)).toHaveLength(12);
    const fewer = { count: 2, periodMs: 1000 };
    expect(tryTake(bucket, 0, fewer)).toBe(false);
    expect(roomInMs(bucket)).toBeCloseTo(500, 3);
    expect(tryTake(bucket, 500, fewer)).toBe(true);
  });
});
