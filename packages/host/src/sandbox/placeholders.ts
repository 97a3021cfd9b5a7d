/**
 * Files and folders without effect that stand for what others run later, for as long as children must not make it: something has to be
 * there for a mount. Each is recorded with the processes whose children need it, so that the last of them takes it away, and
 * what a killed process left goes with the next that needs it. Mounts nothing.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateDirectory } from '../files.ts';
import type { GuardedPath } from './spec.ts';

export interface Placeholders {
  /** Makes one where nothing is. Never rejects: what it could not make keeps the child from starting. */
  hold(entry: GuardedPath): Promise<void>;
  /** Once for each `hold`. Never rejects. */
  release(entry: GuardedPath): Promise<void>;
}

export interface PlaceholdersOptions {
  /** For the records; private, made when it is missing. */
  readonly folder: string;
  readonly pid: number;
  readonly isAlive: (pid: number) => boolean;
}

export function createPlaceholders({ folder, pid, isAlive }: PlaceholdersOptions): Placeholders {
  const held = new Map<string, { count: number; readonly ready: Promise<void> }>();
  const recordOf = (path: string): string => join(folder, createHash('sha256').update(path).digest('hex').slice(0, 32));
  /** Undefined: what is there, if anything, is no placeholder. */
  const others = async (record: string): Promise<readonly number[] | undefined> => {
    const names = await readdir(record).catch(() => undefined);
    return names?.map(Number).filter((one) => one !== pid && isAlive(one));
  };
  const make = async (entry: GuardedPath): Promise<void> => {
    const record = recordOf(entry.path);
    if (entry.exists && (await others(record)) === undefined) return;
    // First, so that a process which is killed in between leaves nothing unknown.
    await ensurePrivateDirectory(folder);
    await mkdir(record, { recursive: true });
    await writeFile(join(record, String(pid)), '');
    if (!entry.exists && !(await makeEmpty(entry))) await rm(record, { recursive: true });
  };
  return {
    async hold(entry) {
      const known = held.get(entry.path);
      if (known !== undefined) known.count += 1;
      else held.set(entry.path, { count: 1, ready: make(entry).catch(() => undefined) });
      await held.get(entry.path)?.ready;
    },
    async release(entry) {
      const known = held.get(entry.path);
      if (known === undefined || (known.count -= 1) > 0) return;
      held.delete(entry.path);
      const record = recordOf(entry.path);
      await unlink(join(record, String(pid))).catch(() => undefined);
      if ((await others(record))?.length !== 0) return;
      await removeEmpty(entry);
      await rm(record, { recursive: true, force: true }).catch(() => undefined);
    },
  };
}

/** False when it is there by now, or may not be made: without it the start fails. */
function makeEmpty({ kind, path, text = '' }: GuardedPath): Promise<boolean> {
  return (kind === 'folder' ? mkdir(path) : writeFile(path, text, { flag: 'wx' })).then(
    () => true,
    () => false,
  );
}

/** Somebody else may have filled it by now: then it stays. */
async function removeEmpty({ kind, path, text = '' }: GuardedPath): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (kind === 'folder') await rmdir(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size !== text.length) return;
  if (text === '' || (await readFile(path, 'utf8').catch(() => '')) === text) await unlink(path).catch(() => undefined);
}
