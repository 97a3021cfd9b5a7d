/**
 * Starts programs for tests and scripts: each in a process group of its own, its output collected line by
 * line, and ended with all that it started in its group. Uses no shell.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createInbox } from './inbox.ts';

export interface StartOptions {
  /** The whole environment of the program; without it, this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** False leaves it in the caller's process group: who ends that group ends it too. */
  readonly ownGroup?: boolean;
}

export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** All lines of stdout and stderr so far, in the order they came. */
  readonly lines: readonly string[];
  /** All of stdout so far, lines ended by `\n`. */
  stdout(): string;
  stderr(): string;
  /** Settles when the program has ended and its output is closed. */
  readonly exit: Promise<Exit>;
  /** The match in the first line that matches, of stdout or stderr; rejects when the program ends without it. */
  untilLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Writes to its stdin; `endInput` closes it. */
  write(text: string): void;
  endInput(): void;
  /** SIGTERM to the group, and SIGKILL to what is left of it when the program ends or after `graceMs`. */
  stop(graceMs?: number): Promise<Exit>;
}

const GRACE_MS = 5_000;

interface Line {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

function signalTo(child: ChildProcess, ownGroup: boolean): (signal: NodeJS.Signals) => void {
  return (signal) => {
    if (child.pid === undefined) return;
    try {
      if (ownGroup) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // Nobody of the group is left.
    }
  };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    // A program that cannot be started emits `error` alone.
    child.once('error', () => child.pid === undefined && resolve({ code: null, signal: null }));
  });
}

/** Starts a program; one that cannot be started shows as a line of stderr and an exit without code. */
export function start(command: string, args: readonly string[], options: StartOptions = {}): Running {
  const ownGroup = options.ownGroup ?? true;
  const child = spawn(command, args, { ...options, detached: ownGroup, stdio: 'pipe' });
  const inbox = createInbox<Line>();
  const kill = signalTo(child, ownGroup);
  const killAtExit = (): void => kill('SIGKILL');
  // Before the hooks that were there, one of which may remove the folder the program works in.
  process.prependOnceListener('exit', killAtExit);
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream] }).on('line', (text) => inbox.push({ stream, text }));
  }
  child.on('error', (error) => inbox.push({ stream: 'stderr', text: error.message }));
  // A program that ends before it has read its input is no error of the test's.
  child.stdin.on('error', () => {});
  const exit = exitOf(child).then((ended) => {
    process.off('exit', killAtExit);
    inbox.end(`${command} ended (${ended.signal ?? ended.code}) after:\n${lines(inbox.items).slice(-20).join('\n')}`);
    return ended;
  });
  let closed = false;
  void exit.then(() => (closed = true));
  const stop = async (graceMs = GRACE_MS): Promise<Exit> => {
    // Once all is closed the group's number may belong to someone else.
    if (closed) return exit;
    const timer = setTimeout(() => kill('SIGKILL'), graceMs);
    if (child.exitCode === null && child.signalCode === null) child.once('exit', () => kill('SIGKILL'));
    kill(graceMs === 0 || child.exitCode !== null ? 'SIGKILL' : 'SIGTERM');
    const ended = await exit;
    clearTimeout(timer);
    return ended;
  };
  return {
    pid: child.pid ?? 0,
    get lines() {
      return lines(inbox.items);
    },
    stdout: () => joined(inbox.items, 'stdout'),
    stderr: () => joined(inbox.items, 'stderr'),
    exit,
    untilLine: async (pattern, timeoutMs) => {
      const what = `a line like ${pattern} of ${command}`;
      const { text } = await inbox.until((line) => line.text.search(pattern) !== -1, what, timeoutMs);
      const match = pattern.exec(text);
      if (match === null) throw new Error(`${pattern} must not be global or sticky: it forgets where it matched`);
      return match;
    },
    write: (text) => void child.stdin.write(text),
    endInput: () => void child.stdin.end(),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

function lines(items: readonly Line[]): string[] {
  return items.map(({ text }) => text);
}

function joined(items: readonly Line[], stream: Line['stream']): string {
  return items
    .filter((line) => line.stream === stream)
    .map(({ text }) => `${text}\n`)
    .join('');
}

export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Runs a program to its end, its input being `input` and no more; past `timeoutMs` it is killed. */
export async function run(
  command: string,
  args: readonly string[],
  options: StartOptions & { readonly timeoutMs: number; readonly input?: string },
): Promise<Finished> {
  const { timeoutMs, input, ...startOptions } = options;
  const running = start(command, args, startOptions);
  if (input !== undefined) running.write(input);
  running.endInput();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    void running.stop(0);
  }, timeoutMs);
  const exit = await running.exit;
  clearTimeout(timer);
  return { ...exit, stdout: running.stdout(), stderr: running.stderr(), timedOut };
}
