/**
 * Packages whose version somebody has written down for everybody, in the lock beside the configuration: a command that names
 * none, or one that moves, is started as if it named that one, and what was installed is held against its integrity. It is
 * known of packages of npm alone: uv keeps none of what it installs.
 */
import { join } from 'node:path';
import type { ChildCommand } from '@sallyport/client';
import { packageRun, readFileBounded, type PackageRun } from '@sallyport/host';
import { isObject } from '@sallyport/wire';

export interface LockedPackage {
  /** As the configuration names it: written otherwise there, it is another package. */
  readonly spec: string;
  readonly version: string;
  /** As npm writes it (W3C, "Subresource Integrity"). */
  readonly integrity?: string;
}

/** npm's own account of what it has installed. */
const NPM_ACCOUNT = 'node_modules/.package-lock.json';
const MAX_ACCOUNT_BYTES = 16 * 1024 * 1024;

type Command = Pick<ChildCommand, 'command' | 'args'>;

/** What is locked, if it is the package that a command names. */
export function lockedFor({ args, command }: Command, locked: LockedPackage | undefined): LockedPackage | undefined {
  return locked !== undefined && packageRun(command, args)?.spec === locked.spec ? locked : undefined;
}

/** The same command, naming the version that is locked (`lockedFor` it). */
export function lockedCommand<C extends Command>(child: C, locked: LockedPackage | undefined): C {
  const run = locked && packageRun(child.command, child.args);
  if (run === undefined || locked === undefined || run.pin === 'exact' || run.pin === 'local') return child;
  const exact = run.pinned.replace('VERSION', locked.version);
  // It may stand in an option: `--package=name`.
  const args = child.args.map((arg, index) => (index === run.index ? replacedEnd(arg, run.spec, exact) : arg));
  return { ...child, args };
}

function replacedEnd(text: string, end: string, by: string): string {
  return text.endsWith(end) ? `${text.slice(0, text.length - end.length)}${by}` : text;
}

/** Of a package that npm has installed; undefined: it says none. */
export async function integrityIn(folder: string, { name, registry }: PackageRun): Promise<string | undefined> {
  if (registry !== 'npm' || name === undefined) return undefined;
  try {
    const text = (await readFileBounded(join(folder, NPM_ACCOUNT), MAX_ACCOUNT_BYTES)).toString();
    const account: unknown = JSON.parse(text);
    const packages = isObject(account) ? account['packages'] : undefined;
    const entry = isObject(packages) ? packages[`node_modules/${name}`] : undefined;
    const integrity = isObject(entry) ? entry['integrity'] : undefined;
    return typeof integrity === 'string' ? integrity : undefined;
  } catch {
    return undefined;
  }
}

/** Throws, for a person, where something else was installed under the same version. */
export async function checkIntegrity(
  folder: string,
  run: PackageRun,
  locked: LockedPackage | undefined,
): Promise<void> {
  if (locked?.integrity === undefined) return;
  const found = await integrityIn(folder, run);
  if (found === locked.integrity) return;
  throw new Error(
    `"${run.spec}" is not the package that sallyport.lock has: its integrity is ${found ?? 'not known'}, and ${locked.integrity} is expected. Nothing is started.`,
  );
}
