/**
 * Runs a program of the project: no shell, an environment of a few names, a time limit, and bounded output. The process leads
 * a group of its own, which is ended as a whole. It is not sandboxed: what a project's own scripts do, they do as this user.
 */
import { spawn } from 'node:child_process';
import { ChildError, childEnvironment, createReaper, resolveCommand } from '@sallyport/host';
import { SpecError } from '../errors.ts';
import type { Environment } from '../layout/features.ts';

export interface Command {
  /** A name that is looked up in PATH, never in the working folder. */
  readonly program: string;
  readonly args: readonly string[];
}

export interface RunOptions {
  readonly cwd: string;
  /** PATH, HOME and a few more are taken out of it. */
  readonly env: Environment;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Told of its output as it comes. */
  readonly heard?: (text: string) => void;
}

export interface Ran {
  /** Null when it was ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Output beyond the limit was dropped. */
  readonly cut: boolean;
}

const MOST_BYTES = 8 * 1024 * 1024;
const GRACE_MS = 2000;
/** How long output is still read when the program is over and somebody holds its pipes open. */
const DRAIN_MS = 500;

/** Never asks, never pages, never colours; `CI` is what test runners look for. */
const FIXED = {
  CI: 'true',
  NO_COLOR: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_LAZY_FETCH: '1',
  npm_config_update_notifier: 'false',
  npm_config_fund: 'false',
};

/** Keeps what comes up to the limit. */
function collector(): { push(chunk: Buffer): void; text(): string; cut(): boolean } {
  const chunks: Buffer[] = [];
  let left = MOST_BYTES;
  let dropped = false;
  return {
    push(chunk) {
      dropped ||= chunk.length > left;
      if (left > 0) chunks.push(chunk.subarray(0, left));
      left = Math.max(0, left - chunk.length);
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
    cut: () => dropped,
  };
}

/** Whether a program is there at all. */
export async function isInstalled(program: string, { cwd, env }: Pick<RunOptions, 'cwd' | 'env'>): Promise<boolean> {
  return await resolveCommand(program, { path: env['PATH'] ?? '', cwd, platform: process.platform }).then(
    () => true,
    () => false,
  );
}

interface Life {
  kill(signal: NodeJS.Signals): void;
  /** Why it was ended by us; undefined when it was not. */
  ended(): SpecError | undefined;
  over(): void;
}

/** Ends a group of processes when its time is over or the call is cancelled: first asked, then killed. */
function watchLife(
  pid: number | undefined,
  program: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Life {
  let ended: SpecError | undefined;
  let killer: NodeJS.Timeout | undefined;
  const kill = (name: NodeJS.Signals): void => {
    try {
      if (pid !== undefined) process.kill(process.platform === 'win32' ? pid : -pid, name);
    } catch {
      // It is gone already.
    }
  };
  const end = (why: string): void => {
    if (ended !== undefined) return;
    ended = new SpecError('command_failed', why);
    kill('SIGTERM');
    killer = setTimeout(() => kill('SIGKILL'), GRACE_MS);
  };
  const timer = setTimeout(
    () => end(`${program} took longer than ${timeoutMs} ms and was ended. Give it more time, or less to do.`),
    timeoutMs,
  );
  const abort = (): void => end(`${program} was cancelled.`);
  signal?.addEventListener('abort', abort, { once: true });
  return {
    kill,
    ended: () => ended,
    over() {
      clearTimeout(timer);
      clearTimeout(killer);
      signal?.removeEventListener('abort', abort);
    },
  };
}

interface Starting extends RunOptions {
  readonly program: string;
  /** Called at once with the leader of the group; returns what takes it back. */
  readonly watch: (pid: number) => () => void;
}

/** Starts a program and waits until it and its output are over. */
async function runToEnd(path: string, args: readonly string[], starting: Starting): Promise<Ran> {
  const { cwd, env, heard, program, timeoutMs, signal, watch } = starting;
  return await new Promise((resolve, reject) => {
    const child = spawn(path, args, {
      cwd,
      env: { ...childEnvironment(env, FIXED, process.platform).env },
      detached: process.platform !== 'win32',
      shell: false,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const unwatch = child.pid === undefined ? undefined : watch(child.pid);
    const [out, err] = [collector(), collector()];
    const life = watchLife(child.pid, program, { timeoutMs, signal });
    const settle = (): void => {
      unwatch?.();
      clearTimeout(drain);
      life.over();
    };
    let drain: NodeJS.Timeout | undefined;
    for (const [stream, kept] of [
      [child.stdout, out],
      [child.stderr, err],
    ] as const) {
      stream.on('data', (chunk: Buffer) => {
        kept.push(chunk);
        heard?.(chunk.toString('utf8'));
      });
    }
    child.once('error', () => {
      settle();
      reject(new SpecError('command_failed', `${program} could not be started.`));
    });
    // What the program left running is ended with it; one that left the group may still hold the pipes, and is not waited for.
    child.once('exit', () => {
      life.kill('SIGKILL');
      drain = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS);
    });
    child.once('close', (code) => {
      settle();
      const cut = life.ended();
      if (cut === undefined) resolve({ code, stdout: out.text(), stderr: err.text(), cut: out.cut() || err.cut() });
      else reject(cut);
    });
  });
}

/** Resolves with any exit code; a SpecError `command_failed` when it could not start, took too long or was cancelled. */
export async function runCommand({ program, args }: Command, options: RunOptions): Promise<Ran> {
  const { cwd, env, signal } = options;
  const found = await resolveCommand(program, { path: env['PATH'] ?? '', cwd, platform: process.platform }).catch(
    (error: unknown) => {
      if (error instanceof ChildError)
        throw new SpecError('command_failed', `${program} cannot be run. Is it installed?`);
      throw error;
    },
  );
  signal?.throwIfAborted();
  // Should this process be killed, its commands are not left behind.
  const reaper = createReaper({ log: () => undefined });
  reaper.arm();
  try {
    return await runToEnd(found.path, args, { ...options, program, watch: (pid) => reaper.watch(pid) });
  } finally {
    await reaper.close();
  }
}
