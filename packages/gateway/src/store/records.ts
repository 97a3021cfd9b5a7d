/** A collection of the store as the server package wants its storage: for grants, sessions of browsers and the like. */

import type { Records, StoredRecord } from '@sallyport/server';
import type { Store, StoreValue } from './index.ts';

export function recordsOf(store: Store, collection: string): Records {
  return {
    get: async (key) => (await store.get(collection, key)) as StoredRecord | undefined,
    put: async (key, value, options) => void (await store.put(collection, key, value as StoreValue, options)),
    putIf: (key, expected, value, options) => store.putIf(collection, key, expected, value as StoreValue, options),
    delete: (key) => store.delete(collection, key),
    list: async (prefix) => (await store.list(collection, prefix)) as readonly StoredRecord[],
    version: () => store.version(collection),
  };
}
