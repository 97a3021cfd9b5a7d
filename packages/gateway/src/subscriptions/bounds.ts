/** How much a principal may want to hear of, and how it is refused more. Whatever the policy says: each URI is kept. */

import type { Principal } from '@sallyport/server';
import { Refused } from '../errors.ts';

/** Of one URI; nothing longer is the address of a resource. */
const MAX_URI_CHARACTERS = 8192;
/** Of the URIs of one principal together. */
export const MAX_CHARACTERS: number = 1024 * 1024;

/** Throws when it is longer than any that is looked up. */
export function checkUri(uri: string): void {
  if (uri.length <= MAX_URI_CHARACTERS) return;
  const limit = MAX_URI_CHARACTERS.toLocaleString('en');
  throw new Refused('invalid_params', `A URI may have ${limit} characters to be subscribed to.`);
}

export function charactersOf(uris: Iterable<string>): number {
  let count = 0;
  for (const { length } of uris) count += length;
  return count;
}

export function tooMany(limit: 'subscriptions' | 'streams', count: number): Refused {
  return refused(limit, count, `A client may have ${count.toLocaleString('en')} ${limit} at a time.`);
}

export function tooLong(): Refused {
  const limit = MAX_CHARACTERS.toLocaleString('en');
  const text = `The URIs that a client is subscribed to may have ${limit} characters together.`;
  return refused('subscriptions', MAX_CHARACTERS, text);
}

function refused(limit: 'subscriptions' | 'streams', count: number, text: string): Refused {
  return new Refused('rate_limited', `${text} End one of them first.`, {
    headers: {
      'retry-after': '1',
      'ratelimit-limit': String(count),
      'ratelimit-remaining': '0',
      'ratelimit-reset': '1',
    },
    data: { limit, retryAfterMs: 1000 },
  });
}

/** Whose bounds are the same. */
export function isSame(one: Principal, other: Principal): boolean {
  return one.subject === other.subject && one.issuer === other.issuer;
}
