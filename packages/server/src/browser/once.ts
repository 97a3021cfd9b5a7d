/**
 * Things that are good once and not for long, over {@link Records}: each is handed out as a random token and found again
 * by it. Only the hash of the token is stored; the value is stored as it is and holds no secret.
 */

import type { JsonValue } from '@sallyport/wire';
import type { Records } from '../records.ts';
import { createToken, digest, type Random } from './tokens.ts';

export interface OnceOptions {
  readonly records: Records;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: Random;
}

export interface OnceKind {
  /** What tells it from the other tables in the same records. */
  readonly name: string;
  readonly ttlMs: number;
}

export interface OnceTable<T> {
  /** The token: 43 characters of base64url. */
  put(value: T): Promise<string>;
  /** The value, which stays. */
  peek(token: string): Promise<T | undefined>;
  /** The value, for one caller only, in any process. */
  take(token: string): Promise<T | undefined>;
}

export function createOnceTable<T>(options: OnceOptions, { name, ttlMs }: OnceKind): OnceTable<T> {
  const { now, random, records } = options;
  const keyOf = (token: string): string => `${name}:${digest(token)}`;
  const peek = async (token: string): Promise<T | undefined> =>
    (await records.get(keyOf(token)))?.value as T | undefined;
  return {
    put: async (value) => {
      const token = createToken(random);
      await records.put(keyOf(token), value as JsonValue, { expiresAtMs: now() + ttlMs });
      return token;
    },
    peek,
    take: async (token) => {
      const value = await peek(token);
      return value !== undefined && (await records.delete(keyOf(token))) ? value : undefined;
    },
  };
}
