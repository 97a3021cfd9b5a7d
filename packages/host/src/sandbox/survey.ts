/**
 * Looks at the paths of a sandbox's specification: where they really lead, which of them hold what must stay hidden, and what in
 * the writable ones is run later by somebody else. Answers for the moment of the call; changes nothing.
 */
import { constants } from 'node:fs';
import { access, lstat, readdir, realpath } from 'node:fs/promises';
import { homedir, networkInterfaces } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { isInside } from './inside.ts';
import { turnedBy } from './links.ts';
import { existingPaths, lookAt, namedPaths } from './program.ts';
import type { GuardedPath, PathKind, SandboxSpec, SeenPath, Survey } from './spec.ts';

interface Name {
  readonly name: string;
  readonly kind: PathKind;
  /** Where it does not exist yet, an empty one keeps it from being made. */
  readonly placeholder: boolean;
  /** Of that one, where an empty one would be an error to whoever reads it. ASCII. */
  readonly text?: string;
}

/** In a writable folder, and in folders below it as far as they exist. */
const IN_FOLDER: readonly Name[] = [
  ...names('folder', true, '.git .vscode .cursor .claude'),
  ...names('file', true, '.mcp.json .envrc'),
  ...names('folder', false, '.husky .devcontainer'),
];

/** In what git takes for a repository: its programs, and what says where they are. */
const IN_REPOSITORY: readonly Name[] = [
  ...names('folder', true, 'hooks'),
  ...names('file', true, 'config'),
  // Its hooks and configuration are elsewhere, if it says so: here it says that they are where they are (gitrepository-layout(5)).
  { name: 'commondir', kind: 'file', placeholder: true, text: '.\n' },
  ...names('file', false, 'config.worktree gitdir'),
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
/** At one depth; those beyond are not looked at. */
const COMPARED_FOLDERS = 20_000;

/** Binding one of these, or one of those with all that is below it, would undo the sandbox. */
const NEVER_BOUND: readonly string[] = ['/proc', '/sys', '/dev'];
const NEVER_WHOLE: ReadonlySet<string> = new Set(['/', '/run', '/var/run', '/etc', '/home', '/root', '/var', '/tmp']);

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
  const [read, written, hidden, { program, belongings, others }] = await Promise.all([
    required(spec.read ?? [], problems),
    required(spec.write ?? [], problems),
    hiddenPaths(spec.hidden),
    namedPaths(spec),
  ]);
  const seen = await existingPaths(spec.revealed ?? []);
  const revealed = seen.map(({ real }) => real);
  const userHome = await realpath(context.userHome).catch(() => context.userHome);
  const why = (entry: SeenPath): readonly string[] => refusals(entry, hidden, revealed);
  const wanted = spec.level === 'strict' ? [] : [...(await existingPaths([spec.cwd])), ...others];
  const writable = [...written, ...wanted].filter((entry) => entry.kind === 'folder' && why(entry).length === 0);
  // A command is a program wherever a link leads to, and virtual environments of Python are made of such links.
  const turned = async (entry: SeenPath): Promise<readonly string[]> =>
    entry.path === spec.command ? [] : turnedBy(entry, writable);
  const implied = await givenOf(wanted, async (entry) => [
    ...why(entry),
    ...(await turned(entry)),
    ...unasked(entry, spec, userHome),
  ]);
  for (const entry of [...read, ...written, ...program]) problems.push(...why(entry), ...(await turned(entry)));
  for (const { path, real } of written) if (isLaterRun(real)) problems.push(laterRunText(path));
  const asked = (await Promise.all(written.map((entry) => laterRunIn(entry, userHome)))).flat();
  const more = (await Promise.all(implied.given.map((entry) => laterRunIn(entry, userHome)))).flat();
  for (const { path } of asked.filter(isLink)) {
    problems.push(
      `"${path}" is a symbolic link, which a server that may write there could replace: make it a file or folder.`,
    );
  }
  return {
    read: [...program, ...belongings.filter((entry) => why(entry).length === 0), ...read, ...seen],
    write: [...written, ...implied.given],
    hidden,
    revealed,
    laterRun: [...asked.filter(isGuardable), ...more.map(guardableOf)],
    problems,
    notes: [...implied.notes, ...more.filter(isLink).map(({ path }) => linkText(path))],
    addresses: Object.values(networkInterfaces()).flatMap((known = []) => known.map(({ address }) => address)),
  };
}

interface Given {
  readonly given: readonly SeenPath[];
  readonly notes: readonly string[];
}

/** What nobody wrote into `sandbox` is left out where it may not be given. */
async function givenOf(
  wanted: readonly SeenPath[],
  why: (entry: SeenPath) => Promise<readonly string[]>,
): Promise<Given> {
  const reasons = await Promise.all(wanted.map(why));
  const notes = new Set(reasons.flatMap(([first]) => first ?? []));
  return { given: wanted.filter((_entry, index) => reasons[index]?.length === 0), notes: [...notes] };
}

/** A home that is the working folder only because the configuration lies there is full of other programs' secrets. */
function unasked({ path, real }: SeenPath, { cwd }: SandboxSpec, userHome: string): readonly string[] {
  if (isLaterRun(real)) return [laterRunText(path)];
  const isHome = path === cwd && real === userHome;
  return isHome ? [`The working folder "${path}" is a home, which the server does not see: name what it needs.`] : [];
}

const laterRunText = (path: string): string => `"${path}" is run later by other programs and must not be writable.`;
const linkText = (path: string): string =>
  `"${path}" is a symbolic link that the server could replace, so the folder it is in is read-only to it.`;

