/**
 * What is known of tokens that were seen, under the hash of each: their bytes are no part of it. Bounded; what was not used for longest
 * goes first. Whether an entry still holds is for its user to say.
 */

import { hash } from 'node:crypto';

export interface TokenCache<Value> {
  get(id: string): Value | undefined;
  set(id: string, value: Value): void;
  delete(id: string): void;
}

/** SHA-256 in base64. */
export function tokenId(token: string): string {
  return hash('sha256', token, 'base64');
}

export function createTokenCache<Value extends object>(maxEntries: number): TokenCache<Value> {
  const entries = new Map<string, Value>();
  return {
    get: (id) => {
      const value = entries.get(id);
      if (value === undefined) return undefined;
      entries.delete(id);
      entries.set(id, value);
      return value;
    },
    set: (id, value) => {
      entries.delete(id);
      entries.set(id, value);
      if (entries.size > maxEntries) entries.delete(entries.keys().next().value as string);
    },
    delete: (id) => void entries.delete(id),
  };
}
