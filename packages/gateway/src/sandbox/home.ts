/** The home of a child: a folder of its own below the state, which lasts from start to start. */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { User } from './user.ts';

export interface HomeOptions {
  readonly stateDirectory: string;
  /** Whose it is: the same text, the same folder. */
  readonly owner: string;
  /** Whom the child runs as, where that is another than this process. */
  readonly user: User | undefined;
}

/** Where it is. No name becomes a path. */
export function homePath({ owner, stateDirectory }: Pick<HomeOptions, 'owner' | 'stateDirectory'>): string {
  return join(stateDirectory, 'homes', createHash('sha256').update(owner).digest('hex').slice(0, 32));
}

/** Made when it is missing. */
export async function homeFor({ stateDirectory, owner, user }: HomeOptions): Promise<string> {
  const folder = homePath({ stateDirectory, owner });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  return folder;
}
