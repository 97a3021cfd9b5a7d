/**
 * Opens files below a root so that no symbolic link leads out, also when somebody swaps a folder for a link meanwhile: every
 * step is taken from the handle of the folder above, with O_NOFOLLOW. Links that stay inside are resolved first by the path
 * guard of @sallyport/host, and the way it found is walked again without following any.
 *
 * Steps from a handle go through /proc/self/fd, which Linux has. Elsewhere each step is taken by path and the folder is
 * compared afterwards with what the path then leads to: a race is noticed, though after the step.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs';
import { join, relative, sep } from 'node:path';
import { FileRefusedError, resolveInside } from '@sallyport/host';
import { SpecError } from '../errors.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const FOLDER_FLAGS = O_RDONLY | (O_DIRECTORY ?? 0) | (O_NOFOLLOW ?? 0);
const FILE_FLAGS = O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0);

/** The folder a walk begins at, as it was when it was opened: another one in its place is refused. */
export interface Root {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/** An open folder; `close` gives the handle back. */
export interface Folder {
  /** A path for `name` in this very folder, valid until `close`. */
  at(name: string): string;
  close(): void;
}

export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** `path` must be real: the answer of realpath. */
export function openRoot(path: string): Root {
  const { dev, ino } = statSync(path);
  return { path, dev, ino };
}

function folderOf(fd: number, path: string): Folder {
  const steps = process.platform === 'linux' && existsSync('/proc/self/fd') ? `/proc/self/fd/${fd}` : path;
  return { at: (name) => join(steps, name), close: () => closeSync(fd) };
}

/** Without handles to step from, the path may have changed between the two looks. */
function verify(fd: number, path: string, inside: string): void {
  if (process.platform === 'linux') return;
  const held = fstatSync(fd);
  const now = statSync(path);
  if (held.ino !== now.ino || held.dev !== now.dev || realpathSync(path) !== path) throw leftInTheMeantime(inside);
}

const leftInTheMeantime = (path: string): SpecError =>
  new SpecError(
    'outside_workspace',
    `${path} was changed into a link while it was used; nothing was read or written through it.`,
  );

/** A walk met a link, which it does not follow. */
class LinkMet extends Error {}

function step(at: string, inside: string, create: boolean): number | undefined {
  for (;;) {
    try {
      return openSync(at, FOLDER_FLAGS);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ELOOP' || (code === 'ENOTDIR' && lstatSync(at).isSymbolicLink())) throw new LinkMet();
      if (code === 'ENOTDIR') {
        throw new SpecError('not_found', `${inside} is a file where a folder is needed. Move it away.`);
      }
      if (code !== 'ENOENT' || !create) {
        if (code === 'ENOENT') return undefined;
        throw error;
      }
    }
    try {
      mkdirSync(at);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
}

function walk(root: Root, segments: readonly string[], create: boolean): Folder | undefined {
  let fd = openSync(root.path, FOLDER_FLAGS);
  let path = root.path;
  try {
    const { dev, ino } = fstatSync(fd);
    if (dev !== root.dev || ino !== root.ino) throw leftInTheMeantime('The workspace folder');
    for (const segment of segments) {
      const inside = relative(root.path, join(path, segment));
      const next = step(folderOf(fd, path).at(segment), inside, create);
      if (next === undefined) {
        closeSync(fd);
        return undefined;
      }
      closeSync(fd);
      fd = next;
      path = join(path, segment);
      verify(fd, path, inside);
    }
    return folderOf(fd, path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The segments of a path inside a workspace; refuses what is absolute, climbs or holds NUL. */
export function segmentsOf(path: string): string[] {
  const refuse = (why: string): never => {
    throw new SpecError(
      'outside_workspace',
      `${JSON.stringify(path.slice(0, 200))} ${why}. Give a relative path inside the workspace.`,
    );
  };
  if (path.includes('\0')) return refuse('contains a NUL character');
  if (/^(?:[\\/]|[A-Za-z]:)/.test(path)) return refuse('is an absolute path');
  const segments = path.split(/[\\/]/).filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) return refuse('climbs with ".."');
  if (path.length > 1024 || segments.some((segment) => Buffer.byteLength(segment) > 255)) return refuse('is too long');
  return segments;
}

async function throughLinks(root: Root, path: string): Promise<string[]> {
  try {
    return relative(root.path, await resolveInside(root.path, path))
      .split(sep)
      .filter((segment) => segment !== '');
  } catch (error) {
    if (error instanceof FileRefusedError) {
      throw new SpecError(
        'outside_workspace',
        `${error.message} Links that lead out of the workspace are not followed.`,
      );
    }
    throw error;
  }
}

/** What is meant with a path: to look, to change or remove what is there, or to make it with its folders. */
type Purpose = 'look' | 'change' | 'create';

/** In a `.git` folder a file can make git run something; other systems know it by more names. */
const GIT_FOLDER = /^(?:\.git[. ]*|git~\d+)$/i;

/**
 * Runs `use` with the folder that holds `path` and the name of `path` in it; answers undefined when that folder is not there.
 * `use` gets the name as it really is: a link that stays inside was resolved. Only looking is allowed in `.git`.
 */
export async function inFolder<T>(
  root: Root,
  path: string,
  purpose: Purpose,
  use: (folder: Folder, name: string) => T,
): Promise<Awaited<T> | undefined> {
  const attempt = async (segments: readonly string[]): Promise<Awaited<T> | undefined> => {
    if (purpose !== 'look' && segments.some((segment) => GIT_FOLDER.test(segment))) {
      throw new SpecError('outside_workspace', 'Nothing is written into .git. Name another folder.');
    }
    const folder = walk(root, segments.slice(0, -1), purpose === 'create');
    if (folder === undefined) return undefined;
    try {
      const name = segments.at(-1) ?? '.';
      const entry = lstatOrAbsent(folder.at(name));
      if (entry?.isSymbolicLink() === true) throw new LinkMet();
      return await use(folder, name);
    } finally {
      folder.close();
    }
  };
  try {
    return await attempt(segmentsOf(path));
  } catch (error) {
    if (!(error instanceof LinkMet)) throw error;
  }
  try {
    return await attempt(await throughLinks(root, path));
  } catch (error) {
    if (error instanceof LinkMet) throw leftInTheMeantime(path);
    throw error;
  }
}

/** What is at `path` itself, a link included. */
export function lstatOrAbsent(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Opens a file for reading without following a link; undefined when there is none. */
export function openFile(path: string, inside: string): number | undefined {
  try {
    return openSync(path, FILE_FLAGS);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw leftInTheMeantime(inside);
    throw error;
  }
}
