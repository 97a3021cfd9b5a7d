/** What the doctor touches of the machine besides what every verb may: given to it, so that a test can give another one. */
import { execFile } from 'node:child_process';
import { chmod, lstat, mkdir, readdir } from 'node:fs/promises';
import { createServer } from 'node:net';

export interface Seen {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  /** ms since 1970. */
  readonly changedMs: number;
}

export interface DoctorSystem {
  /** Undefined: there is nothing. A link is not followed. */
  readonly look: (path: string) => Promise<Seen | undefined>;
  /** Names in a folder; none where it cannot be read. */
  readonly names: (folder: string) => Promise<readonly string[]>;
  readonly setMode: (path: string, mode: number) => Promise<void>;
  /** A folder for this user alone, and those above it. */
  readonly makeFolder: (path: string) => Promise<void>;
  /** The output of a short program; undefined when it failed. */
  readonly output: (command: string, args: readonly string[]) => Promise<string | undefined>;
  /** Why nobody could listen there; undefined when one can. */
  readonly portProblem: (host: string, port: number) => Promise<string | undefined>;
}

const OUTPUT_MS = 15_000;

export function realDoctorSystem(): DoctorSystem {
  return {
    async look(path) {
      const found = await lstat(path).catch(() => undefined);
      if (found === undefined) return undefined;
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'other';
      return { kind, mode: found.mode & 0o7777, uid: found.uid, changedMs: found.mtimeMs };
    },
    names: (folder) => readdir(folder).catch(() => []),
    setMode: chmod,
    makeFolder: async (path) => void (await mkdir(path, { recursive: true, mode: 0o700 })),
    output: (command, args) =>
      new Promise((resolve) => {
        execFile(command, [...args], { timeout: OUTPUT_MS }, (error, stdout) =>
          resolve(error === null ? stdout.trim() : undefined),
        );
      }),
    portProblem: (host, port) =>
      new Promise((resolve) => {
        const server = createServer();
        server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        server.listen({ host, port }, () => server.close(() => resolve(undefined)));
      }),
  };
}
