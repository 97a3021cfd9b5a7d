/**
 * Watches a configuration file. It is the directory that is watched, not the file: editors and deployments put another file
 * in its place. A file that is reached through symbolic links is watched in every directory on the way, so that swapping a
 * link is seen (as ConfigMaps do it). It only says that something happened; what the file says now is read by others.
 */

import { watch as watchDirectory, type FSWatcher } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

export interface WatchOptions {
  readonly path: string;
  /** Called when nothing has happened for so long. */
  readonly quietMs: number;
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

export interface Watch {
  /**
   * Looks at the links anew: where they lead may have changed. True when something is watched now that was not: what happened
   * there before is unseen.
   */
  refresh(): Promise<boolean>;
  close(): void;
}

/** More links than that lead nowhere. */
const MAX_LINKS = 16;

/** Starts nothing until `refresh` is called. */
export function watchFile({ path, quietMs, onChange, onError }: WatchOptions): Watch {
  const watched = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const happened = (): void => {
    clearTimeout(timer);
    if (!isClosed) timer = setTimeout(onChange, quietMs).unref();
  };
  const drop = (directory: string): void => {
    watched.get(directory)?.close();
    watched.delete(directory);
  };
  const add = (directory: string): void => {
    try {
      // Which name is told differs by system and by what was done: any change is worth a look.
      const watcher = watchDirectory(directory, { persistent: false }, happened);
      watcher.on('error', (error) => {
        drop(directory);
        onError(error);
      });
      watched.set(directory, watcher);
    } catch (error) {
      onError(error);
    }
  };
  return {
    refresh: async () => {
      const wanted = await directoriesOf(path);
      if (isClosed) return false;
      for (const directory of watched.keys()) if (!wanted.has(directory)) drop(directory);
      const added = [...wanted].filter((directory) => !watched.has(directory));
      for (const directory of added) add(directory);
      return added.some((directory) => watched.has(directory));
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      for (const directory of watched.keys()) drop(directory);
    },
  };
}

/** Of the file and of every link on the way to it, in any part of its path. */
async function directoriesOf(path: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  let way: string | undefined = path;
  for (let links = 0; way !== undefined && links < MAX_LINKS; links++) {
    found.add(dirname(way));
    way = await throughLink(way, found);
  }
  return found;
}

/** The path with its last link followed, and the directory of that link; undefined when there is none. */
async function throughLink(path: string, found: Set<string>): Promise<string | undefined> {
  for (let part = path; dirname(part) !== part; part = dirname(part)) {
    const target = await readlink(part).catch(() => undefined);
    if (target === undefined) continue;
    found.add(dirname(part));
    return resolve(dirname(part), target, path.slice(part.length + 1));
  }
  return undefined;
}
