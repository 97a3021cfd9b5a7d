/**
 * The store in this process's memory: for tests, and for `store: memory`. Nothing survives the process, and no other
 * process sees it.
 */
import {
  checkCollection,
  checkExpiry,
  checkKey,
  checkPrefix,
  encodeValue,
  type StoreValue,
  type PutOptions,
  type Store,
  StoreError,
  type StoreRecord,
  SWEEP_INTERVAL_MS,
  toRecord,
} from './index.ts';

interface Held {
  readonly text: string;
  readonly version: number;
  readonly expiresAtMs: number | undefined;
}

interface Collection {
  version: number;
  readonly records: Map<string, Held>;
}

/** What the memory store needs. */
export interface MemoryStoreOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The order of the bytes, as SQLite has it; the order of JavaScript differs beyond the basic plane. */
const byBytes = (a: StoreRecord, b: StoreRecord): number => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));

class MemoryStore implements Store {
  readonly #collections = new Map<string, Collection>();
  readonly #now: () => number;
  #nextSweepMs: number;
  #closed = false;

  constructor({ now }: MemoryStoreOptions) {
    this.#now = now;
    this.#nextSweepMs = now() + SWEEP_INTERVAL_MS;
  }

  #collection(name: string): Collection {
    if (this.#closed) throw new StoreError('closed', 'The store is closed.');
    checkCollection(name);
    const known = this.#collections.get(name);
    if (known !== undefined) return known;
    const created: Collection = { version: 0, records: new Map() };
    this.#collections.set(name, created);
    return created;
  }

  #live({ records }: Collection, key: string): Held | undefined {
    checkKey(key);
    const held = records.get(key);
    return held?.expiresAtMs !== undefined && held.expiresAtMs <= this.#now() ? undefined : held;
  }

  #write(collection: Collection, key: string, value: StoreValue, options: PutOptions | undefined): number {
    const text = encodeValue(value);
    const expiresAtMs = checkExpiry(options);
    this.#sweep();
    collection.version += 1;
    collection.records.set(key, { text, version: collection.version, expiresAtMs });
    return collection.version;
  }

  #sweep(): void {
    const nowMs = this.#now();
    if (nowMs < this.#nextSweepMs) return;
    this.#nextSweepMs = nowMs + SWEEP_INTERVAL_MS;
    for (const { records } of this.#collections.values()) {
      for (const [key, { expiresAtMs }] of records) {
        if (expiresAtMs !== undefined && expiresAtMs <= nowMs) records.delete(key);
      }
    }
  }

  async get(collection: string, key: string): Promise<StoreRecord | undefined> {
    const held = this.#live(this.#collection(collection), key);
    return held === undefined ? undefined : toRecord(key, held.text, held.version, held.expiresAtMs);
  }

  async put(collection: string, key: string, value: StoreValue, options?: PutOptions): Promise<number> {
    checkKey(key);
    return this.#write(this.#collection(collection), key, value, options);
  }

  async putIf(
    collection: string,
    key: string,
    expected: number | 'absent',
    value: StoreValue,
    options?: PutOptions,
  ): Promise<boolean> {
    const target = this.#collection(collection);
    if ((this.#live(target, key)?.version ?? 'absent') !== expected) return false;
    this.#write(target, key, value, options);
    return true;
  }

  async delete(collection: string, key: string): Promise<boolean> {
    const target = this.#collection(collection);
    const existed = this.#live(target, key) !== undefined;
    target.records.delete(key);
    if (existed) target.version += 1;
    return existed;
  }

  async list(collection: string, prefix = ''): Promise<readonly StoreRecord[]> {
    checkPrefix(prefix);
    const target = this.#collection(collection);
    const found: StoreRecord[] = [];
    for (const key of target.records.keys()) {
      const held = key.startsWith(prefix) ? this.#live(target, key) : undefined;
      if (held !== undefined) found.push(toRecord(key, held.text, held.version, held.expiresAtMs));
    }
    return found.toSorted(byBytes);
  }

  async collections(): Promise<readonly string[]> {
    if (this.#closed) throw new StoreError('closed', 'The store is closed.');
    return [...this.#collections].flatMap(([name, { version }]) => (version > 0 ? [name] : []));
  }

  async version(collection: string): Promise<number> {
    return this.#collection(collection).version;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#collections.clear();
  }
}

/** A new, empty store. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options);
}
