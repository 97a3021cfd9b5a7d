/** A list in pages, for whoever says how many he wants. Pure. */

import { isObject, type JsonObject } from '@sallyport/wire';
import { invalid } from './body.ts';

/** What a route with pages takes. */
export const PAGES: Readonly<Record<string, string>> = {
  limit: 'How many at most, 1 to 1000; left out: all.',
  cursor: '`next` of the page before.',
};

const MAX_LIMIT = 1000;

/** Undefined: nothing is said of it. Throws for what is no number from 1 to 1000. */
export function limitOf(query: URLSearchParams): number | undefined {
  const text = query.get('limit');
  if (text === null) return undefined;
  const limit = Number(text);
  if (!/^\d{1,4}$/.test(text) || limit < 1 || limit > MAX_LIMIT)
    throw invalid(`\`limit\` is a whole number from 1 to ${MAX_LIMIT}.`);
  return limit;
}

/** The answer with one page of its list, and with `next` where there are more. */
export function paged(value: unknown, member: string, query: URLSearchParams): unknown {
  const limit = limitOf(query);
  const from = offsetOf(query.get('cursor'));
  if (limit === undefined && from === 0) return value;
  const answer = value as JsonObject;
  const all = isObject(answer) ? answer[member] : undefined;
  if (!Array.isArray(all)) return value;
  const end = from + (limit ?? all.length);
  return { ...answer, [member]: all.slice(from, end), ...(end < all.length && { next: String(end) }) };
}

function offsetOf(cursor: string | null): number {
  if (cursor === null) return 0;
  if (!/^\d{1,9}$/.test(cursor)) throw invalid('`cursor` is what `next` of the page before says.');
  return Number(cursor);
}
