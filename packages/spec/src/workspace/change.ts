/**
 * One change of a workspace: under the lock of its scope (a feature, or the workspace), all files or none, nothing written
 * when nothing differs, and taken back by `undoChange` as long as nobody wrote over it. Locks and the one undo record of each
 * scope are in `.specify/.sallyport`, so that all who share the folder share them.
 */
import { createHash } from 'node:crypto';
import { acquireLock, type Lock, LockTimeoutError } from '@sallyport/host';
import { SpecError } from '../errors.ts';
import { listFolder, readFileInside, removeFileInside, writeFileInside } from './files.ts';
import { inFolder, type Root } from './folder.ts';

const OWN_FOLDER = '.specify/.sallyport';
const LOCK_WAIT_MS = 10_000;

/** What a change reads and writes: reads see earlier writes of the same change. */
export interface Draft {
  read(path: string): Promise<string | undefined>;
  write(path: string, text: string): void;
  remove(path: string): void;
}

export interface ChangeOptions {
  /** `workspace`, or the name of a feature's folder: two changes of one scope never run at once. */
  readonly scope: string;
  /** What is done, for whoever takes it back. */
  readonly label: string;
  readonly now: () => number;
  readonly signal?: AbortSignal;
}

export interface Changed<T> {
  readonly value: T;
  /** The files that differ from before, by path. */
  readonly changed: readonly string[];
}

interface UndoFile {
  readonly path: string;
  readonly before: string | null;
  /** SHA-256 of what was written; null when it was removed. */
  readonly after: string | null;
}

export interface UndoRecord {
  readonly label: string;
  readonly at: number;
  readonly files: readonly UndoFile[];
}

const hash = (text: string | undefined): string | null =>
  text === undefined ? null : createHash('sha256').update(text).digest('hex');
const undoPath = (scope: string): string => `${OWN_FOLDER}/undo/${scope}.json`;

function checkScope(scope: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(scope)) {
    throw new SpecError('invalid_input', `${JSON.stringify(scope)} is not the name of a feature folder.`);
  }
}

/** They are of this machine and moment, so a repository must not carry them. */
async function keepOutOfGit(root: Root): Promise<void> {
  const path = `${OWN_FOLDER}/.gitignore`;
  if ((await readFileInside(root, path)) === undefined) await writeFileInside(root, path, '*\n');
}

async function lock(root: Root, scope: string, signal: AbortSignal | undefined): Promise<Lock> {
  await keepOutOfGit(root);
  const options = { timeoutMs: LOCK_WAIT_MS, ...(signal === undefined ? {} : { signal }) };
  try {
    const held = await inFolder(root, `${OWN_FOLDER}/locks/${scope}`, 'create', async (folder, name) =>
      acquireLock(folder.at(name), options),
    );
    if (held !== undefined) return held;
  } catch (error) {
    if (!(error instanceof LockTimeoutError)) throw error;
  }
  throw new SpecError('busy', `Somebody else is writing ${scope} for more than ${LOCK_WAIT_MS / 1000} s. Try again.`);
}

