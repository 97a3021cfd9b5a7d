/**
 * Reads package-lock.json (lockfileVersion 3): which packages an installation brings, and which of them go to users.
 */
import { readFileSync } from 'node:fs';

/** One installed package of the lock file. `path` is its folder, relative to the root. */
export interface Locked {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly dev: boolean;
  readonly optional: boolean;
  readonly installScript: boolean;
  readonly licence: string | undefined;
  readonly integrity: string | undefined;
  /** Where it comes from, when the lock file says so. */
  readonly resolved: string | undefined;
}

interface Entry {
  readonly name?: string;
  readonly version?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
}

/** Every package of the registry in the lock file; the workspaces and the links to them are left out. */
export function readLock(path: string): Locked[] {
  const lock = JSON.parse(readFileSync(path, 'utf8')) as { lockfileVersion?: number; packages?: Record<string, Entry> };
  if (lock.lockfileVersion !== 3 || lock.packages === undefined) {
    throw new Error(`${path}: lockfileVersion 3 is expected; write it anew with npm of Node 24`);
  }
  return Object.entries(lock.packages)
    .filter(([folder, entry]) => /(^|\/)node_modules\//.test(folder) && entry.link !== true)
    .map(([folder, entry]) => ({
      path: folder,
      name: entry.name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: entry.version ?? '',
      dev: entry.dev === true,
      optional: entry.optional === true || entry.devOptional === true,
      installScript: entry.hasInstallScript === true,
      licence: entry.license,
      integrity: entry.integrity,
      resolved: entry.resolved,
    }));
}

/** What is wrong with the lock file itself; empty when nothing is. */
export function lockProblems(locked: readonly Locked[], mayRunInstallScripts: readonly string[]): string[] {
  return locked.flatMap((each) => {
    const at = `${each.name}@${each.version}`;
    const problems: string[] = [];
    if (each.resolved !== undefined)
      problems.push(`${at} names where it comes from (${new URL(each.resolved).protocol})`);
    if (each.integrity?.startsWith('sha512-') !== true) problems.push(`${at} has no sha512 integrity`);
    if (each.installScript && !mayRunInstallScripts.includes(each.name)) problems.push(`${at} has an install script`);
    return problems;
  });
}
