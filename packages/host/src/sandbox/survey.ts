/**
 * Looks at the paths of a sandbox's specification: where they really lead, which of them hold what must stay hidden, and what in
 * the writable ones is run later by somebody else. Answers for the moment of the call; changes nothing.
 */
import { constants } from 'node:fs';
import { access, lstat, readdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { GuardedPath, PathKind, SandboxSpec, SeenPath, Survey } from './spec.ts';

interface Name {
  readonly name: string;
  readonly kind: PathKind;
  /** Where it does not exist yet, an empty one keeps it from being made. */
  readonly placeholder: boolean;
}

/** In a writable folder, and in folders below it as far as they exist. */
const IN_FOLDER: readonly Name[] = [
  ...names('folder', true, '.git .vscode .cursor .claude'),
  ...names('file', true, '.mcp.json .envrc'),
  ...names('folder', false, '.git/hooks .husky .devcontainer'),
  ...names('file', false, '.git/config'),
];

/** In a home, in addition. */
const IN_HOME: readonly Name[] = [
  ...names('file', true, '.profile .bashrc .bash_profile .bash_login .bash_logout .zshrc .zshenv .zprofile .zlogin'),
  ...names('file', true, '.zlogout .kshrc .gitconfig .npmrc .claude.json'),
  ...names('folder', true, '.ssh .codex .gemini'),
  ...names('folder', false, '.config/fish .config/autostart .config/systemd .config/git .config/Claude .config/zed'),
  ...names('folder', false, '.config/Code/User .codeium .local/bin'),
];

/** How far below a writable folder repositories and configurations are looked for, and in how many folders at most. */
const SEARCH_DEPTH = 5;
const SEARCH_FOLDERS = 1000;

/** Binding one of these, or one of those with all that is below it, would undo the sandbox. */
const NEVER_BOUND: readonly string[] = ['/proc', '/sys', '/dev'];
const NEVER_WHOLE: ReadonlySet<string> = new Set(['/', '/run', '/var/run', '/etc', '/home', '/root', '/var', '/tmp']);

const CODE = /\.(?:[cm]?[jt]s|py|rb|php|pl|sh|jar|wasm)$/;

export interface SurveyContext {
  /** The home of this process's user. */
  readonly userHome: string;
}

/** Never rejects for what a path is; that is told in `problems`. */
export async function surveyPaths(
  spec: SandboxSpec,
  context: SurveyContext = { userHome: homedir() },
): Promise<Survey> {
  const problems: string[] = [];
  const [read, written, hidden, program] = await Promise.all([
    required(spec.read ?? [], problems),
    required(spec.write ?? [], problems),
    hiddenPaths(spec.hidden),
    programPaths(spec),
  ]);
  const allowed = (entry: SeenPath): boolean => refusals(entry, hidden).length === 0;
  const implied = spec.level === 'strict' ? [] : (await impliedPaths(spec)).filter(allowed);
  for (const entry of [...read, ...written, ...program]) problems.push(...refusals(entry, hidden));
  for (const { path, real } of written) {
    if (isLaterRun(real)) problems.push(`"${path}" is run later by other programs and must not be writable.`);
  }
  const write = [...written, ...implied];
  const userHome = await realpath(context.userHome).catch(() => context.userHome);
  const laterRun = (await Promise.all(write.map((entry) => laterRunIn(entry, userHome)))).flat();
  for (const { path } of laterRun.filter(({ kind }) => kind === 'link')) {
    problems.push(
      `"${path}" is a symbolic link, which a server that may write there could replace: make it a file or folder.`,
    );
  }
  return { read: [...program, ...read], write, hidden, laterRun: laterRun.filter(isGuardable), problems };
}

export function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

async function look(path: string): Promise<SeenPath | undefined> {
  try {
    const real = await realpath(path);
    return { path, real, kind: (await stat(real)).isDirectory() ? 'folder' : 'file' };
  } catch {
    return undefined;
  }
}

async function existing(paths: readonly string[]): Promise<readonly SeenPath[]> {
  return (await Promise.all(paths.map(look))).filter((entry) => entry !== undefined);
}

async function required(paths: readonly string[], problems: string[]): Promise<readonly SeenPath[]> {
  for (const path of paths) {
    if (!isAbsolute(path)) problems.push(`"${path}" is no absolute path.`);
    else if ((await look(path)) === undefined) {
      problems.push(`"${path}" does not exist or may not be looked at: create it or correct the path.`);
    }
  }
  return existing(paths.filter((path) => isAbsolute(path)));
}

/** What does not exist needs no hiding, and nothing of the child's can be put in its place. */
async function hiddenPaths(paths: readonly string[]): Promise<readonly GuardedPath[]> {
  return (await existing(paths)).map(({ real, kind }) => ({ path: real, kind, exists: true }));
}

/**
 * The program itself, which has to be there whatever else is: the command, and files of code among the arguments, with the
 * modules that they are part of.
 */
async function programPaths({ command, args }: SandboxSpec): Promise<readonly SeenPath[]> {
  const files = await existing([command, ...args.filter((arg) => isAbsolute(arg) && CODE.test(arg))]);
  return files.flatMap((file) => {
    const at = file.real.indexOf('/node_modules/');
    if (at < 0) return [file];
    const modules = file.real.slice(0, at + '/node_modules'.length);
    return [file, { path: modules, real: modules, kind: 'folder' as const }];
  });
}

/** What `standard` adds: the working folder, and what the arguments name. */
function impliedPaths({ cwd, args }: SandboxSpec): Promise<readonly SeenPath[]> {
  return existing([cwd, ...args.filter((arg) => isAbsolute(arg) && !CODE.test(arg))]).then((entries) =>
    entries.filter((entry) => !isLaterRun(entry.real)),
  );
}

function refusals({ path, real, kind }: SeenPath, hidden: readonly GuardedPath[]): readonly string[] {
  const whole = kind === 'folder' && NEVER_WHOLE.has(real);
  if (whole || NEVER_BOUND.some((folder) => isInside(folder, real))) {
    return [`"${path}" would undo the sandbox: name the folders below it that the server needs.`];
  }
  const secret = hidden.find((entry) => isInside(entry.path, real));
  return secret === undefined ? [] : [`"${path}" is part of Sallyport's own files ("${secret.path}"): choose another.`];
}

function isLaterRun(real: string): boolean {
  return [...IN_FOLDER, ...IN_HOME].some(({ name }) => `${real}/`.includes(`/${name}/`));
}

/** A link cannot be mounted upon. */
type Found = Omit<GuardedPath, 'kind'> & { readonly kind: PathKind | 'link' };
const isGuardable = (entry: Found): entry is GuardedPath => entry.kind !== 'link';

async function laterRunIn({ real, kind }: SeenPath, userHome: string): Promise<readonly Found[]> {
  if (kind === 'file') return [];
  const here = real === userHome ? [...IN_FOLDER, ...IN_HOME] : IN_FOLDER;
  // Where this user cannot make a file, no child of its can.
  const makes = await access(real, constants.W_OK).then(
    () => true,
    () => false,
  );
  const guarded = await Promise.all(
    here.map((name) => guard(real, { ...name, placeholder: name.placeholder && makes })),
  );
  const below = await foldersBelow(real);
  const nested = await Promise.all(
    below.flatMap((folder) => IN_FOLDER.map((name) => guard(folder, { ...name, placeholder: false }))),
  );
  return [...guarded, ...nested].filter((entry) => entry !== undefined);
}

async function guard(root: string, { name, kind, placeholder }: Name): Promise<Found | undefined> {
  const path = join(root, name);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return placeholder ? { path, kind, exists: false } : undefined;
  if (found.isSymbolicLink()) return { path, kind: 'link', exists: true };
  // A repository is written to; what is run is inside it. Anything else could be made one, or says where one is.
  if (name === '.git' && (await lstat(join(path, 'HEAD')).catch(() => undefined)) !== undefined) return undefined;
  return { path, kind: found.isDirectory() ? 'folder' : 'file', exists: true };
}

async function foldersBelow(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  let level = [root];
  for (let depth = 0; depth < SEARCH_DEPTH && level.length > 0; depth += 1) {
    const below = await Promise.all(level.slice(0, SEARCH_FOLDERS - found.length).map(foldersIn));
    level = below.flat();
    found.push(...level);
  }
  return found.slice(0, SEARCH_FOLDERS);
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== '.git')
    .map((entry) => join(folder, entry.name));
}

function names(kind: PathKind, placeholder: boolean, list: string): readonly Name[] {
  return list.split(' ').map((name) => ({ name, kind, placeholder }));
}
