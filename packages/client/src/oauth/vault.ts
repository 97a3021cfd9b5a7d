/**
 * Where grants, registrations and logins under way are kept: records of a store that all processes of one installation
 * share, each sealed under its own key, so that nobody who reads or swaps records learns or moves a token.
 */

import type { JsonValue } from '@sallyport/wire';

interface StoredRecord {
  readonly value: JsonValue;
  readonly version: number;
}

/** A record past its expiry counts as absent everywhere. */
export interface OAuthRecords {
  get(key: string): Promise<StoredRecord | undefined>;
  put(key: string, value: JsonValue, options?: { readonly expiresAtMs?: number }): Promise<void>;
  /** Writes only if the record still has this version, or is absent. False when somebody else was first. */
  putIf(
    key: string,
    expected: number | 'absent',
    value: JsonValue,
    options?: { readonly expiresAtMs?: number },
  ): Promise<boolean>;
  /** True for the one caller that removed it. */
  delete(key: string): Promise<boolean>;
  /** Another number after every write or deletion, by any process. */
  version(): Promise<number>;
}

/** Encryption that is bound to a context: what was sealed under one key of a record opens under no other. */
export interface Sealing {
  seal(text: string, context: string): string | Promise<string>;
  /** Throws on what it did not seal. */
  unseal(sealed: string, context: string): string | Promise<string>;
}

/** Undefined: there is none, or it cannot be opened, which is the same to whoever asks, but not to who writes. */
export interface Entry<T> {
  readonly value: T | undefined;
  readonly version: number | 'absent';
}

export interface Vault<T> {
  read(key: string): Promise<Entry<T>>;
  put(key: string, value: T, expiresAtMs?: number): Promise<void>;
  /** False when it is no longer as it was read. */
  replace(key: string, version: Entry<T>['version'], value: T): Promise<boolean>;
  /** True for the one caller that removed it. */
  delete(key: string): Promise<boolean>;
}

/** `prefix` names the kind of its records; nothing else may write them. */
export function createVault<T>(records: OAuthRecords, sealing: Sealing, prefix: string): Vault<T> {
  const at = (key: string): string => `${prefix}/${key}`;
  const sealed = async (key: string, value: T): Promise<string> => await sealing.seal(JSON.stringify(value), at(key));
  return {
    read: async (key) => {
      const record = await records.get(at(key));
      if (record === undefined) return { value: undefined, version: 'absent' };
      try {
        const text = await sealing.unseal(typeof record.value === 'string' ? record.value : '', at(key));
        return { value: JSON.parse(text) as T, version: record.version };
      } catch {
        return { value: undefined, version: record.version };
      }
    },
    put: async (key, value, expiresAtMs) =>
      await records.put(at(key), await sealed(key, value), expiresAtMs === undefined ? {} : { expiresAtMs }),
    replace: async (key, version, value) => await records.putIf(at(key), version, await sealed(key, value)),
    delete: (key) => records.delete(at(key)),
  };
}
