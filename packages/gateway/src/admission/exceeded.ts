/** A limit that a call would exceed, and the refusal that its client reads: which limit, and when to come again. */

import {
  durationText,
  rateText,
  retryAfterSeconds,
  spentHeaders,
  spentOf,
  type Bucket,
  type Spent,
} from '@sallyport/server/limits';
import { Refused } from '../errors.ts';

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

export interface Exceeded extends Spent {
  readonly limit: LimitName;
  /** What is the matter, without what to do. */
  readonly text: string;
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
  const spent = spentOf(bucket);
  if (bucket === undefined || spent === undefined) return undefined;
  return { limit, text: `The limit of calls for ${WHOSE[limit]} (${rateText(bucket.rate)}) is reached.`, ...spent };
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
  const again = durationText(retryAfterSeconds(exceeded) * 1000);
  return new Refused('rate_limited', `${exceeded.text} Try again in ${again}.`, {
    headers: spentHeaders(exceeded),
    data: { limit: exceeded.limit, retryAfterMs: Math.ceil(exceeded.retryAfterMs) },
  });
}
