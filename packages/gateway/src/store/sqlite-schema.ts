/**
 * The tables of the SQLite store and how they came about: numbered migrations, applied in order, each once, recorded in
 * the table `migrations`. A number that was released is never changed or used again; a change is a further number.
 *
 * It opens no file for writing of its own: the caller passes the connection.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from './index.ts';

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

const MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'records',
    sql: `
      CREATE TABLE collections (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE records (
        collection TEXT NOT NULL,
        key        TEXT NOT NULL,
        value      TEXT NOT NULL,
        version    INTEGER NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (collection, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX records_by_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;`,
  },
];

const NEWEST = MIGRATIONS.at(-1)?.number ?? 0;

/** The number of the last migration in the database; 0 in an empty one. */
function schemaNumber(database: DatabaseSync, path: string): number {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.length === 0) return 0;
  if (!tables.some((table) => table['name'] === 'migrations')) {
    throw new StoreError(
      'unreadable',
      `${path} is a database, but not one of Sallyport's. Move it away, or set SALLYPORT_HOME to another directory.`,
    );
  }
  return Number(database.prepare('SELECT max(number) AS number FROM migrations').get()?.['number'] ?? 0);
}

/** Refuses a database of a newer Sallyport, without writing to it. The file must exist. */
export function checkSchema(path: string, busyTimeoutMs: number): void {
  // A read-only connection leaves empty companions behind; one that may write tidies up, but would also fold a log that
  // a killed process left into the file. So: read-only where there is such a log.
  const database = new DatabaseSync(path, { readOnly: existsSync(`${path}-wal`) });
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    const number = schemaNumber(database, path);
    if (number <= NEWEST) return;
    throw new StoreError(
      'newer_schema',
      `${path} was written by a newer Sallyport (schema ${number}; this one knows ${NEWEST}). It was left as it is. ` +
        'Update Sallyport, or set SALLYPORT_HOME to another directory.',
    );
  } finally {
    database.close();
  }
}

/** Applies what is missing, all or nothing. Of several processes that start together one does it, the others find it done. */
export function migrate(database: DatabaseSync, path: string, nowMs: number): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const number = schemaNumber(database, path);
    if (number === 0) {
      database.exec(
        'CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
      );
    }
    const record = database.prepare('INSERT INTO migrations (number, name, applied_at) VALUES (?, ?, ?)');
    for (const migration of MIGRATIONS) {
      if (migration.number <= number) continue;
      database.exec(migration.sql);
      record.run(migration.number, migration.name, nowMs);
    }
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
