/**
 * Reads, lists and writes text files below a workspace root. Only UTF-8 text of at most 4 MiB; a file that is not text is
 * refused, for it could not be written back byte by byte. Does not lock and keeps no history: change.ts does.
 */
import { closeSync, fstatSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { FileRefusedError, writeFileAtomic } from '@sallyport/host';
import { SpecError } from '../errors.ts';
import { errorCode, inFolder, lstatOrAbsent, openFile, type Root } from './folder.ts';

/** Longest file that is read or written. */
const MAX_FILE_BYTES: number = 4 * 1024 * 1024;
/** Most names of a folder that are read. */
const MAX_ENTRIES = 20_000;
const FILE_MODE = 0o644;

export interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'folder';
}

function readText(path: string, inside: string): string | undefined {
  const fd = openFile(path, inside);
  if (fd === undefined) return undefined;
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new SpecError('not_text', `${inside} is not a file. Name a text file.`);
    if (stats.size > MAX_FILE_BYTES) {
      throw new SpecError(
        'too_large',
        `${inside} is larger than ${MAX_FILE_BYTES} bytes, the most that is read. Split it.`,
      );
    }
    // The BOM stays: what is written back must be what was read.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(fd));
  } catch (error) {
    if (error instanceof TypeError) throw new SpecError('not_text', `${inside} is not UTF-8 text. Convert it first.`);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** The text of a file, undefined when there is none. Paths are relative to the root, with `/`. */
export async function readFileInside(root: Root, path: string): Promise<string | undefined> {
  return await inFolder(root, path, 'look', (folder, name) => readText(folder.at(name), path));
}

/** Files and folders in `path`, by name; links and devices are left out. Empty when there is no such folder. */
export async function listFolder(root: Root, path: string): Promise<readonly Entry[]> {
  const entries = await inFolder(root, path === '' ? '_' : `${path}/_`, 'look', (folder) =>
    readdirSync(folder.at('.'), { withFileTypes: true }),
  );
  return (entries ?? [])
    .slice(0, MAX_ENTRIES)
    .flatMap((entry): Entry[] => {
      if (entry.isFile()) return [{ name: entry.name, kind: 'file' }];
      return entry.isDirectory() ? [{ name: entry.name, kind: 'folder' }] : [];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a file or folder is there, and which; a link is resolved as long as it stays inside. */
export async function kindOf(root: Root, path: string): Promise<Entry['kind'] | undefined> {
  return await inFolder(root, path, 'look', (folder, name) => {
    const stats = lstatOrAbsent(folder.at(name));
    if (stats?.isDirectory() === true) return 'folder';
    return stats?.isFile() === true ? 'file' : undefined;
  });
}

/** Replaces a file as a whole, or makes it with its folders. A mode it has is kept. */
export async function writeFileInside(root: Root, path: string, text: string): Promise<void> {
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) {
    throw new SpecError('too_large', `${path} would be larger than ${MAX_FILE_BYTES} bytes, the most that is written.`);
  }
  await inFolder(root, path, 'create', async (folder, name) => {
    const mode = lstatOrAbsent(folder.at(name))?.mode ?? FILE_MODE;
    try {
      await writeFileAtomic(folder.at(name), text, { mode: mode & 0o777 });
    } catch (error) {
      if (!(error instanceof FileRefusedError)) throw error;
      throw new SpecError('outside_workspace', `${path} is not a regular file, so it is not replaced. Move it away.`);
    }
  });
}

/** Removes a file; nothing happens when there is none. */
export async function removeFileInside(root: Root, path: string): Promise<void> {
  await inFolder(root, path, 'change', (folder, name) => {
    try {
      unlinkSync(folder.at(name));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  });
}
