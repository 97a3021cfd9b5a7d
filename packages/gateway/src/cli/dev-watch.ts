/**
 * The source files below a folder: a hash of all that is in them, and word when something changed there. Looks at code alone, so
 * that a server that writes data beside itself is not restarted by it; not into `node_modules` or hidden folders.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Processes } from './processes.ts';

const CODE = /\.[cm]?[jt]sx?$/;
const MAX_FOLDERS = 256;
const MAX_FILES = 4096;

export interface Sources {
  /** Of the contents as they are now; an empty file counts too. Never rejects. */
  readonly print: () => Promise<string>;
  /** Stops watching. */
  readonly close: () => void;
}

/** `onEvent`: something was written; whether it is another is for `print` to say. Watches from the first `print` on. */
export function watchSources(root: string, watch: Processes['watch'], onEvent: () => void): Sources {
  const watched = new Map<string, () => void>();
  return {
    print: async () => {
      const { files, folders } = await sourcesBelow(root);
      for (const [folder, stop] of watched) {
        if (folders.includes(folder)) continue;
        stop();
        watched.delete(folder);
      }
      for (const folder of folders) {
        if (watched.has(folder)) continue;
        const stop = watching(folder, watch, onEvent);
        if (stop !== undefined) watched.set(folder, stop);
      }
      return await printOf(files);
    },
    close: () => {
      for (const stop of watched.values()) stop();
      watched.clear();
    },
  };
}

/** A folder may be gone by now. */
function watching(folder: string, watch: Processes['watch'], onEvent: () => void): (() => void) | undefined {
  try {
    return watch(folder, onEvent);
  } catch {
    return undefined;
  }
}

async function sourcesBelow(root: string): Promise<{ readonly files: string[]; readonly folders: string[] }> {
  const files: string[] = [];
  const folders: string[] = [root];
  for (let at = 0; at < folders.length; at++) {
    const folder = folders[at] ?? root;
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isFile() && CODE.test(entry.name) && files.length < MAX_FILES) files.push(path);
      const isLookedInto = entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.');
      if (isLookedInto && folders.length < MAX_FOLDERS) folders.push(path);
    }
  }
  return { files: files.toSorted(), folders };
}

async function printOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = await readFile(file).catch(() => Buffer.alloc(0));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
