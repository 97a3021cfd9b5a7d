/**
 * Looks at the state again and again while the gateway runs: its folder is 0700, the files in it are 0600, ours, and no
 * links. What is loose is tightened, and both that and what cannot be mended is told, once as long as it lasts. Folders
 * below it are the matter of those who made them.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateDirectory, FileRefusedError, tightenOrRefuse } from '@sallyport/host';

export interface StateWatchOptions {
  readonly directory: string;
  readonly everyMs: number;
  /** Something that was or is wrong, a line for a person. */
  readonly tell: (text: string) => void;
}

export interface StateWatch {
  close(): void;
}

/** Looks at once, and then each `everyMs`. Never keeps the process alive. */
export function watchState({ directory, everyMs, tell }: StateWatchOptions): StateWatch {
  let told: readonly string[] = [];
  const look = async (): Promise<void> => {
    const found = await checkState(directory).catch((error: unknown) => [messageOf(error)]);
    for (const line of found) if (!told.includes(line)) tell(line);
    told = found;
  };
  void look();
  const timer = setInterval(() => void look(), everyMs).unref();
  return { close: () => clearInterval(timer) };
}

/** Tightens what is loose, and gives a line for that and for each file that must not be used. */
export async function checkState(directory: string): Promise<readonly string[]> {
  const before = await stat(directory).catch(() => undefined);
  // Not everything needs a state: none is made here.
  if (before === undefined) return [];
  const isLoose = process.platform !== 'win32' && (before.mode & 0o077) !== 0;
  const real = await ensurePrivateDirectory(directory);
  const lines = isLoose ? [`others could look into ${real}: its mode is 0700 again`] : [];
  for (const entry of await readdir(real, { withFileTypes: true })) {
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    const line = await checkFile(join(real, entry.name));
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

async function checkFile(path: string): Promise<string | undefined> {
  try {
    return (await tightenOrRefuse(path)) === 'tightened'
      ? `others could read or write ${path}: its mode is 0600 again`
      : undefined;
  } catch (error) {
    // A temporary file may be gone by now.
    return error instanceof FileRefusedError ? error.message : undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
