/**
 * Client keys over {@link Records}: filed under their name, so that the storage itself decides who gets a name, and changed by
 * version, so that no change is made of what somebody else has changed meanwhile.
 */

import type { JsonObject } from '@sallyport/wire';
import type { KeyStorage } from '../auth/key-records.ts';
import type { Records } from '../records.ts';

/** `keys` and `uses` are two collections, each for this alone: writing down a use must not make every process load the keys. */
export function createRecordKeys(keys: Records, uses: Records): KeyStorage {
  return {
    version: () => keys.version(),
    load: async () => {
      const [all, used] = await Promise.all([keys.list(), uses.list()]);
      const lastUsed = new Map(used.map(({ key, value }) => [key, typeof value === 'number' ? value : 0]));
      return { records: all.map(({ key, value, version }) => ({ name: key, value, version })), lastUsed };
    },
    add: (key) => keys.putIf(key.name, 'absent', { ...key } as unknown as JsonObject),
    replace: ({ name, version }, key) => keys.putIf(name, version, { ...key } as unknown as JsonObject),
    remove: async ({ id, name }) => {
      const removed = await keys.delete(name);
      if (id !== undefined) await uses.delete(id);
      return removed;
    },
    recordUse: (id, atMs) => uses.put(id, atMs),
  };
}