interface Pending {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

async function pendingOf(
  root: Root,
  writes: ReadonlyMap<string, string | undefined>,
  seen: ReadonlyMap<string, string | undefined>,
): Promise<Pending[]> {
  const pending: Pending[] = [];
  for (const [path, after] of writes) {
    const before = await readFileInside(root, path);
    if (seen.has(path) && seen.get(path) !== before) {
      throw new SpecError('conflict', `${path} was changed by somebody else meanwhile. Read it again and repeat.`);
    }
    if (before !== after) pending.push({ path, before, after });
  }
  return pending;
}

async function put(root: Root, path: string, text: string | undefined): Promise<void> {
  if (text === undefined) await removeFileInside(root, path);
  else await writeFileInside(root, path, text);
}

async function writeAll(root: Root, pending: readonly Pending[]): Promise<void> {
  const done: Pending[] = [];
  try {
    for (const file of pending) {
      await put(root, file.path, file.after);
      done.push(file);
    }
  } catch (error) {
    for (const { path, before } of done.toReversed()) await put(root, path, before);
    throw error;
  }
}

/** Runs `work` under the lock and writes what it drafted. When `work` or a write throws, the files are as before. */
export async function change<T>(
  root: Root,
  options: ChangeOptions,
  work: (draft: Draft) => Promise<T>,
): Promise<Changed<T>> {
  checkScope(options.scope);
  const held = await lock(root, options.scope, options.signal);
  try {
    const writes = new Map<string, string | undefined>();
    const seen = new Map<string, string | undefined>();
    const value = await work({
      async read(path) {
        if (writes.has(path)) return writes.get(path);
        const text = await readFileInside(root, path);
        if (!seen.has(path)) seen.set(path, text);
        return text;
      },
      write: (path, text) => void writes.set(path, text),
      remove: (path) => void writes.set(path, undefined),
    });
    options.signal?.throwIfAborted();
    const pending = await pendingOf(root, writes, seen);
    if (pending.length > 0) {
      await writeAll(root, pending);
      const files = pending.map(({ path, before, after }) => ({ path, before: before ?? null, after: hash(after) }));
      const record: UndoRecord = { label: options.label, at: options.now(), files };
      await writeFileInside(root, undoPath(options.scope), JSON.stringify(record));
    }
    return { value, changed: pending.map(({ path }) => path) };
  } finally {
    held.release();
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isText = (value: unknown): value is string | null => value === null || typeof value === 'string';

const isUndoFile = (value: unknown): boolean =>
  isRecord(value) && typeof value['path'] === 'string' && isText(value['before']) && isText(value['after']);

/** Undefined for what is no record: it lies in the repository, so anybody may have written it. */
function parseRecord(text: string): UndoRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { label, at, files } = value;
  if (typeof label !== 'string' || typeof at !== 'number' || !Array.isArray(files)) return undefined;
  return files.every(isUndoFile) ? { label, at, files: files as UndoFile[] } : undefined;
}

async function recordOf(root: Root, scope: string): Promise<UndoRecord | undefined> {
  const text = await readFileInside(root, undoPath(scope));
  if (text === undefined) return undefined;
  const record = parseRecord(text);
  if (record !== undefined) return record;
  throw new SpecError('conflict', `The record of the last change of ${scope} is damaged: it cannot be taken back.`);
}

/** The scope that was changed last, among those whose change can still be taken back. */
export async function lastScope(root: Root): Promise<string | undefined> {
  let last: { scope: string; at: number } | undefined;
  for (const { name, kind } of await listFolder(root, `${OWN_FOLDER}/undo`)) {
    if (kind !== 'file' || !name.endsWith('.json')) continue;
    const scope = name.slice(0, -'.json'.length);
    const record = parseRecord((await readFileInside(root, undoPath(scope))) ?? '');
    if (record !== undefined && (last === undefined || record.at > last.at)) last = { scope, at: record.at };
  }
  return last?.scope;
}

/** Takes the last change of a scope back. Refused when one of its files was changed since. */
export async function undoChange(
  root: Root,
  scope: string,
  signal?: AbortSignal,
): Promise<{ readonly label: string; readonly restored: readonly string[] }> {
  checkScope(scope);
  const held = await lock(root, scope, signal);
  try {
    const record = await recordOf(root, scope);
    if (record === undefined) throw new SpecError('not_found', `There is no change of ${scope} to take back.`);
    for (const { path, after } of record.files) {
      if (hash(await readFileInside(root, path)) === after) continue;
      throw new SpecError(
        'conflict',
        `${path} was changed after "${record.label}". Put it right by hand, or with git.`,
      );
    }
    for (const { path, before } of record.files) await put(root, path, before ?? undefined);
    await removeFileInside(root, undoPath(scope));
    return { label: record.label, restored: record.files.map(({ path }) => path) };
  } finally {
    held.release();
  }
}
