/**
 * Where installs lie: for each server a folder, in it for each package a record that names the folder of the install in force.
 * Installs are not moved or changed once they are complete; which one is in force changes in one step. Several processes share
 * it, by a lock.
 */
import { createHash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, lchown, lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireLock, readFileBounded, writeFileAtomic } from '@sallyport/host';
import { isObject } from '@sallyport/wire';

/** Installs that are kept of a server: children may run from one that is not in force any more. */
const KEPT = 4;
const MAX_RECORD_BYTES = 16 * 1024;
const DIGEST_CHARACTERS = 24;

export interface Installed {
  /** Absolute. */
  readonly folder: string;
  /** ms since 1970. */
  readonly installedMs: number;
}

export interface Shelf {
  /** The install in force of a package, whatever its age. */
  find(): Promise<Installed | undefined>;
  /**
   * Makes an install with `fill`, which gets a new folder that any user may write to where this process is root, and puts it in
   * force. Where another process did so while this one waited, that one is taken, if `isGood` says so.
   */
  install(fill: (folder: string) => Promise<void>, isGood: (found: Installed) => boolean): Promise<Installed>;
}

export interface ShelfOptions {
  /** Of all installs; made when it is missing. Where this process is root, other users must be able to get there. */
  readonly base: string;
  readonly server: string;
  /** What is installed: the same text, the same install. */
  readonly key: string;
  /** How long another process is waited for. */
  readonly timeoutMs: number;
  readonly now: () => number;
}

export function createShelf({ base, server, key, timeoutMs, now }: ShelfOptions): Shelf {
  // Names of servers and packages never become paths.
  const place = join(base, digestOf(server));
  const record = join(place, `${digestOf(key)}.json`);
  const find = async (): Promise<Installed | undefined> => {
    const found = await readRecord(record);
    return found !== undefined && (await isFolder(join(place, found.name)))
      ? { folder: join(place, found.name), installedMs: found.installedMs }
      : undefined;
  };
  return {
    find,
    async install(fill, isGood) {
      await makeWay(base, place);
      const lock = await acquireLock(join(place, 'lock'), { timeoutMs });
      try {
        const found = await find();
        if (found !== undefined && isGood(found)) return found;
        const name = `${digestOf(key)}-${randomBytes(8).toString('hex')}`;
        const folder = join(place, name);
        await mkdir(folder);
        await chmod(folder, isRoot() ? 0o777 : 0o700);
        try {
          await fill(folder);
          if (isRoot()) await takeOver(folder);
        } catch (error) {
          await rm(folder, { recursive: true, force: true });
          throw error;
        }
        const installedMs = now();
        await writeFileAtomic(record, JSON.stringify({ name, installedMs }));
        await sweep(place);
        return { folder, installedMs };
      } finally {
        lock.release();
      }
    },
  };
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, DIGEST_CHARACTERS);
}

const isRoot = (): boolean => process.getuid?.() === 0;

/** Children of root are another user's: they must get through, and see nothing on the way. */
async function makeWay(base: string, place: string): Promise<void> {
  const mode = isRoot() ? 0o711 : 0o700;
  for (const folder of [base, place]) {
    await mkdir(folder, { recursive: true, mode });
    await chmod(folder, mode);
  }
}

async function readRecord(path: string): Promise<{ readonly name: string; readonly installedMs: number } | undefined> {
  try {
    const value: unknown = JSON.parse((await readFileBounded(path, MAX_RECORD_BYTES)).toString('utf8'));
    if (!isObject(value)) return undefined;
    const { name, installedMs } = value;
    const isRecord = typeof name === 'string' && /^[0-9a-f]+-[0-9a-f]+$/.test(name) && typeof installedMs === 'number';
    return isRecord ? { name, installedMs } : undefined;
  } catch {
    return undefined;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * From now on only root may change it: what one server could write, others would run. Folders come first, each before it is read, so
 * that nobody can put anything else in the place of what is found in it. Rejects where a file has a name outside of this folder:
 * somebody else's, which would become everybody's to read.
 */
async function takeOver(folder: string): Promise<void> {
  const files: Entry[] = [];
  await close(folder, await lstat(folder), files);
  const names = new Map<number, number>();
  for (const { found } of files) names.set(found.ino, (names.get(found.ino) ?? 0) + 1);
  for (const { path, found } of files) {
    if (found.nlink !== names.get(found.ino))
      throw new Error(`"${path}" is also a file outside of the install: it is refused.`);
  }
  for (const { path, found } of files) await makeRoots(path, found.mode, 0o444);
}

interface Entry {
  readonly path: string;
  readonly found: Stats;
}

/** Gathers the files. What is neither file, folder nor link is of no use to anybody. */
async function close(path: string, found: Stats, files: Entry[]): Promise<void> {
  if (found.isFile()) files.push({ path, found });
  else if (found.isSymbolicLink()) await lchown(path, 0, 0);
  else if (!found.isDirectory()) await rm(path);
  if (!found.isDirectory()) return;
  await makeRoots(path, found.mode, 0o555);
  for (const name of await readdir(path)) {
    const inside = join(path, name);
    await close(inside, await lstat(inside), files);
  }
}

async function makeRoots(path: string, mode: number, least: number): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await handle.chown(0, 0);
    await handle.chmod((mode & 0o755) | least);
  } finally {
    await handle.close();
  }
}

/** The oldest go; what a killed process left is among them some day. */
async function sweep(place: string): Promise<void> {
  const names = (await readdir(place)).filter((name) => /^[0-9a-f]+-[0-9a-f]+$/.test(name));
  const dated = await Promise.all(
    names.map(async (name) => ({ name, madeMs: (await stat(join(place, name))).mtimeMs })),
  );
  const old = dated.toSorted((one, other) => other.madeMs - one.madeMs).slice(KEPT);
  await Promise.all(old.map(({ name }) => rm(join(place, name), { recursive: true, force: true })));
}
