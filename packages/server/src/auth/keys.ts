/**
 * Client keys: how they are made, kept and checked. A key is `sp_<id>_<secret>` with a random secret of 256 bits, so
 * one keyed hash is enough; a slow password hash would only let strangers burn our CPU.
 *
 * It does not read requests, does not limit failed attempts, and does not keep anything on disk: storage is passed in.
 */
import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';

/** A client key as people and policies see it: everything but the secret. Times are milliseconds since 1970. */
export interface ClientKey {
  /** 16 hexadecimal digits, or `local` for the local key. */
  readonly id: string;
  /** Unique; the subject of the principal. */
  readonly name: string;
  readonly roles: readonly string[];
  readonly created: number;
  readonly expires?: number;
  readonly lastUsed?: number;
  /** The AI client it was made for. */
  readonly client?: string;
}

/** What storage keeps of a key; `hash` is HMAC-SHA256 of the secret in base64url. */
export interface StoredKey extends Omit<ClientKey, 'lastUsed'> {
  readonly hash: string;
}

/** Where keys are kept, shared with other processes. */
export interface KeyStorage {
  /** Another number after every key added or removed by any process; not for uses. */
  version(): Promise<number>;
  /** All keys as they were read, unchecked, and when each id was last used (ms since 1970). */
  load(): Promise<{ readonly keys: readonly unknown[]; readonly lastUsed: ReadonlyMap<string, number> }>;
  /** False when the name is taken, decided by the storage in one step. */
  add(key: StoredKey): Promise<boolean>;
  /** False when it was gone already. */
  remove(key: ClientKey): Promise<boolean>;
  recordUse(id: string, atMs: number): Promise<void>;
}

/** What a key table needs. */
export interface KeyTableOptions {
  readonly storage: KeyStorage;
  /** The key of the keyed hash, derived for this purpose alone. */
  readonly hmacKey: KeyObject;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** So many random bytes. */
  readonly random: (size: number) => Uint8Array;
  /** The key in the file local.key: verified like the others, under id and name `local`, but not in storage. */
  readonly localKey?: string;
}

/** What a new key is to be. */
export interface NewKey {
  readonly name: string;
  readonly roles?: readonly string[];
  readonly expiresAtMs?: number;
  readonly client?: string;
}

/** The keys of this gateway. Empty until the first {@link KeyTable.refresh}, so nobody gets in before it. */
export interface KeyTable {
  /** The key itself is returned here and never again. */
  create(wanted: NewKey): Promise<{ readonly record: ClientKey; readonly key: string }>;
  /** All keys in storage, oldest first, expired ones too; freshly read. */
  list(): Promise<readonly ClientKey[]>;
  /** Holds here when it resolves, in other processes after their next refresh. Undefined: no such key. */
  revoke(idOrName: string): Promise<ClientKey | undefined>;
  /** Whose key it is. Never throws, whatever is passed; a wrong key costs about the same whatever is wrong with it. */
  verify(key: string): ClientKey | undefined;
  /** Whether a key that was verified before is still good: neither revoked, changed nor expired. Counts as a use. */
  holds(key: ClientKey): boolean;
  /**
   * Takes over what other processes changed, and writes down uses, each key at most once a minute. Cheap when nothing
   * changed: meant to run every second or less. While it rejects, keys revoked elsewhere go on being accepted.
   */
  refresh(): Promise<void>;
  /** Writes down the last uses. */
  close(): Promise<void>;
}

/** Why a key could not be made or revoked. */
export type KeyErrorCode = 'bad_name' | 'bad_expiry' | 'bad_local_key' | 'local_key' | 'name_taken';

/** A refusal of the key table; the message is for people. */
export class KeyError extends Error {
  readonly code: KeyErrorCode;

  constructor(code: KeyErrorCode, message: string) {
    super(message);
    this.name = 'KeyError';
    this.code = code;
  }
}

const LOCAL = 'local';
const PREFIX = 'sp_';
const SECRET_LENGTH = 43;
const FORM = /^sp_(?:[0-9a-f]{16}|local)_[A-Za-z0-9_-]{43}$/;
const ID = /^[0-9a-f]{16}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/;
const DIGEST = /^[A-Za-z0-9_-]{43}$/;
const USE_INTERVAL_MS = 60_000;

/** What is hashed in place of something that has not the form of a key; nothing is ever compared with it. */
const STAND_IN = `${PREFIX}${'0'.repeat(16)}_${'A'.repeat(SECRET_LENGTH)}`;
const STAND_IN_HASH = new Uint8Array(32);

