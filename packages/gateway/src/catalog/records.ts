/**
 * Where the catalogue outlives the process: what servers say to everybody by their name, and what personal ones say to single
 * principals in a collection of its own. Names of documents may be private, but nothing here is a credential. What is read back
 * is checked by who asked for it.
 */

import { createHash } from 'node:crypto';
import { isObject } from '@sallyport/wire';
import type { IntakeOptions } from './intake.ts';
import type { OwnedRecords } from './owned.ts';
import type { Snapshot } from './snapshot.ts';

/** JSON, as a store takes it. */
type Stored = null | boolean | number | string | readonly Stored[] | { readonly [name: string]: Stored };

/** What is asked of a store. */
export interface CatalogStore {
  get(collection: string, key: string): Promise<{ readonly value: unknown } | undefined>;
  put(collection: string, key: string, value: Stored, options?: { readonly expiresAtMs: number }): Promise<unknown>;
  delete(collection: string, key: string): Promise<unknown>;
  list(collection: string, prefix: string): Promise<readonly { readonly value: unknown }[]>;
}

const SHARED = 'catalog';
const OWNED = 'catalog-owned';
/** What an owner was shown is forgotten when it has not changed for so long; it is read again when somebody asks. */
const OWNED_MS = 30 * 24 * 60 * 60 * 1000;

export function catalogRecords(store: CatalogStore): Pick<IntakeOptions, 'drop' | 'load' | 'owned' | 'save'> {
  return {
    load: async (server) => (await store.get(SHARED, server))?.value,
    save: async (server, snapshot) => void (await store.put(SHARED, server, stored(snapshot))),
    drop: async (server) => void (await store.delete(SHARED, server)),
    owned: ownedRecords(store),
  };
}

function ownedRecords(store: CatalogStore): OwnedRecords {
  return {
    load: async (server) =>
      (await store.list(OWNED, `${server}/`)).flatMap(({ value }) => {
        if (!isObject(value)) return [];
        const { issuer, key, snapshot, subject } = value;
        if (typeof key !== 'string' || typeof issuer !== 'string' || typeof subject !== 'string') return [];
        return [{ owner: { key, principal: { issuer, subject } }, snapshot }];
      }),
    save: async (server, { key, principal: { issuer, subject } }, snapshot) => {
      const value = { key, issuer, subject, snapshot: stored(snapshot) };
      await store.put(OWNED, recordKey(server, key), value, { expiresAtMs: snapshot.atMs + OWNED_MS });
    },
    drop: async (server, owner) => void (await store.delete(OWNED, recordKey(server, owner))),
  };
}

function stored(snapshot: Snapshot): Stored {
  return snapshot as unknown as Stored;
}

/** A principal's name may be longer than a key of the store. */
function recordKey(server: string, owner: string): string {
  return `${server}/${createHash('sha256').update(owner).digest('base64url')}`;
}
