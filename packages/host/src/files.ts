/**
 * The files of our own state: atomic writes, private modes, bounded reads, and where the state lives. They are never
 * symbolic links, belong to us alone, and are repaired where that is safe. Files that others put there for us, such as
 * mounted secrets and configurations, are the matter of trusted-files.ts.
 *
 * It does not encrypt and does not parse. On Windows there are no mode bits and no owners to compare: those checks pass
 * there, all else holds.
 */
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, link, lstat, mkdir, open, readdir, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, posix, win32 } from 'node:path';

/** Why a file was refused; stable, for callers that branch. The message is for people. */
export type FileRefusal =
  | 'symbolic_link'
  | 'wrong_type'
  | 'foreign_owner'
  | 'writable_by_others'
  | 'too_large'
  | 'outside_root'
  | 'no_home';

/** A file or directory that exists (or would) but must not be used. Errors of the system itself pass through as they are. */
export class FileRefusedError extends Error {
  readonly code: FileRefusal;
  readonly path: string;

  constructor(code: FileRefusal, path: string, message: string) {
    super(message);
    this.name = 'FileRefusedError';
    this.code = code;
    this.path = path;
  }
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

const PERMISSION_BITS = 0o7777;
/** A temporary file this old whose writer is gone is what a kill left behind. Both must hold: pids repeat in containers. */
const ABANDONED_AFTER_MS = 60_000;

const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

async function lstatOrAbsent(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function requireRegular(path: string, stats: Stats): void {
  if (stats.isSymbolicLink()) {
    throw new FileRefusedError(
      'symbolic_link',
      path,
      `${path} is a symbolic link; Sallyport does not follow links in its own state. Remove the link, or put the file itself there.`,
    );
  }
  if (!stats.isFile()) {
    throw new FileRefusedError('wrong_type', path, `${path} is not a regular file. Move it away and try again.`);
  }
}

function requireOwnedByUs(path: string, stats: Stats): void {
  const us = process.geteuid?.();
  if (us === undefined || stats.uid === us) return;
  throw new FileRefusedError(
    'foreign_owner',
    path,
    `${path} belongs to uid ${stats.uid}, but Sallyport runs as uid ${us}. ` +
      `Run it as that user, change the owner (chown ${us} '${path}'), or set SALLYPORT_HOME to a directory of your own.`,
  );
}

/** Makes a rename or a new name survive a power cut. Directories cannot be opened on Windows, where this does nothing. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const temporaryPrefix = (path: string): string => `.${basename(path).slice(0, 200)}.`;

/** Another process may have the number by now: then it is there. */
export function processIsGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'ESRCH';
  }
}

/** Removes what earlier writers of the same file left when they were killed: it may hold secrets. Never fails. */
async function sweepAbandoned(path: string): Promise<void> {
  const directory = dirname(path);
  const prefix = temporaryPrefix(path);
  for (const name of await readdir(directory).catch((): string[] => [])) {
    const pid = name.startsWith(prefix)
      ? /^(\d{1,10})-[0-9a-f]{16}\.tmp$/.exec(name.slice(prefix.length))?.[1]
      : undefined;
    if (pid === undefined || !processIsGone(Number(pid))) continue;
    const leftover = join(directory, name);
    const stats = await lstat(leftover).catch(() => undefined);
    if (stats === undefined || Date.now() - stats.mtimeMs < ABANDONED_AFTER_MS) continue;
    await unlink(leftover).catch(() => undefined);
  }
}

