/**
 * Notices when something that is hidden from a child comes into its sight. In a folder that the child sees, a file is hidden by
 * what it is, not by its name: another one that is put in its place (editors save so), or that was not there at the start,
 * would be seen. Then the child has to end; the next finds it hidden. Hides nothing itself.
 */
import { watch, type FSWatcher } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface ExposureOptions {
  /** Absolute paths of what is hidden. */
  readonly hidden: readonly string[];
  /** Real paths of the folders that the child sees. */
  readonly seen: readonly string[];
  readonly isInside: (root: string, path: string) => boolean;
  /** Called once. */
  readonly exposed: (path: string) => void;
  /** Nobody looks after a folder. */
  readonly failed: (error: unknown) => void;
}

/** To be called before the child is started. Gives what ends it; undefined: nothing of it is in sight. */
export async function watchHidden(options: ExposureOptions): Promise<(() => void) | undefined> {
  const known = new Map<string, string | undefined>();
  for (const path of await waysTo(options)) known.set(path, await identityOf(path));
  if (known.size === 0) return undefined;
  const watchers: FSWatcher[] = [];
  let isOver = false;
  const end = (): void => {
    isOver = true;
    for (const watcher of watchers) watcher.close();
  };
  const look = async (path: string): Promise<void> => {
    const found = await identityOf(path);
    if (isOver || found === undefined || found === known.get(path)) return;
    end();
    options.exposed(path);
  };
  for (const folder of new Set([...known.keys()].map((path) => dirname(path)))) {
    const inIt = [...known.keys()].filter((path) => dirname(path) === folder);
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        for (const path of inIt) if (name === null || name === basename(path)) void look(path);
      });
      watchers.push(watcher.on('error', options.failed));
    } catch (error) {
      // A folder that is not there is looked after by the one that it would be in.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') options.failed(error);
    }
  }
  // What came in between.
  for (const path of known.keys()) void look(path);
  return end;
}

/** What is hidden in a folder in sight, under each of its names, and the folders that lead there. */
async function waysTo({ hidden, isInside, seen }: ExposureOptions): Promise<ReadonlySet<string>> {
  const ways = new Set<string>();
  for (const path of hidden) {
    const folder = await realpath(dirname(path)).catch(() => dirname(path));
    const real = await realpath(path).catch(() => undefined);
    for (const name of [join(folder, basename(path)), real ?? path]) {
      for (const root of seen) {
        if (!isInside(root, name)) continue;
        for (let way = name; way !== root && way !== dirname(way); way = dirname(way)) ways.add(way);
      }
    }
  }
  return ways;
}

/** Undefined: nothing is there. */
async function identityOf(path: string): Promise<string | undefined> {
  return await lstat(path, { bigint: true }).then(
    ({ dev, ino }) => `${dev}:${ino}`,
    () => undefined,
  );
}
