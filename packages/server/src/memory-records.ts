/** {@link Records} of one process that end with it: for trying things, and where nothing need survive. Bounded. */

import type { JsonValue } from '@sallyport/wire';
import type { Records, StoredRecord } from './records.ts';

const MAX_RECORDS = 10_000;

export function createMemoryRecords(now: () => number = Date.now): Records {
  const all = new Map<string, StoredRecord>();
  let version = 0;
  const live = (key: string): StoredRecord | undefined => {
    const record = all.get(key);
    return record !== undefined && now() < (record.expiresAtMs ?? Infinity) ? record : undefined;
  };
  const put = (key: string, value: JsonValue, options?: { readonly expiresAtMs?: number }): void => {
    if (all.size >= MAX_RECORDS) for (const each of all.keys()) if (live(each) === undefined) all.delete(each);
    // What has stood there for longest gives way: to let everything in is to let a stranger fill the memory.
    if (all.size >= MAX_RECORDS) all.delete(all.keys().next().value as string);
    all.set(key, { key, value: structuredClone(value), version: ++version, ...options });
  };
  return {
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
