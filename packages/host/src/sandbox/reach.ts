/**
 * Whether another user may get to a path, by owner, group and mode of every folder on the way. Access control lists are not
 * looked at: where one grants more, this says less. Changes nothing.
 */
import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SandboxUser } from './spec.ts';

const READ = 4;
const WRITE = 2;
const ENTER = 1;

export interface Reach {
  /** Real. */
  readonly path: string;
  /** The user may read it, could it only get there. */
  readonly readable: boolean;
  readonly writable: boolean;
  readonly ofRoot: boolean;
  /** The outermost folder on the way that the user may not enter; undefined: the way is open. */
  readonly barrier: string | undefined;
}

/** How the user stands to each of the paths, once; what does not exist is left out. */
export async function reachOf(paths: readonly string[], user: SandboxUser): Promise<readonly Reach[]> {
  const real = await Promise.all(paths.map((path) => realpath(path).catch(() => undefined)));
  const distinct = [...new Set(real.filter((path) => path !== undefined))];
  return await Promise.all(distinct.map((path) => reach(path, user)));
}

async function reach(path: string, user: SandboxUser): Promise<Reach> {
  const found = await stat(path);
  const enter = found.isDirectory() ? ENTER : 0;
  let barrier: string | undefined;
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if (!permits(await stat(folder), user, ENTER)) barrier = folder;
  }
  return {
    path,
    readable: permits(found, user, READ | enter),
    writable: permits(found, user, READ | WRITE | enter),
    ofRoot: found.uid === 0,
    barrier,
  };
}

function permits({ mode, uid, gid }: Stats, user: SandboxUser, rights: number): boolean {
  const granted = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode;
  return (granted & rights) === rights;
}
