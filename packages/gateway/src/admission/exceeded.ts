/**
 * A limit that a call would exceed, and the refusal that its client reads: which limit, and when to come again. In HTTP
 * headers as RFC 9110 §10.2.3 and the RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-06) have it.
 */

import { Refused } from '../errors.ts';
import { fullInMs, hasRoom, remaining, roomInMs, type Bucket } from './bucket.ts';
import { durationText, rateText } from './text.ts';

/** As the configuration calls it. */
export type LimitName =
  | 'global'
  | 'perPrincipal'
  | 'perSession'
  | 'perServer'
  | 'perTool'
  | 'quota.day'
  | 'quota.month'
  | 'concurrency'
  | 'serverQueue';

export interface Exceeded {
  readonly limit: LimitName;
  /** What is the matter, without what to do. */
  readonly text: string;
  /** How many there may be at all, and how many more now. */
  readonly count: number;
  readonly remaining: number;
  /** Milliseconds until one more is allowed, and until all are. */
  readonly retryAfterMs: number;
  readonly resetMs: number;
}

/** Whose calls a rate counts. */
const WHOSE = {
  global: 'all clients together',
  perPrincipal: 'this client',
  perSession: 'this session',
  perServer: 'this server',
  perTool: 'this tool',
} as const;

/** Undefined while there is room. */
export function overRate(limit: keyof typeof WHOSE, bucket: Bucket | undefined): Exceeded | undefined {
  if (bucket === undefined || hasRoom(bucket)) return undefined;
  return {
    limit,
    text: `The limit of calls for ${WHOSE[limit]} (${rateText(bucket.rate)}) is reached.`,
    count: bucket.rate.count,
    remaining: remaining(bucket),
    retryAfterMs: roomInMs(bucket),
    resetMs: fullInMs(bucket),
  };
}

/** Of those that refuse, the one that does so for the longest time: until then it is of no use to come again. */
export function longest(...each: readonly (Exceeded | undefined)[]): Exceeded | undefined {
  let found: Exceeded | undefined;
  for (const one of each) {
    if (one !== undefined && (found === undefined || one.retryAfterMs > found.retryAfterMs)) found = one;
  }
  return found;
}

export function refusalOf(exceeded: Exceeded): Refused {
  const retryAfterMs = Math.ceil(exceeded.retryAfterMs);
  const retryAfterS = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return new Refused('rate_limited', `${exceeded.text} Try again in ${durationText(retryAfterS * 1000)}.`, {
    headers: {
      'retry-after': String(retryAfterS),
      'ratelimit-limit': String(exceeded.count),
      'ratelimit-remaining': String(exceeded.remaining),
      'ratelimit-reset': String(Math.max(1, Math.ceil(exceeded.resetMs / 1000))),
    },
    data: { limit: exceeded.limit, retryAfterMs },
  });
}
