/**
 * Notices of changed files: the folders of specifications are watched, and what changed is told as the resource it is. A hint,
 * not a promise: a file system may miss one, and then a client reads the old text until it asks again.
 */
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import { ARTIFACT_NAMES, ARTIFACTS } from '../layout/paths.ts';

export interface Watching {
  close(): void;
}

/** The resources that a file of the workspace is, by its path from the workspace: what comes behind the base of their URIs. */
export function resourcesAt(path: string): readonly string[] {
  const inside = path.replaceAll('\\', '/');
  if (inside === '.specify/memory/constitution.md') return ['constitution'];
  const [, feature, rest = ''] = /^specs\/([^/]+)\/(.+)$/.exec(inside) ?? [];
  if (feature === undefined) return inside === '.specify/feature.json' ? ['features'] : [];
  const artifact = ARTIFACT_NAMES.find((name) => ARTIFACTS[name] === rest);
  if (artifact !== undefined) return [`features/${feature}/${artifact}`, 'features'];
  const [, folder, name] = /^(checklists|contracts)\/([A-Za-z0-9][\w.-]*)$/.exec(rest) ?? [];
  if (name === undefined) return [];
  return [`features/${feature}/${folder}/${folder === 'checklists' ? name.replace(/\.md$/, '') : name}`];
}

/** How long changes are gathered, so that a save of several steps is told once. */
const GATHER_MS = 100;

const FOLDERS: readonly string[] = ['specs', '.specify'];

/** Begins at once; folders that come later are watched when they come. */
export function watchFiles(workspace: string, changed: (resource: string) => void): Watching {
  const watchers = new Map<string, FSWatcher>();
  const gathered = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    timer = undefined;
    for (const resource of gathered) changed(resource);
    gathered.clear();
  };
  const tell = (path: string): void => {
    for (const resource of resourcesAt(path)) gathered.add(resource);
    if (gathered.size > 0) timer ??= setTimeout(flush, GATHER_MS).unref();
  };
  const begin = (folder: string, recursive: boolean, seen: (name: string) => void): void => {
    // A folder that is not there would be watched without an error, and without an event when it comes.
    if (watchers.has(folder) || !existsSync(join(workspace, folder))) return;
    try {
      const watcher = watch(join(workspace, folder), { recursive, persistent: false }, (_event, name) => {
        if (name !== null) seen(name);
      });
      watcher.on('error', () => {
        watcher.close();
        watchers.delete(folder);
      });
      watchers.set(folder, watcher);
    } catch {
      // It cannot be watched: its clients read when they ask.
    }
  };
  const beginAll = (): void => {
    for (const folder of FOLDERS) begin(folder, true, (name) => tell(`${folder}/${name}`));
  };
  begin('.', false, (name) => {
    if (FOLDERS.includes(name)) beginAll();
  });
  beginAll();
  return {
    close() {
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
