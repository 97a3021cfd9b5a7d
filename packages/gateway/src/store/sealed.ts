/**
 * A store whose values are sealed on the disk, each for its place: who reads the file learns nothing of them, and who swaps
 * records moves nothing. Keys stay as they are, since stores find and order by them: no room files people under their names
 * where this matters. A value that does not open counts as absent.
 */

import type { Store, StoreRecord, StoreValue } from './index.ts';

interface Seal {
  readonly seal: (plain: string, bound: string) => string;
  readonly unseal: (sealed: string, bound: string) => string | undefined;
}

export interface SealedStoreOptions {
  readonly sealing: Seal;
  /** Collections whose values stay as they are: they name nobody, or are sealed by whoever writes them. */
  readonly open: ReadonlySet<string>;
}

export function createSealedStore(store: Store, { open, sealing }: SealedStoreOptions): Store {
  const sealed = (collection: string, key: string, value: StoreValue): StoreValue =>
    open.has(collection) ? value : sealing.seal(JSON.stringify(value), placeOf(collection, key));
  const opened = (collection: string, record: StoreRecord): StoreRecord | undefined => {
    if (open.has(collection)) return record;
    const { key, value } = record;
    const plain = typeof value === 'string' ? sealing.unseal(value, placeOf(collection, key)) : undefined;
    return plain === undefined ? undefined : { ...record, value: JSON.parse(plain) as StoreValue };
  };
  return {
    get: async (collection, key) => {
      const record = await store.get(collection, key);
      return record && opened(collection, record);
    },
    put: async (collection, key, value, options) =>
      await store.put(collection, key, sealed(collection, key, value), options),
    putIf: async (collection, key, expected, value, options) =>
      await store.putIf(collection, key, expected, sealed(collection, key, value), options),
    delete: (collection, key) => store.delete(collection, key),
    list: async (collection, prefix) =>
      (await store.list(collection, prefix)).flatMap((record) => opened(collection, record) ?? []),
    collections: () => store.collections(),
    version: (collection) => store.version(collection),
    close: () => store.close(),
  };
}

/**
 * All that a sealed store holds, under another key; `store` is the one beneath it. What the key before does not open is left as it
 * is. Resolves with the number of records that were sealed anew. It may be interrupted at any moment and done again.
 */
export async function rekeySealedStore(
  store: Store,
  { open, sealing: old }: SealedStoreOptions,
  next: Seal,
): Promise<number> {
  let done = 0;
  for (const collection of await store.collections()) {
    if (open.has(collection)) continue;
    for (const { expiresAtMs, key, value, version } of await store.list(collection)) {
      const place = placeOf(collection, key);
      const plain = typeof value === 'string' ? old.unseal(value, place) : undefined;
      if (plain === undefined) continue;
      const lasting = expiresAtMs === undefined ? {} : { expiresAtMs };
      if (await store.putIf(collection, key, version, next.seal(plain, place), lasting)) done += 1;
    }
  }
  return done;
}

function placeOf(collection: string, key: string): string {
  return JSON.stringify([collection, key]);
}
