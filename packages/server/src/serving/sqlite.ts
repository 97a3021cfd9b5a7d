/**
 * What a server keeps, in one SQLite file: sessions with what their streams said, and collections of records for keys, sign-ins
 * and registrations. Statements run where they are asked for, a few microseconds each. It encrypts nothing, and is for one
 * machine: records may be shared by its processes, sessions belong to one.
 */

import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { isObject, type JsonValue } from '@sallyport/wire';
import type { Records, StoredRecord } from '../records.ts';
import type { SessionStore, StoredSession } from '../session-store.ts';

export interface SqliteOptions {
  /** The file; made with mode 0600. `:memory:` for tests. */
  readonly path: string;
  /** Sessions that are kept; the one unused for longest gives way. 10,000. */
  readonly maxSessions?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface Sqlite {
  readonly sessions: SessionStore;
  /** One collection of records, by its name. */
  records(collection: string): Records;
  /** Idempotent. */
  close(): void;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = 5000;
  PRAGMA foreign_keys = ON;
  CREATE TABLE IF NOT EXISTS sessions (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS sessions_by_use ON sessions (used_ms);
  CREATE TABLE IF NOT EXISTS events (
    key TEXT NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    stream TEXT NOT NULL, sequence INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (key, stream, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS collections (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS records (
    collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, version INTEGER NOT NULL, expires_ms INTEGER,
    PRIMARY KEY (collection, key)
  ) STRICT, WITHOUT ROWID;`;

/** Throws an Error for a person when the file cannot be opened. */
export function openSqlite({ maxSessions = 10_000, now = Date.now, path }: SqliteOptions): Sqlite {
  // SQLite gives its companions the mode of the file.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path);
  database.exec(SCHEMA);
  let closed = false;
  return {
    sessions: sessionStore(database, maxSessions),
    records: (collection) => recordsIn(database, collection, now),
    close: () => {
      if (closed) return;
      closed = true;
      database.close();
    },
  };
}

function sessionStore(database: DatabaseSync, maxSessions: number): SessionStore {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  const get = prepare('SELECT value FROM sessions WHERE key = ?');
  const put = prepare(
    `INSERT INTO sessions (key, value, created_ms, used_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, used_ms = excluded.used_ms`,
  );
  const trim = prepare(
    `DELETE FROM sessions WHERE key IN (
       SELECT key FROM sessions ORDER BY used_ms LIMIT max(0, (SELECT count(*) FROM sessions) - ?))`,
  );
  const remove = prepare('DELETE FROM sessions WHERE key = ?');
  const expire = prepare('DELETE FROM sessions WHERE used_ms < ? OR created_ms < ?');
  const addEvent = prepare(
    `INSERT OR REPLACE INTO events (key, stream, sequence, data)
     SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM sessions WHERE key = ?1)`,
  );
  const events = prepare('SELECT sequence, data FROM events WHERE key = ? AND stream = ? ORDER BY sequence');
  const dropEvents = prepare('DELETE FROM events WHERE key = ? AND stream = ? AND sequence <= ?');
  return {
    get: (key) => storedSession(get.get(key)?.['value']),
    put: (key, session) => {
      put.run(key, JSON.stringify(session), session.createdMs, session.lastUsedMs);
      trim.run(maxSessions);
    },
    delete: (key) => void remove.run(key),
    expire: (usedBeforeMs, createdBeforeMs) => void expire.run(usedBeforeMs, createdBeforeMs),
    addEvent: (key, stream, { data, sequence }) => void addEvent.run(key, stream, sequence, data),
    events: (key, stream) =>
      events.all(key, stream).map((row) => ({ sequence: Number(row['sequence']), data: String(row['data']) })),
    dropEvents: (key, stream, upTo) => void dropEvents.run(key, stream, Math.min(upTo, Number.MAX_SAFE_INTEGER)),
  };
}

/** A file may have been edited by hand: what does not look like a session is none. */
function storedSession(text: unknown): StoredSession | undefined {
  try {
    const value = JSON.parse(String(text)) as JsonValue;
    const isOne = isObject(value) && typeof value['owner'] === 'string' && isObject(value['client']);
    return isOne ? (value as unknown as StoredSession) : undefined;
  } catch {
    return undefined;
  }
}

function recordsIn(database: DatabaseSync, collection: string, now: () => number): Records {
  const FIELDS = 'key, value, version, expires_ms';
  const LIVE = '(expires_ms IS NULL OR expires_ms > ?2)';
  const get = database.prepare(`SELECT ${FIELDS} FROM records WHERE collection = ?1 AND ${LIVE} AND key = ?3`);
  const list = database.prepare(
    `SELECT ${FIELDS} FROM records WHERE collection = ?1 AND ${LIVE} AND substr(key, 1, length(?3)) = ?3 ORDER BY key`,
  );
  const version = database.prepare('SELECT version FROM collections WHERE name = ?');
  const advance = database.prepare(
    `INSERT INTO collections (name, version) VALUES (?, 1)
     ON CONFLICT (name) DO UPDATE SET version = version + 1 RETURNING version`,
  );
  const put = database.prepare('INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM records WHERE collection = ? AND key = ?');
  const expire = database.prepare('DELETE FROM records WHERE collection = ? AND expires_ms <= ?');

  const find = (key: string): StoredRecord | undefined => recordOf(get.get(collection, now(), key));
  /** All or nothing, with nobody between what is read and what is written. */
  const write = <T>(work: () => T): T => {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  };
  const store = (key: string, value: JsonValue, expiresAtMs: number | undefined): void => {
    const next = Number(advance.get(collection)?.['version']);
    expire.run(collection, now());
    put.run(collection, key, JSON.stringify(value), next, expiresAtMs ?? null);
  };
  return {
    get: async (key) => find(key),
    put: async (key, value, options) => write(() => store(key, value, options?.expiresAtMs)),
    putIf: async (key, expected, value, options) =>
      write(() => {
        if ((find(key)?.version ?? 'absent') !== expected) return false;
        store(key, value, options?.expiresAtMs);
        return true;
      }),
    delete: async (key) =>
      write(() => {
        const was = find(key) !== undefined;
        if (was) advance.get(collection);
        remove.run(collection, key);
        return was;
      }),
    list: async (prefix = '') => list.all(collection, now(), prefix).flatMap((row) => recordOf(row) ?? []),
    version: async () => Number(version.get(collection)?.['version'] ?? 0),
  };
}

function recordOf(row: Record<string, unknown> | undefined): StoredRecord | undefined {
  if (row === undefined) return undefined;
  const expiresAtMs = row['expires_ms'];
  return {
    key: String(row['key']),
    value: JSON.parse(String(row['value'])) as JsonValue,
    version: Number(row['version']),
    ...(expiresAtMs !== null && { expiresAtMs: Number(expiresAtMs) }),
  };
}
