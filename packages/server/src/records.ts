/**
 * The storage that sessions of browsers, grants and the like need: one collection of small JSON records, shared by all
 * processes of one installation. Implemented by whoever embeds this package. It does not encrypt: secrets are stored as
 * hashes, or sealed first.
 */

import type { JsonValue } from '@sallyport/wire';

/** A record as it was when it was read. */
export interface StoredRecord {
  readonly key: string;
  readonly value: JsonValue;
  /** Grows with every write of the collection and is never used twice. */
  readonly version: number;
  readonly expiresAtMs?: number;
}

/** A record past its expiry counts as absent everywhere. */
export interface Records {
  get(key: string): Promise<StoredRecord | undefined>;
  put(key: string, value: JsonValue, options?: { readonly expiresAtMs?: number }): Promise<void>;
  /** Writes only if the record still has this version, or is absent. False when somebody else was first. */
  putIf(
    key: string,
    expected: number | 'absent',
    value: JsonValue,
    options?: { readonly expiresAtMs?: number },
  ): Promise<boolean>;
  /** True for the one caller that removed it, so that what is good once is taken once. */
  delete(key: string): Promise<boolean>;
  /** The records whose key begins with `prefix`, in order. */
  list(prefix?: string): Promise<readonly StoredRecord[]>;
  /** Another number after every write or deletion, by any process. */
  version(): Promise<number>;
}
