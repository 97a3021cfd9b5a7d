/**
 * What storage keeps of client keys, and the storage that a key table asks for. A record that is not understood here, because
 * it is damaged or a newer version wrote it, opens nothing and is left as it is; members that are not known stay in a
 * record that is changed.
 */

import { isKeyId, isKeyName } from './key-form.ts';

/** A client key as people and policies see it: everything but the secret. Times are milliseconds since 1970. */
export interface ClientKey {
  /** 16 hexadecimal digits, or `local` for the local key. Stays when the key is rotated. */
  readonly id: string;
  /** Unique; the subject of the principal. */
  readonly name: string;
  readonly roles: readonly string[];
  readonly created: number;
  readonly expires?: number;
  /** When its secret was replaced last. */
  readonly rotated?: number;
  /** Until when the secret before the last rotation is good too. */
  readonly previousValidUntil?: number;
  readonly lastUsed?: number;
  /** The AI client it was made for. */
  readonly client?: string;
}

/** A key in storage; a `hash` is HMAC-SHA256 of the secret in base64url. */
export interface StoredKey extends Omit<ClientKey, 'lastUsed' | 'previousValidUntil'> {
  readonly hash: string;
  /** The secret before, good until a time in ms since 1970. */
  readonly previous?: { readonly hash: string; readonly until: number };
}

/** A record as it was read, unchecked. */
export interface KeyRecord {
  /** Under which it is filed. */
  readonly name: string;
  readonly value: unknown;
  /** Another one after every change of the record. */
  readonly version: number;
}

/** Where keys are kept, shared with other processes. */
export interface KeyStorage {
  /** Another number after every key added, changed or removed by any process; not for uses. */
  version(): Promise<number>;
  /** All records, and when each id was last used (ms since 1970). */
  load(): Promise<{ readonly records: readonly KeyRecord[]; readonly lastUsed: ReadonlyMap<string, number> }>;
  /** False when the name is taken, decided by the storage in one step. */
  add(key: StoredKey): Promise<boolean>;
  /** False when the record is not the one that was read any more, decided by the storage in one step. */
  replace(record: KeyRecord, key: StoredKey): Promise<boolean>;
  /** False when it was gone already. Without an id nothing is known of the record but its name. */
  remove(key: { readonly id: string | undefined; readonly name: string }): Promise<boolean>;
  recordUse(id: string, atMs: number): Promise<void>;
}

const DIGEST = /^[A-Za-z0-9_-]{43}$/;

const isDigest = (value: unknown): boolean => typeof value === 'string' && DIGEST.test(value);
const isOptional = (value: unknown, type: 'number' | 'string'): boolean => value === undefined || typeof value === type;
const isRoles = (value: unknown): boolean => Array.isArray(value) && value.every((role) => typeof role === 'string');

/** The key of a record; undefined for one that is none here. */
export function storedKey({ name, value }: KeyRecord): StoredKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const record: Partial<Record<keyof StoredKey, unknown>> = value;
  const isOurs = isKeyName(name) && record.name === name && isKeyId(record.id) && isDigest(record.hash);
  return isOurs && isRoles(record.roles) && hasTimes(record) && isOptional(record.client, 'string')
    ? (value as StoredKey)
    : undefined;
}

function hasTimes({ created, expires, rotated, previous }: Partial<Record<keyof StoredKey, unknown>>): boolean {
  if (typeof created !== 'number' || !isOptional(expires, 'number') || !isOptional(rotated, 'number')) return false;
  return previous === undefined || isPrevious(previous);
}

function isPrevious(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { hash, until }: { hash?: unknown; until?: unknown } = value;
  return isDigest(hash) && typeof until === 'number';
}

/** Field by field: what else storage holds, the hash first of all, stays there. */
export function publicPart(stored: StoredKey): ClientKey {
  const { id, name, roles, created, expires, rotated, client, previous } = stored;
  return Object.freeze({
    id,
    name,
    roles: Object.freeze([...roles]),
    created,
    ...(expires !== undefined && { expires }),
    ...(rotated !== undefined && { rotated }),
    ...(previous !== undefined && { previousValidUntil: previous.until }),
    ...(client !== undefined && { client }),
  });
}
