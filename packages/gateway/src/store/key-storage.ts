/**
 * The client keys of the front door, kept in the store. Keys are filed under their name, so that the store itself
 * decides who gets a name, and changed by version, so that no change is made of what somebody else has changed meanwhile.
 * Uses have a collection of their own: writing one down can neither bring a revoked key back nor make every process load
 * the keys anew.
 */
import type { KeyStorage } from '@sallyport/server';
import type { Store } from './index.ts';

const KEYS = 'client-keys';
const USES = 'client-key-uses';

/** The storage a key table asks for, over any store. */
export function createKeyStorage(store: Store): KeyStorage {
  return {
    version: async () => await store.version(KEYS),
    async load() {
      const [keys, uses] = await Promise.all([store.list(KEYS), store.list(USES)]);
      const lastUsed = new Map(uses.map(({ key, value }) => [key, typeof value === 'number' ? value : 0]));
      return { records: keys.map(({ key, value, version }) => ({ name: key, value, version })), lastUsed };
    },
    add: async (key) => await store.putIf(KEYS, key.name, 'absent', { ...key }),
    replace: async ({ name, version }, key) => await store.putIf(KEYS, name, version, { ...key }),
    async remove({ id, name }) {
      const removed = await store.delete(KEYS, name);
      if (id !== undefined) await store.delete(USES, id);
      return removed;
    },
    async recordUse(id, atMs) {
      await store.put(USES, id, atMs);
    },
  };
}
