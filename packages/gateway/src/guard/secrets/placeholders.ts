/**
 * Placeholders for secrets of results: a client that writes back what it has read writes the secret, not a hole. One is good for
 * the principal and the server that it was made for. What was put away is known as long as this process lives and within a
 * bound; a placeholder that is not known is refused, since sending it would write it over the secret.
 */

import { createHmac, type KeyObject } from 'node:crypto';

export interface Placeholders {
  /** `value`: as it stands in a text of JSON. The same secret has the same placeholder. */
  put(owner: string, kind: string, value: string): string;
  /** JSON text with the values in place; undefined: it holds one that is not known for this owner. */
  restore(owner: string, text: string): string | undefined;
}

const PLACEHOLDER = /\[sallyport-secret:[a-z_]{1,32}:([\w-]{22})\]/g;
/** What every placeholder begins with. */
export const PLACEHOLDER_START = '[sallyport-secret:';
const TAG_LENGTH = 22;
const MAX_KEPT = 10_000;

export function createPlaceholders(key: KeyObject): Placeholders {
  const values = new Map<string, string>();
  const tagOf = (owner: string, value: string): string =>
    createHmac('sha256', key)
      .update(JSON.stringify([owner, value]))
      .digest('base64url')
      .slice(0, TAG_LENGTH);
  return {
    put: (owner, kind, value) => {
      const tag = tagOf(owner, value);
      values.delete(tag);
      values.set(tag, value);
      for (const oldest of values.keys()) {
        if (values.size <= MAX_KEPT) break;
        values.delete(oldest);
      }
      return `${PLACEHOLDER_START}${kind}:${tag}]`;
    },
    restore: (owner, text) => {
      if (!text.includes(PLACEHOLDER_START)) return text;
      let isWhole = true;
      const restored = text.replace(PLACEHOLDER, (placeholder, tag: string, at: number) => {
        const value = values.get(tag);
        const isOwners = value !== undefined && tag === tagOf(owner, value);
        if (!isOwners) isWhole = false;
        return isOwners ? written(value, text, at) : placeholder;
      });
      return isWhole ? restored : undefined;
    },
  };
}

/** The value as it is written at this place: in a text that is JSON itself, line breaks are escaped once more. */
function written(value: string, text: string, at: number): string {
  return value.includes('\\') && isNested(text, at) ? JSON.stringify(value).slice(1, -1) : value;
}

/** Whether the string of a JSON text that this place is in is JSON itself. */
function isNested(text: string, at: number): boolean {
  let start = at;
  while (start > 0 && !isQuote(text, start - 1)) start--;
  let end = at;
  while (end < text.length && !isQuote(text, end)) end++;
  try {
    const inner: unknown = JSON.parse(JSON.parse(`"${text.slice(start, end)}"`) as string);
    return typeof inner === 'object' && inner !== null;
  } catch {
    return false;
  }
}

/** A quotation mark with no backslash before it, or an even number of them, begins or ends a string. */
function isQuote(text: string, at: number): boolean {
  if (text[at] !== '"') return false;
  let before = at;
  while (before > 0 && text[before - 1] === '\\') before--;
  return (at - before) % 2 === 0;
}
