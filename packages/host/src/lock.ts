/**
 * A lock between processes that share a directory on one machine.
 *
 * The lock is the kernel's own file lock, taken through SQLite, the only way Node offers to one. So it is gone the
 * moment its holder is, also after kill -9 and in another container with the same volume, where a written pid says
 * nothing (each container has its own pid 1). Nothing is ever judged stale, by age or otherwise.
 *
 * It does not reach across machines, is not re-entrant, and guards only those who ask for it. The lock files stay, empty;
 * never remove or open them while Sallyport runs (closing any descriptor of the file would drop the lock).
 */
import { chmodSync, closeSync, constants, lstatSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { FileRefusedError } from './files.ts';

/** A lock that is held. */
export interface Lock {
  /** Gives the lock back; safe to call twice. */
  release(): void;
}

/** How long and under which signal to wait for a lock. */
export interface AcquireLockOptions {
  /** Milliseconds to wait; 0 tries once. */
  readonly timeoutMs: number;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The lock was not free in time. */
export class LockTimeoutError extends Error {
  readonly code = 'lock_timeout';
  readonly path: string;

  constructor(path: string, timeoutMs: number) {
    super(
      `Another process holds ${path} (waited ${timeoutMs} ms). Wait for it to finish, or end it: 'fuser ${path}' names it. ` +
        'Do not remove the file.',
    );
    this.name = 'LockTimeoutError';
    this.path = path;
  }
}

/** Waits between tries grow from the first to the last of these, with jitter, so that many waiters do not march in step. */
const FIRST_WAIT_MS = 2;
const LAST_WAIT_MS = 40;

/** The longest a timer of Node can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;

function prepareFile(path: string): void {
  try {
    closeSync(openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600));
    chmodSync(path, 0o600);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    // An existing file is not opened here, on purpose; see the head of this file.
    const stats = lstatSync(path);
    if (!stats.isFile()) {
      throw new FileRefusedError(
        'wrong_type',
        path,
        `${path} must be a lock file but is something else. Move it away and try again.`,
      );
    }
    // Whoever may open it could hold it for ever.
    if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

function tryLock(database: DatabaseSync, path: string): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    // The low byte is the primary code, the rest says which kind of busy.
    const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
    if (code === SQLITE_BUSY) return false;
    if (code === SQLITE_FULL)
      throw new Error(`The disk that ${path} is on is full; nothing was changed.`, { cause: error });
    throw error;
  }
}

/** Polls one lock file until it is ours; `deadlineMs` is on the clock of performance.now. */
async function hold(path: string, deadlineMs: number, options: AcquireLockOptions): Promise<DatabaseSync> {
  options.signal?.throwIfAborted();
  prepareFile(path);
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA busy_timeout = 0');
    for (let waitMs = FIRST_WAIT_MS; !tryLock(database, path); waitMs = Math.min(LAST_WAIT_MS, waitMs * 2)) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new LockTimeoutError(path, options.timeoutMs);
      const pauseMs = Math.min(leftMs, waitMs * (0.5 + Math.random() / 2));
      await delay(pauseMs, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(() => {
        throw options.signal?.reason;
      });
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Waits for the lock at `path` (its directory must exist) and takes it. Whoever releases and asks again at once cannot
 * keep the others out: all queue at a gate (`path` + `.gate`), and only the one inside the gate waits for the lock.
 */
export async function acquireLock(path: string, options: AcquireLockOptions): Promise<Lock> {
  const deadlineMs = performance.now() + options.timeoutMs;
  const gate = await hold(`${path}.gate`, deadlineMs, options);
  let database: DatabaseSync | undefined;
  try {
    database = await hold(path, deadlineMs, options);
  } finally {
    gate.close();
  }
  const held = database;
  // A connection that is collected is closed, and the lock with it. The timer, which never wakes the process, holds it
  // until it is released, even if the caller drops the answer and means to keep the lock for good.
  let anchor: NodeJS.Timeout | undefined = setInterval(() => void held, LONGEST_TIMER_MS).unref();
  return {
    release() {
      if (anchor === undefined) return;
      clearInterval(anchor);
      anchor = undefined;
      held.close();
    },
  };
}
