/** For tests: a collection of records as several processes share it. */

import { createMemoryRecords } from '../../memory-records.ts';
import type { Records } from '../../records.ts';

export interface TestRecords extends Records {
  /** All that is stored, as text. */
  dump(): Promise<string>;
  /** Every request fails. */
  broken: boolean;
}

export function createTestRecords(now: () => number): TestRecords {
  const memory = createMemoryRecords(now);
  /** As with a store: others come first. */
  const later = async <T>(work: () => Promise<T>): Promise<T> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (made.broken) throw new Error('the store is broken');
    return await work();
  };
  const made: TestRecords = {
    broken: false,
    dump: async () => JSON.stringify(await memory.list()),
    get: (key) => later(() => memory.get(key)),
    put: (key, value, options) => later(() => memory.put(key, value, options)),
    putIf: (key, expected, value, options) => later(() => memory.putIf(key, expected, value, options)),
    delete: (key) => later(() => memory.delete(key)),
    list: (prefix) => later(() => memory.list(prefix)),
    version: () => later(() => memory.version()),
  };
  return made;
}
