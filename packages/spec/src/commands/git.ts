/**
 * Git, as far as branches and history go. A repository can name programs in its own configuration; what it could make git run
 * by itself (hooks, file monitors, pagers, checks of signatures, transports) is switched off on every call. Filters of files,
 * whose names only the repository knows, are looked for before git looks into files.
 */
import { isAbsolute, relative, resolve } from 'node:path';
import { SpecError } from '../errors.ts';
import { commandMs, type Project } from '../workflow/project.ts';
import { type Ran, runCommand } from './run.ts';

const SAFE = [
  'core.fsmonitor=false',
  'core.hooksPath=/dev/null',
  'core.pager=cat',
  'log.showSignature=false',
  'protocol.allow=never',
  'submodule.recurse=false',
  'gc.auto=0',
  'maintenance.auto=false',
];

export async function git(project: Project, args: readonly string[], signal?: AbortSignal): Promise<Ran> {
  return await runCommand(
    { program: 'git', args: [...SAFE.flatMap((setting) => ['-c', setting]), ...args] },
    {
      cwd: project.workspace.path,
      env: project.env,
      timeoutMs: commandMs(project),
      ...(signal === undefined ? {} : { signal }),
    },
  );
}

/** What `git check-ref-format` allows of the letters, digits, `.`, `_`, `/` and `-` that DinCoder did. */
const isBranchName = (name: string): boolean =>
  /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,198}[A-Za-z0-9_-])?$/.test(name) &&
  !/\.\.|\/\/|\/\.|\.lock(?:\/|$)/.test(name) &&
  name !== 'HEAD';

export interface Branched {
  readonly branch: string;
  readonly from: string;
}

const PROGRAMS = '^(filter\\..*\\.(clean|smudge|process)|hook\\..*\\.command)$';

/** Refuses a repository whose own configuration names programs that a look into files would run, or files elsewhere. */
async function refuseForeign(project: Project, from: string | undefined, signal: AbortSignal): Promise<void> {
  const top = await git(project, ['rev-parse', '--show-toplevel'], signal);
  if (top.code !== 0)
    throw new SpecError('command_failed', 'This folder is in no git repository. Make one first: git init.');
  const folder = resolve(top.stdout.replace(/\r?\n$/, ''));
  const below = relative(folder, project.workspace.path);
  // From a folder below, a branch that begins elsewhere would change files outside of the workspace.
  if (below.startsWith('..') || isAbsolute(below) || (below !== '' && from !== undefined)) {
    throw new SpecError(
      'gate',
      'The workspace is not the whole working tree of its repository. Make the branch with git.',
    );
  }
  const listed = await git(
    project,
    ['config', '--null', '--show-scope', '--name-only', '--get-regexp', PROGRAMS],
    signal,
  );
  const words = listed.stdout.split('\0');
  const own = words.findIndex((word, index) => index % 2 === 0 && (word === 'local' || word === 'worktree'));
  if (own === -1) return;
  const name = (words[own + 1] ?? '').slice(0, 100);
  throw new SpecError(
    'gate',
    `The configuration of this repository names a program (${name}), which is not run here. Make the branch with git.`,
  );
}

/** Makes a branch and goes to it. Refuses names that are none, a tree with changes, and a branch that is there. */
export async function createBranch(
  project: Project,
  branch: string,
  from: string | undefined,
  signal: AbortSignal,
): Promise<Branched> {
  for (const name of [branch, ...(from === undefined ? [] : [from])]) {
    if (!isBranchName(name))
      throw new SpecError('invalid_input', `${JSON.stringify(name.slice(0, 100))} is no name of a branch.`);
  }
  await refuseForeign(project, from, signal);
  const status = await git(project, ['status', '--porcelain', '--untracked-files=no'], signal);
  if (status.code !== 0)
    throw new SpecError('command_failed', 'This folder is in no git repository. Make one first: git init.');
  if (status.stdout.trim() !== '')
    throw new SpecError('gate', 'There are changes that are not committed. Commit or stash them first.');
  const there = await git(project, ['show-ref', '--verify', '--quiet', `refs/heads/${branch}`], signal);
  if (there.code === 0) throw new SpecError('conflict', `The branch ${branch} exists already.`);
  if (from !== undefined) {
    const known = await git(
      project,
      ['rev-parse', '--verify', '--quiet', '--end-of-options', `${from}^{commit}`],
      signal,
    );
    if (known.code !== 0) throw new SpecError('not_found', `There is no branch ${from} to begin from.`);
  }
  const made = await git(project, ['checkout', '-b', branch, ...(from === undefined ? [] : [from]), '--'], signal);
  if (made.code !== 0) throw new SpecError('command_failed', `git refused: ${made.stderr.trim().slice(0, 300)}`);
  return { branch, from: from ?? 'HEAD' };
}
