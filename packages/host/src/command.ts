/**
 * From the command a person wrote to the one absolute path that is run, shown and audited. No shell, no `~`, no variables. The
 * folder a server works in is never searched: a file planted there must not become the command.
 */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { posix, win32 } from 'node:path';
import { ChildError } from './child-error.ts';

const WORLD_WRITABLE = 0o002;
const WINDOWS_EXTENSIONS = '.COM;.EXE;.BAT;.CMD';

const NODE_HINT = 'install Node.js (https://nodejs.org), which brings it';
const UV_HINT = 'install uv (https://docs.astral.sh/uv), which brings it';
const PYTHON_HINT = 'install Python (https://www.python.org), or write python3 if that is its name here';
const INSTALL_HINTS: ReadonlyMap<string, string> = new Map([
  ['node', NODE_HINT],
  ['npm', NODE_HINT],
  ['npx', NODE_HINT],
  ['uv', UV_HINT],
  ['uvx', UV_HINT],
  ['python', PYTHON_HINT],
  ['python3', PYTHON_HINT],
  ['pipx', 'install pipx (https://pipx.pypa.io)'],
  ['bun', 'install Bun (https://bun.sh)'],
  ['bunx', 'install Bun (https://bun.sh)'],
  ['deno', 'install Deno (https://deno.com)'],
  ['docker', 'install Docker (https://docs.docker.com/get-docker)'],
  ['podman', 'install Podman (https://podman.io)'],
]);

export interface CommandContext {
  /** The value of PATH. */
  readonly path: string;
  /** Absolute: what a command with a slash is relative to. */
  readonly cwd: string;
  readonly platform: NodeJS.Platform;
  /** The value of PATHEXT, read on Windows only. */
  readonly pathExtensions?: string;
}

export interface ResolvedCommand {
  readonly path: string;
  /** A sentence for a person when others may replace what would be run. */
  readonly warning?: string;
}

/** Rejects with a ChildError, `not_found` or `not_executable`, that says where was looked and what to do. */
export async function resolveCommand(command: string, context: CommandContext): Promise<ResolvedCommand> {
  if (command === '' || command.includes('\0')) {
    throw new ChildError(
      'not_found',
      'The command is empty or holds a NUL character: write the name or path of a program.',
    );
  }
  const folders = isPath(command, context.platform) ? [] : await searchedFolders(context);
  let refused: string | undefined;
  for (const candidate of commandCandidates(command, folders, context)) {
    const found = await look(candidate);
    if (found === 'program') {
      const warning = context.platform === 'win32' ? undefined : await writableWarning(candidate);
      return warning === undefined ? { path: candidate } : { path: candidate, warning };
    }
    if (found === 'other') refused ??= candidate;
  }
  if (refused !== undefined) {
    throw new ChildError(
      'not_executable',
      `"${refused}" is not a program this user may execute: check that it is a file with mode +x.`,
    );
  }
  throw new ChildError('not_found', await notFound(command, folders.length, context));
}

/** The files that `command` may mean, best first. `folders` are absolute. */
export function commandCandidates(
  command: string,
  folders: readonly string[],
  { cwd, platform, pathExtensions }: CommandContext,
): readonly string[] {
  const path = platform === 'win32' ? win32 : posix;
  const bases = isPath(command, platform)
    ? [path.resolve(cwd, command)]
    : folders.map((folder) => path.join(folder, command));
  if (platform !== 'win32') return bases;
  const extensions = (pathExtensions ?? WINDOWS_EXTENSIONS).split(';').filter((extension) => extension.startsWith('.'));
  const complete = extensions.some((extension) => command.toUpperCase().endsWith(extension.toUpperCase()));
  return complete ? bases : bases.flatMap((base) => extensions.map((extension) => base + extension.toLowerCase()));
}

/** The absolute entries of PATH, but for the working folder under any of its names. */
export async function searchedFolders({ path, cwd, platform }: CommandContext): Promise<readonly string[]> {
  const paths = platform === 'win32' ? win32 : posix;
  const real = (folder: string): Promise<string> => realpath(folder).catch(() => paths.resolve(folder));
  const here = await real(cwd);
  const folders: string[] = [];
  for (const entry of path.split(paths.delimiter)) {
    if (paths.isAbsolute(entry) && (await real(entry)) !== here) folders.push(entry);
  }
  return folders;
}

function isPath(command: string, platform: NodeJS.Platform): boolean {
  return platform === 'win32' ? /[/\\:]/.test(command) : command.includes('/');
}

async function look(file: string): Promise<'program' | 'other' | 'nothing'> {
  const stats = await stat(file).catch(() => undefined);
  if (stats === undefined) return 'nothing';
  if (!stats.isFile()) return 'other';
  return access(file, constants.X_OK).then(
    () => 'program' as const,
    () => 'other' as const,
  );
}

/** Looks at the file, its folder, and those of the file that a link leads to. */
async function writableWarning(file: string): Promise<string | undefined> {
  const target = await realpath(file);
  for (const path of new Set([posix.dirname(file), target, posix.dirname(target)])) {
    const { mode } = await stat(path);
    if ((mode & WORLD_WRITABLE) !== 0)
      return `Anyone on this machine may replace "${file}": "${path}" is world-writable.`;
  }
  return undefined;
}

async function notFound(command: string, searched: number, context: CommandContext): Promise<string> {
  if (isPath(command, context.platform)) {
    const hint = command.startsWith('~') ? ' "~" is not expanded: write the whole path.' : '';
    return `The command "${command}" does not exist (relative paths start at "${context.cwd}").${hint}`;
  }
  const told = `The command "${command}" was not found in the ${searched} folders of PATH`;
  const beside = commandCandidates(`./${command}`, [], context);
  for (const file of beside) {
    if ((await look(file)) !== 'nothing')
      return `${told}. The working folder is not searched: write "./${command}" to run "${file}".`;
  }
  if (/\s/.test(command))
    return `${told}. It holds a space: the command is the program alone, its arguments go to "args".`;
  return `${told}: ${INSTALL_HINTS.get(command) ?? 'install it, correct PATH or write its absolute path'}.`;
}
