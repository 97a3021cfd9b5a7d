/**
 * A token bucket: so many calls in a period, given back evenly over it. What is kept is what was taken, so that another rate
 * changes what is allowed and not what was consumed. Nothing is allocated for a call. Which clock is read is not known here.
 */

/** `count` in `periodMs`: both are above 0. */
export interface Rate {
  readonly count: number;
  readonly periodMs: number;
}

export interface Bucket {
  rate: Rate;
  /** Tokens taken and not yet given back: 0 in a bucket that is full. */
  used: number;
  /** When `used` was true. Milliseconds. */
  atMs: number;
}

/** What rounding may leave of a token; the smallest real difference, of a token in a day, is ten times as much. */
const ROUNDING = 1e-9;

/** Brings a bucket to now. A clock that steps back gives nothing and takes nothing. */
export function refill(bucket: Bucket, rate: Rate, nowMs: number): void {
  const elapsedMs = nowMs - bucket.atMs;
  bucket.atMs = nowMs;
  if (rate !== bucket.rate) {
    bucket.rate = rate;
    // Whoever has taken more than there are now waits no longer than for one of them.
    bucket.used = Math.min(bucket.used, rate.count);
  }
  if (elapsedMs > 0 && bucket.used > 0) {
    bucket.used = Math.max(0, bucket.used - (elapsedMs * rate.count) / rate.periodMs);
  }
}

export function hasRoom({ rate, used }: Bucket): boolean {
  return used + 1 <= rate.count + ROUNDING;
}

/** Whole tokens that are there. */
export function remaining({ rate, used }: Bucket): number {
  return Math.max(0, Math.floor(rate.count - used + ROUNDING));
}

/** Milliseconds until one token is there; 0 when there is one. */
export function roomInMs(bucket: Bucket): number {
  const { rate, used } = bucket;
  // Half of what is forgiven then: the rest is for what this is rounded by itself.
  return hasRoom(bucket) ? 0 : ((used + 1 - rate.count - ROUNDING / 2) * rate.periodMs) / rate.count;
}

/** Milliseconds until all tokens are there. */
export function fullInMs({ rate, used }: Bucket): number {
  return (used * rate.periodMs) / rate.count;
}

export function take(bucket: Bucket | undefined): void {
  if (bucket !== undefined) bucket.used += 1;
}
