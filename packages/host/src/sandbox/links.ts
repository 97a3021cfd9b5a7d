/**
 * Symbolic links on the way to a path that a server could have made itself, where it may write: followed at its next start they
 * would give it whatever they lead to. Looks at the file system, changes nothing.
 */
import { readlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isInside } from './inside.ts';
import type { SeenPath } from './spec.ts';

/** As the kernel has it (path_resolution(7)). */
const MAX_LINKS = 40;

/** Why `entry` is not given: a link in one of `writable` leads out of it. Empty: none does. */
export async function turnedBy(
  { path, real }: SeenPath,
  writable: readonly Pick<SeenPath, 'real'>[],
): Promise<readonly string[]> {
  const roots = writable.filter((folder) => !isInside(folder.real, real));
  if (roots.length === 0) return [];
  const links = await linksOn(path);
  const link = links.find((place) => roots.some((folder) => isInside(folder.real, place)));
  return link === undefined
    ? []
    : [`"${path}" leads to "${real}" by the link "${link}", which a server could have made: write "${real}" instead.`];
}

/** Where the links on the way really are. */
async function linksOn(path: string): Promise<readonly string[]> {
  const links: string[] = [];
  const left = path.split('/');
  let at = '/';
  for (let name = left.shift(); name !== undefined && links.length < MAX_LINKS; name = left.shift()) {
    const next = join(at, name);
    // It fails for what is no link.
    const target = await readlink(next).catch(() => undefined);
    if (target === undefined) {
      at = next;
      continue;
    }
    links.push(next);
    left.unshift(...resolve(at, target).split('/'));
    at = '/';
  }
  return links;
}
