/**
 * Keeps a requested path inside a root directory, by where it really leads.
 *
 * It answers for the moment of the call: it opens nothing. Who opens the result and does not own every directory below
 * the root should open with O_NOFOLLOW and check again.
 */
import { lstat, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { FileRefusedError } from './files.ts';

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function refuse(requested: string, why: string): never {
  throw new FileRefusedError(
    'outside_root',
    requested,
    `${JSON.stringify(requested)} ${why}. Give a relative path inside the root.`,
  );
}

function segmentsOf(requested: string): string[] {
  if (requested.includes('\0')) refuse(requested, 'contains a NUL character');
  if (isAbsolute(requested)) refuse(requested, 'is an absolute path');
  // On Windows a colon names a drive or a hidden stream of a file, and both separators count.
  if (process.platform === 'win32' && requested.includes(':')) refuse(requested, 'contains a colon');
  return requested
    .split(process.platform === 'win32' ? /[\\/]/ : '/')
    .filter((segment) => segment !== '' && segment !== '.');
}

/** Where `path` really leads: undefined when there is nothing, a refusal when it is a link to nothing. */
async function realPathOf(path: string, requested: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ELOOP') return refuse(requested, 'passes through a loop of symbolic links');
    if (code === 'ENAMETOOLONG') return refuse(requested, 'is too long');
    if (code === 'ENOTDIR') return refuse(requested, 'passes through a file as if it were a directory');
    if (code !== 'ENOENT') throw error;
  }
  // Writing through a dangling link would create its target, wherever that is.
  const entry = await lstat(path).catch(() => undefined);
  return entry === undefined ? undefined : refuse(requested, 'passes through a symbolic link that leads nowhere');
}

/**
 * The real, absolute path that `requested`, relative to `root`, leads to. Links are resolved as the system would, one
 * segment at a time; what does not exist yet is appended to its deepest existing ancestor. Anything that leaves the
 * root on the way is refused with a {@link FileRefusedError} of code `outside_root`, even if it would come back.
 */
export async function resolveInside(root: string, requested: string): Promise<string> {
  const realRoot = await realpath(root);
  let current = realRoot;
  let exists = true;
  for (const segment of segmentsOf(requested)) {
    if (segment === '..') {
      if (!exists) refuse(requested, 'climbs out of a directory that does not exist');
      current = dirname(current);
    } else if (exists) {
      const next = join(current, segment);
      const real = await realPathOf(next, requested);
      exists = real !== undefined;
      current = real ?? next;
    } else {
      current = join(current, segment);
    }
    if (!isInside(realRoot, current)) refuse(requested, 'leads outside the root');
  }
  return current;
}