/** A key from its id and 32 random bytes. */
export function formatClientKey(id: string, secret: Uint8Array): string {
  return `${PREFIX}${id}_${Buffer.from(secret).toString('base64url')}`;
}

/** Whether the text has the form of a client key; says nothing about whether it is one. */
export function hasKeyForm(text: string): boolean {
  return FORM.test(text);
}

const secretOf = (key: string): string => key.slice(-SECRET_LENGTH);
const idOf = (key: string): string => key.slice(PREFIX.length, -SECRET_LENGTH - 1);

const isMatch = (value: unknown, form: RegExp): boolean => typeof value === 'string' && form.test(value);
const isOptional = (value: unknown, type: 'number' | 'string'): boolean => value === undefined || typeof value === type;
const isRoles = (value: unknown): boolean => Array.isArray(value) && value.every((role) => typeof role === 'string');

/** Storage may have been edited by hand: what does not look like a key is none. */
function isStoredKey(value: unknown): value is StoredKey {
  if (typeof value !== 'object' || value === null) return false;
  const { id, name, hash: digest, roles, created, expires, client }: Partial<Record<keyof StoredKey, unknown>> = value;
  if (!isMatch(id, ID) || !isMatch(name, NAME) || !isMatch(digest, DIGEST) || !isRoles(roles)) return false;
  return typeof created === 'number' && isOptional(expires, 'number') && isOptional(client, 'string');
}

interface Entry {
  readonly key: ClientKey;
  readonly hash: Uint8Array;
  /** SHA-256 of the whole key once it was verified: spares the keyed hash. A key has one right text, so one is enough. */
  verified: Uint8Array | undefined;
  lastUsedMs: number;
  recordedMs: number;
}

/** Field by field: what else storage holds, the hash first of all, stays there. */
function publicPart({ id, name, roles, created, expires, client }: StoredKey): ClientKey {
  return Object.freeze({
    id,
    name,
    roles: Object.freeze([...roles]),
    created,
    ...(expires === undefined ? {} : { expires }),
    ...(client === undefined ? {} : { client }),
  });
}

