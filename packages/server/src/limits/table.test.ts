import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasRoom, refill, take, type Bucket, type Rate } from './bucket.ts';
import { createBucketTable, type BucketTable } from './table.ts';

const RATE: Rate = { count: 10, periodMs: 1000 };

function tryTake(table: BucketTable, name: string, nowMs: number, rate: Rate = RATE): boolean {
  const bucket = table.of(name, rate, nowMs);
  if (bucket === undefined || !hasRoom(bucket)) return false;
  take(bucket);
  return true;
}

const passed = (table: BucketTable, name: string, calls: number, nowMs: number): number =>
  Array.from({ length: calls }, () => tryTake(table, name, nowMs)).filter(Boolean).length;

/** Fills a table again and again; the first times are for the engine, which keeps what belongs to code that has run. */
const HEAP_PROGRAM = `
import { createBucketTable } from ${JSON.stringify(new URL('table.ts', import.meta.url).href)};
const table = createBucketTable();
const rate = { count: 10, periodMs: 1000 };
const round = (nowMs) => {
  for (let n = 0; n < 10_000; n++) table.of('a fake client ' + nowMs + ' with a name of some length ' + n, rate, nowMs).used++;
};
const heap = async () => {
  for (let n = 0; n < 5; n++) {
    await new Promise(setImmediate);
    gc();
  }
  return process.memoryUsage().heapUsed;
};
const fillAndForget = (n) => {
  round(n * 20_000);
  table.of('good', rate, n * 20_000 + 10_000);
};
for (let n = 0; n < 5; n++) fillAndForget(n);
const before = await heap();
round(5 * 20_000);
const during = await heap();
for (let n = 6; n < 12; n++) fillAndForget(n);
process.stdout.write(JSON.stringify({ before, during, after: await heap(), size: table.size }));
`;

describe('a table of buckets', () => {
  it('P3-09 gives each name its own', () => {
    const table = createBucketTable();
    expect([passed(table, 'a', 30, 0), passed(table, 'b', 30, 0)]).toEqual([10, 10]);
    expect([passed(table, 'a', 30, 200), passed(table, 'b', 30, 1000)]).toEqual([2, 10]);
    expect([table.of(undefined, RATE, 0), table.of('a', undefined, 0)]).toEqual([undefined, undefined]);
  });

  it('P3-09 holds 10,000 at most, and none of those that are full again', () => {
    const table = createBucketTable();
    for (let n = 0; n < 25_000; n++) tryTake(table, `fake ${n}`, n / 1e6);
    expect(table.size).toBe(10_000);
    expect(passed(table, 'good', 1, 101)).toBe(1);
    // The others had their one token back by the next time that somebody looks.
    expect(passed(table, 'good', 1, 1200)).toBe(1);
    expect(table.size).toBe(1);
  });

  it('P3-09 gives the memory of 10,000 fake clients back', async () => {
    // In a process of its own, where nothing else comes and goes.
    const args = ['--expose-gc', '--input-type=module', '-e', HEAP_PROGRAM];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: {} });
    const { before, during, after, size } = JSON.parse(stdout) as Record<string, number>;
    expect(during).toBeGreaterThan((before ?? 0) + 1_000_000);
    expect(after).toBeLessThan((before ?? 0) * 1.05);
    expect(size).toBe(1);
  });

  it('P3-09 forgets no empty bucket for the sake of other names', () => {
    const table = createBucketTable(100);
    expect(passed(table, 'attacker', 30, 0)).toBe(10);
    for (let n = 0; n < 10_000; n++) tryTake(table, `other ${n}`, n / 1e5);
    expect(table.size).toBe(100);
    expect(passed(table, 'attacker', 30, 1)).toBe(0);
    // All those without a place share one bucket: they are slow, and the places come back by themselves.
    expect(passed(table, 'late', 30, 1)).toBe(0);
    expect(passed(table, 'late', 30, 1100)).toBe(10);
  });

  it('never lets a name have more than a bucket of its own would, however many there are', () => {
    const calls = fc.array(
      fc.record({
        name: fc.integer({ min: 0, max: 9 }).map(String),
        calls: fc.integer({ min: 0, max: 8 }),
        stepMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 3000 })),
      }),
      { minLength: 10, maxLength: 100 },
    );
    const rate: Rate = { count: 5, periodMs: 2000 };
    fc.assert(
      fc.property(calls, (each) => {
        const table = createBucketTable(3);
        const own = new Map<string, Bucket>();
        let nowMs = 0;
        for (const { name, calls: count, stepMs } of each) {
          nowMs += stepMs;
          const bucket = own.get(name) ?? { rate, used: 0, atMs: nowMs };
          own.set(name, bucket);
          for (let n = 0; n < count; n++) {
            if (!tryTake(table, name, nowMs, rate)) continue;
            refill(bucket, rate, nowMs);
            expect(hasRoom(bucket)).toBe(true);
            take(bucket);
          }
          expect(table.size).toBeLessThanOrEqual(3);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('drops only what is full to the last token', () => {
    const table = createBucketTable();
    expect(passed(table, 'a', 30, 0)).toBe(10);
    // A sweep comes with the first call after a second; half a token is missing then, and a whole one later.
    expect(passed(table, 'a', 10, 950)).toBe(9);
    expect(passed(table, 'b', 1, 1000)).toBe(1);
    expect(table.size).toBe(2);
    expect(passed(table, 'a', 30, 1000)).toBe(1);
  });

  it('goes on when the clock steps back', () => {
    const table = createBucketTable(2);
    for (const name of ['a', 'b']) expect(passed(table, name, 30, 1e9)).toBe(10);
    expect([passed(table, 'a', 30, 0), passed(table, 'c', 30, 0)]).toEqual([0, 10]);
    expect([passed(table, 'a', 30, 1000), passed(table, 'c', 30, 2000)]).toEqual([10, 10]);
    // Both others are full again, and gone.
    expect(table.size).toBe(1);
  });
});