async function required(paths: readonly string[], problems: string[]): Promise<readonly SeenPath[]> {
  for (const path of paths) {
    if (!isAbsolute(path)) problems.push(`"${path}" is no absolute path.`);
    else if ((await lookAt(path)) === undefined) {
      problems.push(`"${path}" does not exist or may not be looked at: create it or correct the path.`);
    }
  }
  return existingPaths(paths.filter((path) => isAbsolute(path)));
}

/** What does not exist needs no hiding, and nothing of the child's can be put in its place. */
async function hiddenPaths(paths: readonly string[]): Promise<readonly GuardedPath[]> {
  return (await existingPaths(paths)).map(({ real, kind }) => ({ path: real, kind, exists: true }));
}

function refusals(
  { path, real, kind }: SeenPath,
  hidden: readonly GuardedPath[],
  revealed: readonly string[],
): readonly string[] {
  const whole = kind === 'folder' && NEVER_WHOLE.has(real);
  if (whole || NEVER_BOUND.some((folder) => isInside(folder, real))) {
    return [`"${path}" would undo the sandbox: name the folders below it that the server needs.`];
  }
  const isRevealed = revealed.some((folder) => isInside(folder, real));
  const secret = isRevealed ? undefined : hidden.find((entry) => isInside(entry.path, real));
  return secret === undefined ? [] : [`"${path}" is part of Sallyport's own files ("${secret.path}"): choose another.`];
}

function isLaterRun(real: string): boolean {
  return [...IN_FOLDER, ...IN_HOME].some(({ name }) => `${real}/`.includes(`/${name}/`));
}

/** A link cannot be mounted upon. */
type Found = Omit<GuardedPath, 'kind'> & { readonly kind: PathKind | 'link' };
const isGuardable = (entry: Found): entry is GuardedPath => entry.kind !== 'link';
const isLink = ({ kind }: Found): boolean => kind === 'link';
const guardableOf = (entry: Found): GuardedPath =>
  isGuardable(entry) ? entry : { path: dirname(entry.path), kind: 'folder', exists: true };

async function laterRunIn({ real, kind }: SeenPath, userHome: string): Promise<readonly Found[]> {
  if (kind === 'file') return [];
  const here = real === userHome ? [...IN_FOLDER, ...IN_HOME] : IN_FOLDER;
  // Where this user cannot make a file, no child of its can.
  const makes = await access(real, constants.W_OK).then(
    () => true,
    () => false,
  );
  const below = await foldersBelow(real);
  const repositories = (await Promise.all([real, ...below].map(repositoriesIn))).flat();
  const found = await Promise.all([
    ...here.map((name) => guard(real, { ...name, placeholder: name.placeholder && makes })),
    ...below.flatMap((folder) => IN_FOLDER.map((name) => guard(folder, { ...name, placeholder: false }))),
    ...repositories.flatMap((folder) =>
      IN_REPOSITORY.map((name) => guard(folder, { ...name, placeholder: name.placeholder && makes })),
    ),
  ]);
  return found.filter((entry) => entry !== undefined);
}

async function guard(root: string, { kind, name, placeholder, text }: Name): Promise<Found | undefined> {
  const path = join(root, name);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return placeholder ? { path, kind, exists: false, ...(text && { text }) } : undefined;
  if (found.isSymbolicLink()) return { path, kind: 'link', exists: true };
  const own = text === undefined ? {} : { text };
  // A repository is written to; what is run is inside it. Anything else could be made one, or says where one is.
  if (name === '.git' && (await isRepository(path))) return undefined;
  return { path, kind: found.isDirectory() ? 'folder' : 'file', exists: true, ...own };
}

/** That of a working tree with those of its submodules and of other working trees, or a folder that is one itself. */
async function repositoriesIn(folder: string): Promise<readonly string[]> {
  const own = join(folder, '.git');
  if (!(await isRepository(own))) {
    return (await isRepository(folder)) && (await lookAt(join(folder, 'objects'))) !== undefined ? [folder] : [];
  }
  const inside = await Promise.all(['modules', 'worktrees'].map((name) => foldersBelow(join(own, name))));
  const which = await Promise.all(inside.flat().map(async (one) => ((await isRepository(one)) ? [one] : [])));
  return [own, ...which.flat()];
}

async function isRepository(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  return found?.isDirectory() === true && (await lstat(join(folder, 'HEAD')).catch(() => undefined)) !== undefined;
}

async function foldersBelow(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  let level: readonly string[] = [root];
  for (let depth = 0; depth < SEARCH_DEPTH && level.length > 0; depth += 1) {
    const below = await Promise.all(level.map(foldersIn));
    level = await oldest(below.flat(), SEARCH_FOLDERS - found.length);
    found.push(...level);
  }
  return found;
}

/** Of too many those that were there first: the others a server may have made so that these are not looked at. */
async function oldest(folders: readonly string[], count: number): Promise<readonly string[]> {
  if (folders.length <= count) return folders;
  const dated = await Promise.all(
    folders.slice(0, COMPARED_FOLDERS).map(async (path) => {
      const madeMs = await lstat(path).then(
        ({ birthtimeMs }) => birthtimeMs,
        () => Infinity,
      );
      return { path, madeMs };
    }),
  );
  return dated
    .toSorted((one, other) => one.madeMs - other.madeMs)
    .slice(0, count)
    .map(({ path }) => path);
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
