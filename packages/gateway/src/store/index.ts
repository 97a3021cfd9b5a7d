/**
 * The store: small JSON records that must outlive a request, a session or the process, in collections that rooms name.
 * This file is the seam; memory.ts and sqlite.ts fill it, conformance.test.ts says what filling it means.
 *
 * It does not encrypt: who stores a secret seals it first. It knows no schema: who reads a record checks its shape.
 */

/** What a record may hold. */
export type StoreValue =
  | null
  | boolean
  | number
  | string
  | readonly StoreValue[]
  | { readonly [name: string]: StoreValue };

/** A record as it was when it was read; changing it changes nothing in the store. */
export interface StoreRecord {
  readonly key: string;
  readonly value: StoreValue;
  /** Grows with every write of the collection and is never used twice in it, not even after a deletion. */
  readonly version: number;
  /** Milliseconds since 1970, absent for what stays. */
  readonly expiresAtMs?: number;
}

/** Options of a write. */
export interface PutOptions {
  /** Milliseconds since 1970 from which on the record is never returned again. */
  readonly expiresAtMs?: number;
}

/**
 * A collection name is lower-case letters, digits and hyphens (64 at most), a key any text of 1 to 512 characters
 * without NUL. A record past its expiry counts as absent everywhere, and is swept later. Failures are rejections with a
 * {@link StoreError}, also for a bad argument.
 */
export interface Store {
  get(collection: string, key: string): Promise<StoreRecord | undefined>;
  /** Writes whatever was there before; resolves with the new version of the record. */
  put(collection: string, key: string, value: StoreValue, options?: PutOptions): Promise<number>;
  /** Writes only if the record has the expected version, or is absent. False when somebody else was first. */
  putIf(
    collection: string,
    key: string,
    expected: number | 'absent',
    value: StoreValue,
    options?: PutOptions,
  ): Promise<boolean>;
  /** True for the one caller that removed it, so that what is good once is taken once. */
  delete(collection: string, key: string): Promise<boolean>;
  /** The records whose key begins with `prefix`, in the order of the bytes of their keys. */
  list(collection: string, prefix?: string): Promise<readonly StoreRecord[]>;
  /** Names of the collections that have held records, in no order. */
  collections(): Promise<readonly string[]>;
  /** Grows with every write or deletion in the collection, by any process; an expiry does not count. */
  version(collection: string): Promise<number>;
  /** Idempotent. All else is refused afterwards. */
  close(): Promise<void>;
}

/** Why the store refused; stable, for callers that branch. */
export type StoreErrorCode = 'bad_argument' | 'busy' | 'closed' | 'full' | 'newer_schema' | 'unreadable';

/** A failure of the store, with what to do about it in the message. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

const COLLECTION = /^[a-z][a-z0-9-]{0,63}$/;
const MAX_KEY_LENGTH = 512;

/** For variants: the same names are refused everywhere. */
export function checkCollection(collection: string): void {
  if (!COLLECTION.test(collection)) {
    throw new StoreError('bad_argument', `${JSON.stringify(collection)} cannot be a collection of the store.`);
  }
}

/** For variants: NUL cuts text short in SQLite, and ill-formed text would make two keys one. */
export function checkKey(key: string): void {
  if (key.length === 0 || key.length > MAX_KEY_LENGTH || key.includes('\0') || !key.isWellFormed()) {
    throw new StoreError(
      'bad_argument',
      `A key of the store is well-formed text of 1 to ${MAX_KEY_LENGTH} characters without NUL.`,
    );
  }
}

/** For variants: what a key may begin with; the empty prefix is all. */
export function checkPrefix(prefix: string): void {
  if (prefix !== '') checkKey(prefix);
}

/** For variants: the text that is stored. */
export function encodeValue(value: StoreValue): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new StoreError('bad_argument', 'A value of the store is JSON.');
  return text;
}

/** For variants: the expiry as a whole number, or undefined. */
export function checkExpiry(options: PutOptions | undefined): number | undefined {
  const expiresAtMs = options?.expiresAtMs;
  if (expiresAtMs !== undefined && !Number.isSafeInteger(expiresAtMs)) {
    throw new StoreError('bad_argument', 'expiresAtMs is a whole number of milliseconds since 1970.');
  }
  return expiresAtMs;
}

/** For variants: a record from its stored parts. */
export function toRecord(key: string, text: string, version: number, expiresAtMs: number | undefined): StoreRecord {
  const value = JSON.parse(text) as StoreValue;
  return expiresAtMs === undefined ? { key, value, version } : { key, value, version, expiresAtMs };
}

/** For variants: expired records are removed at most this often, along with a write. */
export const SWEEP_INTERVAL_MS = 60_000;
