/**
 * The store in one SQLite file that several processes of this machine may share. Each write is one transaction, on disk
 * (`synchronous = FULL`) before it resolves: what is kept here, such as a revocation, must survive a power cut.
 *
 * Calls run synchronously inside: a write takes one fsync, and waits for another process's write. It is not for what
 * happens with every message. It does not work across machines, nor on network file systems without locks.
 */
import { closeSync, constants, fchmodSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { ensurePrivateDirectory, tightenOrRefuse } from '@sallyport/host';
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
import { checkSchema, migrate } from './sqlite-schema.ts';

/** What the SQLite store needs. */
export interface SqliteStoreOptions {
  /** The database file; its directory becomes private (0700), the file and its companions 0600. */
  readonly path: string;
  /** Milliseconds since 1970; the same clock for all processes that share the file. */
  readonly now: () => number;
}

/** How long a call waits for another process's transaction, which takes milliseconds. */
const BUSY_TIMEOUT_MS = 5000;
/** SQLite does not wait when the journal mode is changed, so opening tries again itself. */
const OPEN_RETRY_MS = 20;
const OPEN_TRIES = BUSY_TIMEOUT_MS / OPEN_RETRY_MS;

const SQLITE_BUSY = 5;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** The primary result code; the higher bits of `errcode` only refine it. */
const resultCode = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;

function translate(error: unknown, path: string): unknown {
  const cause = { cause: error };
  switch (resultCode(error)) {
    case SQLITE_BUSY:
      return new StoreError('busy', `${path} is locked by another process for over ${BUSY_TIMEOUT_MS} ms.`, cause);
    case SQLITE_FULL:
      return new StoreError('full', `No room to write ${path}; nothing was changed. Free some disk space.`, cause);
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new StoreError(
        'unreadable',
        `${path} cannot be read or written (${String(error)}). Check the disk; restore the file from a backup, or move it away to begin anew.`,
        cause,
      );
    default:
      return error;
  }
}

const FIELDS = 'key, value, version, expires_at';

const optionalNumber = (value: unknown): number | undefined => (value === null ? undefined : Number(value));

const fromRow = (row: Record<string, unknown>): StoreRecord =>
  toRecord(String(row['key']), String(row['value']), Number(row['version']), optionalNumber(row['expires_at']));

interface Statements {
  readonly get: StatementSync;
  readonly list: StatementSync;
  readonly version: StatementSync;
  readonly collections: StatementSync;
  readonly advance: StatementSync;
  readonly put: StatementSync;
  readonly delete: StatementSync;
  readonly sweep: StatementSync;
}

function prepare(database: DatabaseSync): Statements {
  return {
    get: database.prepare(
      `SELECT ${FIELDS} FROM records WHERE collection = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)`,
    ),
    list: database.prepare(
      `SELECT ${FIELDS} FROM records WHERE collection = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2
       AND (expires_at IS NULL OR expires_at > ?3) ORDER BY key`,
    ),
    version: database.prepare('SELECT version FROM collections WHERE name = ?'),
    collections: database.prepare('SELECT name FROM collections'),
    advance: database.prepare(
      `INSERT INTO collections (name, version) VALUES (?, 1)
       ON CONFLICT (name) DO UPDATE SET version = version + 1 RETURNING version`,
    ),
    put: database.prepare(
      'INSERT OR REPLACE INTO records (collection, key, value, version, expires_at) VALUES (?, ?, ?, ?, ?)',
    ),
    delete: database.prepare('DELETE FROM records WHERE collection = ? AND key = ?'),
    sweep: database.prepare('DELETE FROM records WHERE expires_at <= ?'),
  };
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #path: string;
  readonly #now: () => number;
  #nextSweepMs = 0;
  #closed = false;

  constructor(database: DatabaseSync, { path, now }: SqliteStoreOptions) {
    this.#database = database;
    this.#statements = prepare(database);
    this.#path = path;
    this.#now = now;
  }

  #run<T>(work: (statements: Statements) => T): T {
    if (this.#closed) throw new StoreError('closed', 'The store is closed.');
    try {
      return work(this.#statements);
    } catch (error) {
      throw translate(error, this.#path);
    }
  }

  /** IMMEDIATE: a transaction that begins with reading could lose its snapshot before it writes. */
  #transaction<T>(work: (statements: Statements) => T): T {
    return this.#run((statements) => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        this.#sweep(statements);
        const result = work(statements);
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        try {
          this.#database.exec('ROLLBACK');
        } catch {
          // A full disk has rolled back already; the error that counts is the first.
        }
        throw error;
      }
    });
  }

  #sweep(statements: Statements): void {
    const nowMs = this.#now();
    if (nowMs < this.#nextSweepMs) return;
    this.#nextSweepMs = nowMs + SWEEP_INTERVAL_MS;
    statements.sweep.run(nowMs);
  }

  #read(statements: Statements, collection: string, key: string): StoreRecord | undefined {
    const row = statements.get.get(collection, key, this.#now());
    return row === undefined ? undefined : fromRow(row);
  }

  async get(collection: string, key: string): Promise<StoreRecord | undefined> {
    checkCollection(collection);
    checkKey(key);
    return this.#run((statements) => this.#read(statements, collection, key));
  }

  async put(collection: string, key: string, value: StoreValue, options?: PutOptions): Promise<number> {
    checkCollection(collection);
    checkKey(key);
    const text = encodeValue(value);
    const expiresAtMs = checkExpiry(options);
    return this.#transaction((statements) => {
      const version = Number(statements.advance.get(collection)?.['version']);
      statements.put.run(collection, key, text, version, expiresAtMs ?? null);
      return version;
    });
  }

  async putIf(
    collection: string,
    key: string,
    expected: number | 'absent',
    value: StoreValue,
    options?: PutOptions,
  ): Promise<boolean> {
    checkCollection(collection);
    checkKey(key);
    const text = encodeValue(value);
    const expiresAtMs = checkExpiry(options);
    return this.#transaction((statements) => {
      if ((this.#read(statements, collection, key)?.version ?? 'absent') !== expected) return false;
      const version = Number(statements.advance.get(collection)?.['version']);
      statements.put.run(collection, key, text, version, expiresAtMs ?? null);
      return true;
    });
  }

  async delete(collection: string, key: string): Promise<boolean> {
    checkCollection(collection);
    checkKey(key);
    return this.#transaction((statements) => {
      const existed = this.#read(statements, collection, key) !== undefined;
      statements.delete.run(collection, key);
      if (existed) statements.advance.get(collection);
      return existed;
    });
  }

  async list(collection: string, prefix = ''): Promise<readonly StoreRecord[]> {
    checkCollection(collection);
    checkPrefix(prefix);
    return this.#run((statements) => statements.list.all(collection, prefix, this.#now()).map(fromRow));
  }

  async collections(): Promise<readonly string[]> {
    return this.#run((statements) => statements.collections.all().map(({ name }) => String(name)));
  }

  async version(collection: string): Promise<number> {
    checkCollection(collection);
    return this.#run((statements) => Number(statements.version.get(collection)?.['version'] ?? 0));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }
}

/** SQLite gives its companions (-wal, -shm) the mode of the database, so that one must be right before it is opened. */
async function prepareFile(path: string): Promise<void> {
  await ensurePrivateDirectory(dirname(path));
  try {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    const descriptor = openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
    fchmodSync(descriptor, 0o600);
    closeSync(descriptor);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  for (const suffix of ['', '-wal', '-shm']) await tightenOrRefuse(path + suffix);
}

function connect({ path, now }: SqliteStoreOptions): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    // secure_delete: what was deleted, such as a token, is overwritten in the file.
    database.exec(`
      PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS};
      PRAGMA trusted_schema = OFF;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA secure_delete = ON;`);
    migrate(database, path, now());
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Opens the store, creating or migrating the file as needed. A file of a newer Sallyport, or of something else, is
 * refused without being written to.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  await prepareFile(options.path);
  for (let left = OPEN_TRIES; ; left -= 1) {
    try {
      checkSchema(options.path, BUSY_TIMEOUT_MS);
      return new SqliteStore(connect(options), options);
    } catch (error) {
      if (resultCode(error) !== SQLITE_BUSY || left <= 0) throw translate(error, options.path);
    }
    await delay(OPEN_RETRY_MS);
  }
}
