/** `@sallyport/server/sqlite`: sessions, keys and records in one file. Apart, because Node says that its SQLite is experimental. */

export { openSqlite, type Sqlite, type SqliteOptions } from './serving/sqlite.ts';
