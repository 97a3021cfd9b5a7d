/**
 * Starts a process without a shell, with the environment it is given and nothing else, and says for a person why it could not
 * be started. Does not look after it once it runs.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { ChildError, type ChildErrorCode } from './child-error.ts';
import { type ProcessGroup, processGroup } from './child-group.ts';
import type { Reaper } from './reaper.ts';

export interface LaunchOptions {
  /** Absolute path; see `resolveCommand`. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Complete: nothing is inherited; see `childEnvironment`. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the child's group should this process be killed; without one the child may be left behind then. */
  readonly reaper?: Reaper;
}

export type LaunchedChild = ChildProcessWithoutNullStreams & { readonly pid: number };

export interface Launched {
  readonly child: LaunchedChild;
  /** Led by the child. */
  readonly group: ProcessGroup;
}

type Fail = (code: ChildErrorCode, message: string) => ChildError;

const LIMIT_CODES: ReadonlySet<string | undefined> = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'E2BIG']);

/** Resolves when the process runs, as the leader of a group of its own; rejects with a ChildError. */
export async function launchChild(options: LaunchOptions): Promise<Launched> {
  const { command } = options;
  if (!isAbsolute(command)) {
    throw new ChildError('failed', `The command "${command}" is no absolute path: resolve it before it is started.`);
  }
  try {
    return await spawned(options);
  } catch (cause) {
    throw await explained(cause as NodeJS.ErrnoException, options);
  }
}

function spawned({ command, args, cwd, env, reaper }: LaunchOptions): Promise<Launched> {
  return new Promise((resolve, reject) => {
    reaper?.arm();
    const child = spawn(command, args, {
      cwd,
      // Node copies its own NODE_V8_COVERAGE into any environment that does not name it, and reads inherited properties too.
      env: Object.assign(Object.create(null), { NODE_V8_COVERAGE: undefined }, env),
      detached: process.platform !== 'win32',
      shell: false,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    child.on('error', reject);
    if (!isLaunched(child)) return;
    const group = processGroup(child.pid, reaper);
    child.once('spawn', () => resolve({ child, group }));
  });
}

function isLaunched(child: ChildProcessWithoutNullStreams): child is LaunchedChild {
  return child.pid !== undefined;
}

/**
 * The system names neither which of two paths it missed nor what to do. Its error is not passed on as the cause: it carries the
 * arguments, and those may hold secrets.
 */
async function explained(cause: NodeJS.ErrnoException, { command, cwd }: LaunchOptions): Promise<ChildError> {
  const fail: Fail = (code, message) => new ChildError(code, `"${command}" was not started: ${message}`);
  if (cause.code === 'E2BIG') return fail('limit', 'its arguments and environment are longer than the system allows.');
  if (LIMIT_CODES.has(cause.code)) {
    return fail(
      'limit',
      `the system is out of processes, open files or memory (${cause.code}). Stop some servers or raise the limits (ulimit -u, ulimit -n).`,
    );
  }
  return (
    (await folderProblem(cwd, fail)) ??
    (await fileProblem(command, cause.code, fail)) ??
    fail('failed', `${cause.code ?? cause.name}. Check its command, args, env and cwd.`)
  );
}

async function folderProblem(cwd: string, fail: Fail): Promise<ChildError | undefined> {
  const folder = await stat(cwd).catch(() => undefined);
  if (folder === undefined) return fail('cwd', `its working folder "${cwd}" does not exist or cannot be reached.`);
  if (!folder.isDirectory()) return fail('cwd', `its working folder "${cwd}" is not a folder.`);
  if (!(await permits(cwd))) return fail('cwd', `its working folder "${cwd}" may not be entered by this user.`);
  return undefined;
}

async function fileProblem(command: string, code: string | undefined, fail: Fail): Promise<ChildError | undefined> {
  const file = await stat(command).catch(() => undefined);
  if (file === undefined) return fail('not_found', 'there is no such file. Install it or correct the path.');
  if (code === 'ENOENT') {
    return fail('not_found', 'the interpreter it needs (named in its first line) is missing. Install that.');
  }
  if (code === 'EACCES' || code === 'ENOEXEC') {
    return fail('not_executable', 'this user may not or cannot execute it. Check that it is a program with mode +x.');
  }
  return undefined;
}

function permits(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
