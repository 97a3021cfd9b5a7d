/**
 * Client keys: how they are made, replaced, ended and checked. The secret of a key has 256 random bits, so one keyed hash is
 * enough; a slow password hash would only let strangers burn our CPU.
 *
 * It does not read requests, does not limit failed attempts, and does not keep anything on disk: storage is passed in.
 */
import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { badNameText, formatClientKey, hasKeyForm, idOf, isKeyName, LOCAL, secretOf, STAND_IN } from './key-form.ts';
import { entryOf, NO_SECRET, withoutPast, type Entry, type Secret } from './key-entries.ts';
import { publicPart, storedKey, type ClientKey, type KeyStorage, type StoredKey } from './key-records.ts';

export { formatClientKey, hasKeyForm } from './key-form.ts';
export type { ClientKey, KeyRecord, KeyStorage, StoredKey } from './key-records.ts';

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

/** How a key gets another secret. */
export interface Rotation {
  /** How long the secret before is good too; 0 = not at all. At most {@link MAX_GRACE_MS}. */
  readonly graceMs: number;
  /** Absent: the key ends when it would have. */
  readonly expiresAtMs?: number;
}

/** A key as it is handed out: this once. */
export interface IssuedKey {
  readonly record: ClientKey;
  readonly key: string;
}

/** The keys of this gateway. Empty until the first {@link KeyTable.refresh}, so nobody gets in before it. */
export interface KeyTable {
  create(wanted: NewKey): Promise<IssuedKey>;
  /**
   * Gives a key another secret; all else of it stays. The secret before is good until the grace ends, or until it would have
   * ended anyway; one that was in its grace already ends now. Undefined: no such key.
   */
  rotate(idOrName: string, rotation: Rotation): Promise<IssuedKey | undefined>;
  /** Replaces the roles of a key. Undefined: no such key. */
  setRoles(idOrName: string, roles: readonly string[]): Promise<ClientKey | undefined>;
  /** All keys in storage, oldest first, expired ones too; freshly read. */
  list(): Promise<readonly ClientKey[]>;
  /**
   * Ends a key with all its secrets, here when it resolves, in other processes after their next refresh. Undefined: no such
   * key. A record that is not understood has no id, and goes by its name.
   */
  revoke(idOrName: string): Promise<{ readonly id: string | undefined; readonly name: string } | undefined>;
  /** Whose key it is. Never throws, whatever is passed; a wrong key costs about the same whatever is wrong with it. */
  verify(key: string): ClientKey | undefined;
  /** Whether what `verify` gave is still good: neither revoked, changed, rotated away nor expired. Counts as a use. */
  holds(key: ClientKey): boolean;
  /**
   * Takes over what other processes changed, and writes down uses, each key at most once a minute. Cheap when nothing
   * changed: meant to run every second or less. While it rejects, keys revoked elsewhere go on being accepted.
   */
  refresh(): Promise<void>;
  /** Writes down the last uses. */
  close(): Promise<void>;
}

/** Why a key could not be made or changed. */
export type KeyErrorCode =
  | 'bad_configured_key'
  | 'bad_expiry'
  | 'bad_grace'
  | 'bad_local_key'
  | 'bad_name'
  | 'busy'
  | 'local_key'
  | 'name_taken'
  | 'unreadable';

/** A refusal of the key table; the message is for people. */
export class KeyError extends Error {
  readonly code: KeyErrorCode;

  constructor(code: KeyErrorCode, message: string) {
    super(message);
    this.name = 'KeyError';
    this.code = code;
  }
}

/** A secret that is good for longer is no remainder but a second key. */
export const MAX_GRACE_MS: number = 90 * 86_400_000;
const USE_INTERVAL_MS = 60_000;
/** How often a change is tried when others change the same key meanwhile. */
const TRIES = 8;

