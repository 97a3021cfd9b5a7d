/**
 * Starts the tools that the repository's own scripts use, and waits for them. No shell, no standard input.
 * Not for the product: what the gateway starts goes through `packages/host`.
 */
import { spawnSync } from 'node:child_process';

/** What a finished command left behind. `code` is null when a signal ended it or it never started. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command and its arguments. */
export type Command = readonly [program: string, ...args: string[]];

/** Runs a command in `cwd` and keeps its output. */
export type Capture = (command: Command, cwd: string) => Finished;

/** Runs a command in `cwd`, its output going straight to ours. Answers its exit code. */
export type Show = (command: Command, cwd: string) => number | null;

const maxOutputBytes = 256 * 1024 * 1024;
/** A registry that cannot be reached is asked again and again: nobody waits for that. */
const longestMs = 240_000;

export const capture: Capture = ([program, ...args], cwd) => {
  const done = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: maxOutputBytes,
    timeout: longestMs,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stderr = done.error === undefined ? done.stderr : `${done.stderr ?? ''}${done.error.message}`;
  return { code: done.status, stdout: done.stdout ?? '', stderr };
};

export const show: Show = ([program, ...args], cwd) => {
  const done = spawnSync(program, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.error !== undefined) process.stderr.write(`${program}: ${done.error.message}\n`);
  return done.status;
};

/** The standard output of a command that has to succeed. */
export function outputOf(run: Capture, command: Command, cwd: string): string {
  const done = run(command, cwd);
  if (done.code !== 0) {
    throw new Error(`${command.join(' ')} ended with ${String(done.code)} in ${cwd}\n${done.stderr.trim()}`);
  }
  return done.stdout;
}
