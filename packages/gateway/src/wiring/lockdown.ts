/**
 * The lockdown of a state: a note in it, which is looked for before a gateway is made, and twice a second by every gateway
 * that runs, whatever its doors. Who writes it and what else is done then is `sallyport lockdown`.
 */

import { access } from 'node:fs/promises';
import { join } from 'node:path';

export function lockdownPath(stateDirectory: string): string {
  return join(stateDirectory, 'lockdown.json');
}

export async function isLockedDown(stateDirectory: string): Promise<boolean> {
  return await access(lockdownPath(stateDirectory)).then(
    () => true,
    (error: unknown) => !(error instanceof Error && 'code' in error && error.code === 'ENOENT'),
  );
}

/** Rejects with what to do. A folder that cannot be looked into is as if it were locked. */
export async function refuseLockedDown(stateDirectory: string): Promise<void> {
  if (!(await isLockedDown(stateDirectory))) return;
  throw new Error(
    `This state was locked down (${lockdownPath(stateDirectory)} says when and why). When all is mended, \`sallyport lockdown --lift\` opens it again.`,
  );
}

const LOOK_MS = 500;

/** Calls `onLocked` once, when the note is there. Gives what ends it. */
export function watchLockdown(stateDirectory: string, onLocked: () => void): () => void {
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    clearInterval(timer);
  };
  const look = async (): Promise<void> => {
    if (!(await isLockedDown(stateDirectory)) || isOver) return;
    stop();
    onLocked();
  };
  const timer = setInterval(() => void look(), LOOK_MS).unref();
  return stop;
}