/** Writes a complete, synced file beside `path` and hands its name to `place`; it is removed unless `place` moved it. */
async function writeBeside(
  path: string,
  data: string | Uint8Array,
  { mode = 0o600, owner }: WriteFileOptions,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  await sweepAbandoned(path);
  const name = `${temporaryPrefix(path)}${process.pid}-${randomBytes(8).toString('hex')}.tmp`;
  const temporary = join(dirname(path), name);
  // 0600 until it is complete; the umask cannot widen it, and fchmod below sets what was asked for exactly.
  const handle = await open(temporary, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  try {
    try {
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
      await handle.chmod(mode);
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await place(temporary);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Options of the atomic writers. */
export interface WriteFileOptions {
  /** The exact mode of the file, whatever the umask. Default 0600. */
  readonly mode?: number;
  /** Whose it is; only root may give it to another user. Default: ours. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * Replaces the file at `path` as a whole: a reader, a kill -9, a full disk or a power cut sees the old content or the
 * new one, never a part. For our own state: a link, directory or device at `path` is refused. To edit a file that its
 * owner keeps behind a link, resolve the link first.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: WriteFileOptions = {},
): Promise<void> {
  const existing = await lstatOrAbsent(path);
  if (existing !== undefined) requireRegular(path, existing);
  await writeBeside(path, data, options, async (temporary) => await rename(temporary, path));
}

/**
 * Creates the file at `path` with all its content, or leaves the one that is there: of many racing processes exactly
 * one gets `true`. Needs a file system with hard links.
 */
export async function writeFileOnce(
  path: string,
  data: string | Uint8Array,
  options: WriteFileOptions = {},
): Promise<boolean> {
  if ((await lstatOrAbsent(path)) !== undefined) return false;
  let created = true;
  await writeBeside(path, data, options, async (temporary) => {
    try {
      await link(temporary, path);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      created = false;
    }
    await unlink(temporary);
  });
  return created;
}

/**
 * Makes `path` a directory that only we may enter (0700) and returns its real path. Missing parents are created 0700
 * too. A looser one of ours is tightened; one of another owner is refused. A link to it is followed only if root or we
 * made the link (systemd's StateDirectory is such a link).
 */
export async function ensurePrivateDirectory(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const entry = await lstat(path);
  if (entry.isSymbolicLink() && entry.uid !== 0) requireOwnedByUs(path, entry);
  const real = await realpath(path);
  const stats = await stat(real);
  if (!stats.isDirectory()) {
    throw new FileRefusedError(
      'wrong_type',
      real,
      `${real} is not a directory. Move it away, or set SALLYPORT_HOME to another place.`,
    );
  }
  requireOwnedByUs(real, stats);
  if (process.platform !== 'win32' && (stats.mode & PERMISSION_BITS) !== 0o700) await chmod(real, 0o700);
  return real;
}

/**
 * Brings a file of our own state to 0600. `tightened` means others could have read or written it until now, which is
 * worth a warning. Refuses links, other kinds of files and other owners.
 *
 * It never opens the file: closing any descriptor of a database would drop the locks SQLite holds on it in this process.
 */
export async function tightenOrRefuse(path: string): Promise<'absent' | 'private' | 'tightened'> {
  const stats = await lstatOrAbsent(path);
  if (stats === undefined) return 'absent';
  requireRegular(path, stats);
  requireOwnedByUs(path, stats);
  if (process.platform === 'win32' || (stats.mode & 0o7177) === 0) return 'private';
  await chmod(path, 0o600);
  return 'tightened';
}

/** The whole content of a regular file of at most `maxBytes` bytes. A pipe or device is refused without waiting on it. */
export async function readFileBounded(path: string, maxBytes: number): Promise<Buffer> {
  const handle = await open(path, O_RDONLY | O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) {
      throw new FileRefusedError('wrong_type', path, `${path} is not a regular file.`);
    }
    // One byte more than allowed: what grows while it is read, or lies about its size, is noticed too.
    const chunks: Buffer[] = [];
    let total = 0;
    while (total <= maxBytes) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(65_536, maxBytes + 1 - total)));
      if (bytesRead === 0) return Buffer.concat(chunks);
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
    throw new FileRefusedError(
      'too_large',
      path,
      `${path} is larger than ${maxBytes} bytes, the most that is read here.`,
    );
  } finally {
    await handle.close();
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const present = (value: string | undefined): value is string => value !== undefined && value !== '';

function usualPlace(env: Environment, platform: NodeJS.Platform): string {
  const paths = platform === 'win32' ? win32 : posix;
  const local = env['LOCALAPPDATA'];
  if (platform === 'win32' && present(local)) return paths.join(local, 'sallyport');
  const home = platform === 'win32' ? env['USERPROFILE'] : env['HOME'];
  if (!present(home) || !paths.isAbsolute(home)) {
    const message = 'No place for the state: HOME is not set. Set SALLYPORT_HOME to a directory of your own.';
    throw new FileRefusedError('no_home', '', message);
  }
  if (platform === 'win32') return paths.join(home, 'AppData', 'Local', 'sallyport');
  if (platform === 'darwin') return paths.join(home, 'Library', 'Application Support', 'sallyport');
  return paths.join(home, '.local', 'state', 'sallyport');
}

/**
 * Where this user's state lives: `SALLYPORT_HOME`, systemd's `STATE_DIRECTORY` (the first of a list),
 * `XDG_STATE_HOME/sallyport`, else the system's usual place below the home directory. Nothing is created.
 */
export function stateDirectory(env: Environment, platform: NodeJS.Platform): string {
  const paths = platform === 'win32' ? win32 : posix;
  const own = env['SALLYPORT_HOME'];
  if (present(own)) return paths.resolve(own);
  const systemd = env['STATE_DIRECTORY']?.split(':')[0];
  if (platform !== 'win32' && present(systemd)) return paths.resolve(systemd);
  const xdg = env['XDG_STATE_HOME'];
  // The XDG specification has relative values ignored.
  if (present(xdg) && paths.isAbsolute(xdg)) return paths.join(xdg, 'sallyport');
  return usualPlace(env, platform);
}
