/** For tests: {@link Records} in memory. */

import type { JsonValue } from '@sallyport/wire';
import type { Records, StoredRecord } from '../../records.ts';

export function createMemoryRecords(now: () => number): Records & { readonly all: ReadonlyMap<string, StoredRecord> } {
  const all = new Map<string, StoredRecord>();
  let version = 0;
  const live = (key: string): StoredRecord | undefined => {
    const record = all.get(key);
    return record !== undefined && now() < (record.expiresAtMs ?? Infinity) ? record : undefined;
  };
  const put = (key: string, value: JsonValue, options?: { readonly expiresAtMs?: number }): void => {
    all.set(key, { key, value: JSON.parse(JSON.stringify(value)), version: ++version, ...options });
  };
  return {
    all,
    get: async (key) => live(key),
    put: async (key, value, options) => put(key, value, options),
    putIf: async (key, expected, value, options) => {
      if ((live(key)?.version ?? 'absent') !== expected) return false;
      put(key, value, options);
      return true;
    },
    delete: async (key) => {
      const was = live(key) !== undefined;
      all.delete(key);
      version++;
      return was;
    },
    list: async (prefix = '') =>
      [...all.keys()].toSorted().flatMap((key) => (key.startsWith(prefix) && live(key)) || []),
    version: async () => version,
  };
}
