/**
 * What is told of a limit that is reached: how many there may be, and when to come again. In HTTP headers as RFC 9110
 * §10.2.3 and the RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-06) have it.
 */

import { fullInMs, hasRoom, remaining, roomInMs, type Bucket } from './bucket.ts';

export interface Spent {
  /** How many there may be at all, and how many more now. */
  readonly count: number;
  readonly remaining: number;
  /** Milliseconds until one more is allowed, and until all are. */
  readonly retryAfterMs: number;
  readonly resetMs: number;
}

/** Undefined while there is room, and where there is no bucket. */
export function spentOf(bucket: Bucket | undefined): Spent | undefined {
  if (bucket === undefined || hasRoom(bucket)) return undefined;
  return {
    count: bucket.rate.count,
    remaining: remaining(bucket),
    retryAfterMs: roomInMs(bucket),
    resetMs: fullInMs(bucket),
  };
}

/** Whole seconds, and never none: who comes again at once is refused again. */
export function retryAfterSeconds({ retryAfterMs }: Pick<Spent, 'retryAfterMs'>): number {
  return Math.max(1, Math.ceil(Math.ceil(retryAfterMs) / 1000));
}

export function spentHeaders(spent: Spent): Readonly<Record<string, string>> {
  return {
    'retry-after': String(retryAfterSeconds(spent)),
    'ratelimit-limit': String(spent.count),
    'ratelimit-remaining': String(spent.remaining),
    'ratelimit-reset': String(Math.max(1, Math.ceil(spent.resetMs / 1000))),
  };
}