class Table implements KeyTable {
  readonly #options: KeyTableOptions;
  readonly #local: Entry | undefined;
  #entries: ReadonlyMap<string, Entry>;
  /** Names of records that are not understood. */
  #unreadable: ReadonlySet<string> = new Set();
  #seenVersion: number | undefined;
  /** Loads run one after another, so an older one never overwrites a newer. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: KeyTableOptions) {
    this.#options = options;
    const { localKey } = options;
    this.#local = localKey === undefined ? undefined : this.#localEntry(localKey);
    this.#entries = this.#withLocal([]);
  }

  #localEntry(localKey: string): Entry {
    if (!hasKeyForm(localKey) || idOf(localKey) !== LOCAL) {
      throw new KeyError('bad_local_key', 'The local key has not the form of one. Remove local.key and start again.');
    }
    const created = this.#options.now();
    const stored: StoredKey = { id: LOCAL, name: LOCAL, roles: [], created, hash: this.#digestText(localKey) };
    return entryOf({ name: LOCAL, value: stored, version: 0 }, stored, 0, undefined);
  }

  #hmac(key: string): Uint8Array {
    return createHmac('sha256', this.#options.hmacKey).update(secretOf(key)).digest();
  }

  #digestText(key: string): string {
    return Buffer.from(this.#hmac(key)).toString('base64url');
  }

  #withLocal(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
    const table = new Map(entries.map((entry) => [entry.stored.id, entry]));
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
    const { storage, now } = this.#options;
    // The version first: a change between the two reads is then loaded again next time, never missed.
    const version = await storage.version();
    const { records, lastUsed } = await storage.load();
    const nowMs = now();
    const entries: Entry[] = [];
    const unreadable = new Set<string>();
    for (const record of records) {
      const stored = storedKey(record);
      if (stored === undefined) unreadable.add(record.name);
      else {
        const usedMs = lastUsed.get(stored.id) ?? 0;
        entries.push(entryOf(record, withoutPast(stored, nowMs), usedMs, this.#entries.get(stored.id)));
      }
    }
    this.#entries = this.#withLocal(entries);
    this.#unreadable = unreadable;
    this.#seenVersion = version;
  }

  async #reload(): Promise<void> {
    await this.#enqueue(async () => await this.#load());
  }

  async #recordUses(minimumMs: number): Promise<void> {
    const nowMs = this.#options.now();
    for (const entry of this.#entries.values()) {
      if (entry === this.#local || entry.lastUsedMs <= entry.recordedMs) continue;
      if (nowMs - entry.recordedMs < minimumMs) continue;
      const atMs = entry.lastUsedMs;
      await this.#options.storage.recordUse(entry.stored.id, atMs);
      entry.recordedMs = atMs;
    }
  }

  #checkExpiry(expiresAtMs: number | undefined): void {
    if (expiresAtMs === undefined || (Number.isSafeInteger(expiresAtMs) && expiresAtMs > this.#options.now())) return;
    throw new KeyError('bad_expiry', 'The key would have expired already. Give a time to come.');
  }

  async create(wanted: NewKey): Promise<IssuedKey> {
    const { storage, now, random } = this.#options;
    const { name, roles = [], expiresAtMs, client } = wanted;
    if (!isKeyName(name)) throw new KeyError('bad_name', badNameText(name));
    this.#checkExpiry(expiresAtMs);
    const id = Buffer.from(random(8)).toString('hex');
    const key = formatClientKey(id, random(32));
    const stored: StoredKey = {
      id,
      name,
      hash: this.#digestText(key),
      roles,
      created: now(),
      ...(expiresAtMs !== undefined && { expires: expiresAtMs }),
      ...(client !== undefined && { client }),
    };
    if (!(await storage.add(stored))) {
      throw new KeyError(
        'name_taken',
        `There is a key named ${name} already. Choose another name, or revoke it first.`,
      );
    }
    await this.#reload();
    return { record: publicPart(stored), key };
  }

  async rotate(idOrName: string, { graceMs, expiresAtMs }: Rotation): Promise<IssuedKey | undefined> {
    const { now, random } = this.#options;
    this.#checkExpiry(expiresAtMs);
    if (!(Number.isSafeInteger(graceMs) && graceMs >= 0 && graceMs <= MAX_GRACE_MS)) {
      throw new KeyError('bad_grace', 'The grace of an old key is at most 90 days; 0 ends it at once.');
    }
    const secret = random(32);
    const stored = await this.#change(idOrName, (before) => {
      const nowMs = now();
      const { previous: _oldest, ...kept } = before;
      const expires = expiresAtMs ?? before.expires;
      if (expires !== undefined && expires <= nowMs) {
        throw new KeyError('bad_expiry', `The key ${before.name} has expired. Give it another time to end.`);
      }
      const until = Math.min(nowMs + graceMs, before.expires ?? Infinity, expires ?? Infinity);
      return {
        ...kept,
        hash: this.#digestText(formatClientKey(before.id, secret)),
        rotated: nowMs,
        ...(expires !== undefined && { expires }),
        ...(until > nowMs && { previous: { hash: before.hash, until } }),
      };
    });
    return stored && { record: publicPart(stored), key: formatClientKey(stored.id, secret) };
  }

  async setRoles(idOrName: string, roles: readonly string[]): Promise<ClientKey | undefined> {
    const stored = await this.#change(idOrName, (before) => ({ ...before, roles }));
    return stored && publicPart(stored);
  }

  /** Whatever others change meanwhile, `next` is made of the record that it replaces. */
  async #change(idOrName: string, next: (before: StoredKey) => StoredKey): Promise<StoredKey | undefined> {
    for (let left = TRIES; left > 0; left -= 1) {
      const found = await this.#find(idOrName);
      if (found === undefined) return undefined;
      if (found === 'unreadable') {
        throw new KeyError(
          'unreadable',
          `The key ${idOrName} is damaged, or of a newer Sallyport: nothing was changed. Change it with that one, or revoke it.`,
        );
      }
      const stored = next(found.stored);
      if (!(await this.#options.storage.replace(found.record, stored))) continue;
      await this.#reload();
      return stored;
    }
    throw new KeyError('busy', `The key ${idOrName} is being changed by others all the time. Try again.`);
  }

  async #find(idOrName: string): Promise<Entry | 'unreadable' | undefined> {
    if (idOrName === LOCAL) {
      throw new KeyError(
        'local_key',
        'The local key cannot be changed. Remove the file local.key and restart the gateway.',
      );
    }
    await this.#reload();
    if (this.#unreadable.has(idOrName)) return 'unreadable';
    return [...this.#entries.values()].find(({ stored: { id, name } }) => id === idOrName || name === idOrName);
  }

  async list(): Promise<readonly ClientKey[]> {
    await this.#reload();
    return [...this.#entries.values()]
      .filter((entry) => entry !== this.#local)
      .map(({ stored, lastUsedMs }) => ({ ...publicPart(stored), ...(lastUsedMs !== 0 && { lastUsed: lastUsedMs }) }))
      .toSorted((a, b) => a.created - b.created || (a.name < b.name ? -1 : 1));
  }

  async revoke(idOrName: string): Promise<{ readonly id: string | undefined; readonly name: string } | undefined> {
    const found = await this.#find(idOrName);
    if (found === undefined) return undefined;
    const key = found === 'unreadable' ? { id: undefined, name: idOrName } : publicPart(found.stored);
    const removed = await this.#options.storage.remove(key);
    await this.#reload();
    return removed ? { id: key.id, name: key.name } : undefined;
  }

  verify(presented: string): ClientKey | undefined {
    const isFormed = hasKeyForm(presented);
    const text = isFormed ? presented : STAND_IN;
    const digest = hash('sha256', text, 'buffer');
    const entry = isFormed ? this.#entries.get(idOf(text)) : undefined;
    const seen = entry?.secrets.find(({ verified }) => verified !== undefined && timingSafeEqual(verified, digest));
    if (entry !== undefined && seen !== undefined) return this.#accept(entry, seen);
    const hmac = this.#hmac(text);
    const secrets: readonly Pick<Secret, 'hash'>[] = entry?.secrets ?? NO_SECRET;
    const at = secrets.findIndex((secret) => timingSafeEqual(hmac, secret.hash));
    const secret = entry?.secrets[at];
    if (entry === undefined || secret === undefined) return undefined;
    secret.verified = digest;
    return this.#accept(entry, secret);
  }

  holds(key: ClientKey): boolean {
    const entry = this.#entries.get(key.id);
    const secret = entry?.secrets.find((one) => one.key === key);
    return entry !== undefined && secret !== undefined && this.#accept(entry, secret) !== undefined;
  }

  #accept(entry: Entry, { key }: Secret): ClientKey | undefined {
    const nowMs = this.#options.now();
    if (key.expires !== undefined && key.expires <= nowMs) return undefined;
    entry.lastUsedMs = nowMs;
    return key;
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
