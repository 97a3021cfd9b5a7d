/**
 * A state takes the place of another, by names within its folder: the folder itself may be a mount or a link. What is to be
 * done is written down first. Who finds such a note of a process that is gone undoes what it had done: until the note is
 * removed the old state is the one that counts.
 */
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireLock, LockTimeoutError, readFileBounded, writeFileAtomic } from '@sallyport/host';
import { isAbsent } from '../audit/folder.ts';

export interface Swap {
  /** The folder of the state. */
  readonly state: string;
  /** Names in the state that go to the folder `to`. */
  readonly old: readonly string[];
  /** Absolute, as `from`; on the same file system. */
  readonly to: string;
  /** Names in the folder `from` that come into the state. */
  readonly next: readonly string[];
  readonly from: string;
}

type Rename = (from: string, to: string) => Promise<void>;

const MAX_NOTE_BYTES = 64 * 1024;

function notePath(state: string): string {
  return join(state, 'restore.json');
}

/** Held by whoever swaps: gone with the process. */
function lockPath(state: string): string {
  return join(state, 'restore.lock');
}

/** All or nothing, as long as this process lives; after it `undoSwap` makes it nothing. */
export async function swapState(swap: Swap, move: Rename = rename): Promise<void> {
  const { from, next, old, state, to } = swap;
  await mkdir(to, { recursive: true, mode: 0o700 });
  const lock = await acquireLock(lockPath(state), { timeoutMs: 0 });
  try {
    await writeFileAtomic(notePath(state), JSON.stringify(swap));
    for (const name of old) await move(join(state, name), join(to, name));
    for (const name of next) await move(join(from, name), join(state, name));
    await rm(notePath(state));
  } catch (error) {
    await takeBack(swap);
    throw error;
  } finally {
    lock.release();
  }
}

/** Before anything of a state is used. Throws while another process swaps, and when the note cannot be read. */
export async function undoSwap(state: string): Promise<void> {
  const lock = await acquireLock(lockPath(state), { timeoutMs: 0 }).catch((error: unknown) => {
    if (!(error instanceof LockTimeoutError)) throw error;
    throw new Error(`A restore is under way in ${state}: try again when it has ended.`, { cause: error });
  });
  try {
    const note = await readNote(state);
    if (note !== undefined) await takeBack(note);
  } finally {
    lock.release();
  }
}

async function readNote(state: string): Promise<Swap | undefined> {
  try {
    return JSON.parse((await readFileBounded(notePath(state), MAX_NOTE_BYTES)).toString('utf8')) as Swap;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** What is not in `from` any more has come; what is in `to` has gone. In that order: a name may be in both. */
async function takeBack({ from, next, old, state, to }: Swap): Promise<void> {
  for (const name of next) if (!(await isThere(join(from, name)))) await rename(join(state, name), join(from, name));
  for (const name of old) if (await isThere(join(to, name))) await rename(join(to, name), join(state, name));
  await rm(notePath(state), { force: true });
  await rm(from, { recursive: true, force: true });
  await rm(to, { recursive: true, force: true });
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
