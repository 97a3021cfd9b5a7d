/**
 * What the repository consists of: its root, its packages, and the files that git knows. Reads only.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputOf, type Capture } from './run.ts';

/** Absolute path of the repository, without a slash at the end. */
export const root: string = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** The part of a package.json that the checks look at. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A workspace package; `folder` is relative to the root, with forward slashes. */
export interface Package {
  readonly folder: string;
  readonly manifest: Manifest;
}

export function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}

/** The packages under `packages/`, sorted by folder. */
export function readPackages(from: string): Package[] {
  return readdirSync(join(from, 'packages'))
    .toSorted()
    .filter((name) => existsSync(join(from, 'packages', name, 'package.json')))
    .map((name) => ({
      folder: `packages/${name}`,
      manifest: readManifest(join(from, 'packages', name, 'package.json')),
    }));
}

/** The packages, and the workspace of the measurements, which declares what it imports as they do. */
export function readWorkspaces(from: string): Package[] {
  return [...readPackages(from), { folder: 'bench', manifest: readManifest(join(from, 'bench', 'package.json')) }];
}

/** The packages that go to the registry. */
export function publishedPackages(from: string): Package[] {
  return readPackages(from).filter((each) => each.manifest.private !== true);
}

/** Tracked files and new ones that git does not ignore, relative to `from`; deleted ones are left out. */
export function repositoryFiles(from: string, run: Capture): string[] {
  const listed = outputOf(run, ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], from);
  return [...new Set(listed.split('\0'))].filter((path) => path !== '' && existsSync(join(from, path))).toSorted();
}
