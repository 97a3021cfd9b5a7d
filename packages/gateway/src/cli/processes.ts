/**
 * Other processes, as the command line needs them: one that outlives it, whether one is there, and short commands. The real
 * ones; verbs get them in their context.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, watch as watchPath } from 'node:fs';

/** How a process ended: its exit code, or the signal that ended it. */
export type Ending = { readonly code: number | null; readonly signal: string | null };

export type Detached = {
  readonly pid: number;
  /** Resolves when it ends while this process still looks. Never rejects. */
  readonly ended: Promise<Ending>;
  /** From now on it is on its own: this process need not wait for it. */
  readonly release: () => void;
};

export type DetachOptions = {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file that its output is appended to; made 0600 when it is not there. */
  readonly outputPath: string;
};

export type Processes = {
  /** The program and first words that run this command line again. */
  readonly self: readonly string[];
  readonly platform: NodeJS.Platform;
  /** This user's number; undefined where users have none. */
  readonly uid: number | undefined;
  /** Starts a program in a session of its own, without input. Rejects when it cannot be started. */
  readonly detach: (argv: readonly string[], options: DetachOptions) => Promise<Detached>;
  readonly isAlive: (pid: number) => boolean;
  /** Asks a process to end, if there is one. */
  readonly terminate: (pid: number) => void;
  /** Runs a short command; an exit code of 127 stands for a program that is not there. Never rejects. */
  readonly run: (argv: readonly string[]) => Promise<{ readonly code: number; readonly stderr: string }>;
  /** Calls `listener` with the names of what changes in a directory; gives the way to take it back. */
  readonly watch: (directory: string, listener: (name: string | null) => void) => () => void;
  /** Resolves after so many milliseconds, or when the signal aborts. */
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
};

const RUN_MS = 30_000;
const NOT_FOUND = 127;

export function realProcesses(): Processes {
  return {
    self: [process.execPath, ...process.argv.slice(1, 2)],
    platform: process.platform,
    uid: process.getuid?.(),
    detach,
    isAlive,
    terminate: (pid) => void signalled(pid, 'SIGTERM'),
    run,
    watch: (directory, listener) => {
      const watcher = watchPath(directory, { persistent: false }, (_event, name) => listener(name));
      // A directory that is taken away tells nothing more.
      watcher.on('error', () => watcher.close());
      return () => watcher.close();
    },
    delay: (ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        const end = (): void => {
          clearTimeout(timer);
          resolve();
        };
        if (signal?.aborted === true) end();
        else signal?.addEventListener('abort', end, { once: true });
      }),
  };
}

function detach(argv: readonly string[], { cwd, env, outputPath }: DetachOptions): Promise<Detached> {
  const [program = '', ...words] = argv;
  // Appending: what another writer shortens goes on at its end.
  const output = openSync(outputPath, 'a', 0o600);
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      cwd,
      env: { ...env },
      detached: true,
      windowsHide: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    const ended = new Promise<Ending>((settle) => {
      child.once('exit', (code, signal) => settle({ code, signal }));
    });
    child.once('error', reject);
    child.once('spawn', () => resolve({ pid: child.pid ?? 0, ended, release: () => child.unref() }));
  });
}

function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** A process that has ended and that nobody has collected yet is not alive. */
function isAlive(pid: number): boolean {
  if (!signalled(pid, 0)) return false;
  try {
    return !/^\d+ \([^]*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    // Elsewhere than on Linux the system does not tell.
    return true;
  }
}

function run([program = '', ...words]: readonly string[]): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    execFile(program, words, { timeout: RUN_MS, windowsHide: true }, (error, _stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : NOT_FOUND;
      resolve({ code, stderr: stderr.trim() });
    });
  });
}
