/**
 * Buckets by name, so many and no more. A bucket is dropped when it is full again, and then only: it is as good as one that
 * never was. Names for which there is no place share one bucket until there is, and what was taken from it is taken from
 * the bucket that they get: whoever has many names cannot have one of them forgotten to begin anew.
 */

import { refill, type Bucket, type Rate } from './bucket.ts';

export interface BucketTable {
  /** Buckets that are kept. */
  readonly size: number;
  /** The bucket of a name, as it is now; undefined for no name or no rate. */
  of(name: string | undefined, rate: Rate | undefined, nowMs: number): Bucket | undefined;
}

const MAX_BUCKETS = 10_000;
/** Full buckets are looked for no more often, and only when calls come. */
const SWEEP_MS = 1000;

export function createBucketTable(maxBuckets: number = MAX_BUCKETS): BucketTable {
  const buckets = new Map<string, Bucket>();
  let shared: Bucket | undefined;
  let sweptMs = -Infinity;

  const sweep = (rate: Rate, nowMs: number): void => {
    sweptMs = nowMs;
    for (const [name, bucket] of buckets) {
      refill(bucket, rate, nowMs);
      if (bucket.used === 0) buckets.delete(name);
    }
  };

  return {
    get size() {
      return buckets.size;
    },
    of: (name, rate, nowMs) => {
      if (name === undefined || rate === undefined) return undefined;
      if (!(Math.abs(nowMs - sweptMs) < SWEEP_MS)) sweep(rate, nowMs);
      const known = buckets.get(name);
      if (known !== undefined) {
        refill(known, rate, nowMs);
        return known;
      }
      shared ??= { rate, used: 0, atMs: nowMs };
      refill(shared, rate, nowMs);
      if (buckets.size >= maxBuckets) return shared;
      const created: Bucket = { rate, used: shared.used, atMs: nowMs };
      buckets.set(name, created);
      return created;
    },
  };
}
