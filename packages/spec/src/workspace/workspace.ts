/**
 * The folders a server may work in, and one of them opened: everything else of this package reaches files through here. A
 * path a client names is compared by where it really leads, never by its text.
 */
import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { SpecError } from '../errors.ts';
import { change, type Changed, type Draft, lastScope, undoChange } from './change.ts';
import { createDerive, type Derive } from './derive.ts';
import { type Entry, kindOf, listFolder, readFileInside } from './files.ts';
import { openRoot, type Root } from './folder.ts';
import { restrictedReason } from './restricted.ts';

export interface Workspace {
  /** The real path of the folder. */
  readonly path: string;
  readonly now: () => number;
  read(path: string): Promise<string | undefined>;
  /** What is made of a text, kept for large texts that come again. */
  readonly derive: Derive;
  list(path: string): Promise<readonly Entry[]>;
  kind(path: string): Promise<Entry['kind'] | undefined>;
  change<T>(
    scope: string,
    label: string,
    work: (draft: Draft) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<Changed<T>>;
  /** Without a scope: the last change of all. */
  undo(
    scope?: string,
  ): Promise<{ readonly scope: string; readonly label: string; readonly restored: readonly string[] }>;
}

export interface Workspaces {
  /** The first of the roots without a path. A relative path starts at the first root. */
  open(path?: string): Workspace;
  /** One folder of these, by its real path, as the only one. A SpecError when it leads elsewhere by now. */
  within(path: string): Workspaces;
  readonly roots: readonly string[];
}

export interface WorkspacesOptions {
  /** Absolute folders that may be worked in, and all below them. At least one. */
  readonly roots: readonly string[];
  readonly now: () => number;
  readonly platform?: NodeJS.Platform;
}

function openWorkspace(root: Root, now: () => number, derive: Derive): Workspace {
  return {
    path: root.path,
    now,
    derive,
    read: async (path) => readFileInside(root, path),
    list: async (path) => listFolder(root, path),
    kind: async (path) => kindOf(root, path),
    change: async (scope, label, work, signal) =>
      change(root, { scope, label, now, ...(signal === undefined ? {} : { signal }) }, work),
    async undo(scope) {
      const chosen = scope ?? (await lastScope(root));
      if (chosen === undefined) throw new SpecError('not_found', 'There is no change to take back.');
      return { scope: chosen, ...(await undoChange(root, chosen)) };
    },
  };
}

const missing = (): SpecError =>
  new SpecError('not_found', 'The workspace folder does not exist. Make it first, or name another.');

function realFolder(path: string): string {
  let real: string;
  try {
    real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch {
    throw missing();
  }
  throw new SpecError('not_found', 'The workspace is not a folder.');
}

function refuseRestricted(real: string, platform: NodeJS.Platform): string {
  const reason = restrictedReason(real, platform);
  if (reason !== undefined)
    throw new SpecError('restricted', `This folder is no workspace: ${reason}. Name a project.`);
  return real;
}

const isInside = (root: string, path: string): boolean => {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
};

/** Throws a SpecError when a root is missing, no folder, or one of the system's. */
export function createWorkspaces({ roots, now, platform = process.platform }: WorkspacesOptions): Workspaces {
  const real = [...new Set(roots.map((root) => refuseRestricted(realFolder(root), platform)))];
  const [first] = real;
  if (first === undefined) throw new SpecError('invalid_input', 'Name at least one folder to work in.');
  const derive = createDerive();
  const workspaces: Workspaces = {
    roots: real,
    within(path) {
      if (workspaces.open(path).path !== path) throw missing();
      return createWorkspaces({ roots: [path], now, platform });
    },
    open(path) {
      if (path === undefined || path === '') return openWorkspace(openRoot(first), now, derive);
      if (path.includes('\0')) throw new SpecError('outside_workspace', 'The workspace path contains a NUL character.');
      const folder = realPathOr(resolve(first, path));
      // Outside, whether there is such a folder is nobody's business.
      if (!real.some((root) => isInside(root, folder))) {
        throw new SpecError(
          'outside_workspace',
          'This workspace is not among the folders this server may work in. Start it with that folder as --workspace.',
        );
      }
      return openWorkspace(openRoot(refuseRestricted(realFolder(folder), platform)), now, derive);
    },
  };
  return workspaces;
}

/** Where a path really leads, or the path itself when there is nothing. */
function realPathOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