class Table implements KeyTable {
  readonly #options: KeyTableOptions;
  readonly #local: Entry | undefined;
  #entries: ReadonlyMap<string, Entry>;
  #seenVersion: number | undefined;
  /** Loads run one after another, so an older one never overwrites a newer. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: KeyTableOptions) {
    this.#options = options;
    const { localKey } = options;
    if (localKey !== undefined) {
      if (!hasKeyForm(localKey) || idOf(localKey) !== LOCAL) {
        throw new KeyError('bad_local_key', 'The local key has not the form of one. Remove local.key and start again.');
      }
      const key: ClientKey = Object.freeze({
        id: LOCAL,
        name: LOCAL,
        roles: Object.freeze([]),
        created: options.now(),
      });
      this.#local = { key, hash: this.#hmac(localKey), verified: undefined, lastUsedMs: 0, recordedMs: 0 };
    }
    this.#entries = this.#withLocal([]);
  }

  #hmac(key: string): Uint8Array {
    return createHmac('sha256', this.#options.hmacKey).update(secretOf(key)).digest();
  }

  #withLocal(entries: readonly (readonly [string, Entry])[]): ReadonlyMap<string, Entry> {
    const table = new Map(entries);
    if (this.#local !== undefined) table.set(LOCAL, this.#local);
    return table;
  }

  async #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.then(
      () => undefined,
      () => undefined,
    );
    return await result;
  }

  async #load(): Promise<void> {
    const { storage } = this.#options;
    // The version first: a change between the two reads is then loaded again next time, never missed.
    const version = await storage.version();
    const { keys, lastUsed } = await storage.load();
    const entries = keys.filter(isStoredKey).map((stored): readonly [string, Entry] => {
      const digest = Buffer.from(stored.hash, 'base64url');
      const before = this.#entries.get(stored.id);
      const recordedMs = lastUsed.get(stored.id) ?? 0;
      const verified = before !== undefined && timingSafeEqual(before.hash, digest) ? before.verified : undefined;
      const lastUsedMs = Math.max(before?.lastUsedMs ?? 0, recordedMs);
      return [stored.id, { key: publicPart(stored), hash: digest, verified, lastUsedMs, recordedMs }];
    });
    this.#entries = this.#withLocal(entries);
    this.#seenVersion = version;
  }

  async #recordUses(minimumMs: number): Promise<void> {
    const nowMs = this.#options.now();
    for (const entry of this.#entries.values()) {
      if (entry === this.#local || entry.lastUsedMs <= entry.recordedMs) continue;
      if (nowMs - entry.recordedMs < minimumMs) continue;
      const atMs = entry.lastUsedMs;
      await this.#options.storage.recordUse(entry.key.id, atMs);
      entry.recordedMs = atMs;
    }
  }

  async create(wanted: NewKey): Promise<{ readonly record: ClientKey; readonly key: string }> {
    const { storage, now, random } = this.#options;
    const { name, roles = [], expiresAtMs, client } = wanted;
    if (!NAME.test(name) || ID.test(name) || name === LOCAL) {
      throw new KeyError(
        'bad_name',
        `${JSON.stringify(name)} cannot name a key: up to 64 letters, digits and . _ @ + -, beginning with a letter or digit, neither "local" nor of the form of an id.`,
      );
    }
    if (expiresAtMs !== undefined && !(Number.isSafeInteger(expiresAtMs) && expiresAtMs > now())) {
      throw new KeyError('bad_expiry', 'The key would have expired already. Give a time to come.');
    }
    const id = Buffer.from(random(8)).toString('hex');
    const key = formatClientKey(id, random(32));
    const stored: StoredKey = {
      id,
      name,
      hash: Buffer.from(this.#hmac(key)).toString('base64url'),
      roles,
      created: now(),
      ...(expiresAtMs === undefined ? {} : { expires: expiresAtMs }),
      ...(client === undefined ? {} : { client }),
    };
    if (!(await storage.add(stored))) {
      throw new KeyError(
        'name_taken',
        `There is a key named ${name} already. Choose another name, or revoke it first.`,
      );
    }
    await this.#enqueue(async () => await this.#load());
    return { record: publicPart(stored), key };
  }

  async list(): Promise<readonly ClientKey[]> {
    await this.#enqueue(async () => await this.#load());
    return [...this.#entries.values()]
      .filter((entry) => entry !== this.#local)
      .map(({ key, lastUsedMs }) => (lastUsedMs === 0 ? key : { ...key, lastUsed: lastUsedMs }))
      .toSorted((a, b) => a.created - b.created || (a.name < b.name ? -1 : 1));
  }

  async revoke(idOrName: string): Promise<ClientKey | undefined> {
    if (idOrName === LOCAL) {
      throw new KeyError(
        'local_key',
        'The local key cannot be revoked. Remove the file local.key and restart the gateway.',
      );
    }
    const found = (await this.list()).find(({ id, name }) => id === idOrName || name === idOrName);
    if (found === undefined) return undefined;
    const removed = await this.#options.storage.remove(found);
    await this.#enqueue(async () => await this.#load());
    return removed ? found : undefined;
  }

  verify(presented: string): ClientKey | undefined {
    // The length first: a header may be long, and a hash of it would cost in proportion.
    const formed = typeof presented === 'string' && presented.length <= STAND_IN.length && FORM.test(presented);
    const text = formed ? presented : STAND_IN;
    const digest = hash('sha256', text, 'buffer');
    const entry = formed ? this.#entries.get(idOf(text)) : undefined;
    if (entry?.verified !== undefined && timingSafeEqual(entry.verified, digest)) return this.#accept(entry);
    const matches = timingSafeEqual(this.#hmac(text), entry?.hash ?? STAND_IN_HASH);
    if (!matches || entry === undefined) return undefined;
    entry.verified = digest;
    return this.#accept(entry);
  }

  holds(key: ClientKey): boolean {
    const entry = this.#entries.get(key.id);
    return entry?.key === key && this.#accept(entry) !== undefined;
  }

  #accept(entry: Entry): ClientKey | undefined {
    const nowMs = this.#options.now();
    if (entry.key.expires !== undefined && entry.key.expires <= nowMs) return undefined;
    entry.lastUsedMs = nowMs;
    return entry.key;
  }

  async refresh(): Promise<void> {
    await this.#enqueue(async () => {
      if ((await this.#options.storage.version()) !== this.#seenVersion) await this.#load();
      await this.#recordUses(USE_INTERVAL_MS);
    });
  }

  async close(): Promise<void> {
    await this.#enqueue(async () => await this.#recordUses(0));
  }
}

/** A table over `storage`; call `refresh` before the first `verify`. */
export function createKeyTable(options: KeyTableOptions): KeyTable {
  return new Table(options);
}
