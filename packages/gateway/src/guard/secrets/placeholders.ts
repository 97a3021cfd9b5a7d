/**
 * Placeholders for secrets of results: a client that writes back what it has read writes the secret, not a hole. One is good for
 * the principal and the server that it was made for. What was put away is known as long as this process lives and within a
 * bound; a placeholder that is not known is refused, since sending it would write it over the secret.
 */

import { createHmac, type KeyObject } from 'node:crypto';

export interface Placeholders {
  /** `value`: as it stands in JSON text. The same secret has the same placeholder. */
  put(owner: string, kind: string, value: string): string;
  /** JSON text with the values in place; undefined: it holds one that is not known for this owner. */
  restore(owner: string, text: string): string | undefined;
}

const PLACEHOLDER = /\[sallyport-secret:[a-z_]{1,32}:([\w-]{22})\]/g;
const START = '[sallyport-secret:';
const MAX_KEPT = 10_000;

export function createPlaceholders(key: KeyObject): Placeholders {
  const values = new Map<string, string>();
  return {
    put: (owner, kind, value) => {
      const tag = createHmac('sha256', key)
        .update(JSON.stringify([owner, value]))
        .digest('base64url')
        .slice(0, 22);
      values.delete(tag);
      values.set(tag, value);
      for (const oldest of values.keys()) {
        if (values.size <= MAX_KEPT) break;
        values.delete(oldest);
      }
      return `${START}${kind}:${tag}]`;
    },
    restore: (owner, text) => {
      if (!text.includes(START)) return text;
      let isWhole = true;
      const restored = text.replace(PLACEHOLDER, (placeholder, tag: string) => {
        const value = values.get(tag);
        const isOwners =
          value !== undefined &&
          tag ===
            createHmac('sha256', key)
              .update(JSON.stringify([owner, value]))
              .digest('base64url')
              .slice(0, 22);
        if (!isOwners) isWhole = false;
        return isOwners ? value : placeholder;
      });
      return isWhole ? restored : undefined;
    },
  };
}
