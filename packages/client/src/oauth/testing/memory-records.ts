/** For tests: a store that compares and swaps, and sealing that shows whether it was done. */

import type { JsonValue } from '@sallyport/wire';
import type { OAuthRecords, Sealing } from '../vault.ts';

export interface MemoryRecords extends OAuthRecords {
  /** As they are stored, also those past their expiry. */
  readonly all: Map<string, { readonly value: JsonValue; readonly version: number; readonly expiresAtMs?: number }>;
  /** Set: writing fails with it. */
  full: Error | undefined;
}

export function memoryRecords(now: () => number): MemoryRecords {
  const all: MemoryRecords['all'] = new Map();
  let version = 0;
  const live = (key: string) => {
    const record = all.get(key);
    return record !== undefined && (record.expiresAtMs ?? Infinity) > now() ? record : undefined;
  };
  const write = (key: string, value: JsonValue, options: { readonly expiresAtMs?: number } = {}): void => {
    if (records.full !== undefined) throw records.full;
    version += 1;
    all.set(key, { value, version, ...options });
  };
  const records: MemoryRecords = {
    all,
    full: undefined,
    get: async (key) => live(key),
    put: async (key, value, options) => write(key, value, options),
    putIf: async (key, expected, value, options) => {
      if ((live(key)?.version ?? 'absent') !== expected) return false;
      write(key, value, options);
      return true;
    },
    delete: async (key) => {
      version += 1;
      return live(key) !== undefined && all.delete(key);
    },
    version: async () => version,
  };
  return records;
}

/** Not secret, but bound to its context, and not to be read by looking. */
export const testSealing: Sealing = {
  seal: (text, context) => Buffer.from(JSON.stringify([context, text])).toString('base64'),
  unseal: (sealed, context) => {
    const [found, text] = JSON.parse(Buffer.from(sealed, 'base64').toString()) as [string, string];
    if (found !== context) throw new Error('It was sealed for something else.');
    return text;
  },
};
