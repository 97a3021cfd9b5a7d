/** For tests outside of the package: the store of a state as another process opens it, and the records of a room in it. */

export { recordsOf } from '../records.ts';
export { openSqliteStore } from '../sqlite.ts';
