/**
 * What a child under bubblewrap sees of the file system, as bubblewrap's options: the system read-only, the paths of its
 * specification, an own /tmp and home, and nothing else. Pure: goes by what a survey found.
 */
import { dirname } from 'node:path';
import type { GuardedPath, SandboxPlan, SeenPath, Survey } from './spec.ts';
import { isInside } from './inside.ts';

/** Where the child's home is, in its own sight. */
export const HOME_INSIDE = '/home/server';

const SYSTEM: readonly string[] = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/nix/store'];
/** Of /etc, what programs need to find libraries, names, time and certificates; nothing that holds a secret. */
const SYSTEM_FILES: readonly string[] = [
  'alternatives ca-certificates ca-certificates.conf debian_version fonts gai.conf group host.conf hosts inputrc',
  'ld.so.cache ld.so.conf ld.so.conf.d localtime locale.alias locale.conf magic mime.types nsswitch.conf os-release passwd',
  'pki/ca-trust pki/tls/certs pki/tls/cert.pem pki/tls/openssl.cnf protocols resolv.conf services ssl/certs ssl/cert.pem',
  'ssl/openssl.cnf terminfo timezone xdg/mime xml zoneinfo',
].flatMap((line) => line.split(' ').map((name) => `/etc/${name}`));
/** Where systemd-resolved keeps the addresses that its stub on loopback, out of the child's reach, asks itself. */
const RESOLVED = '/run/systemd/resolve/resolv.conf';

export const SCRATCH_BYTES: number = 256 * 1024 * 1024;

export interface MountOptions {
  readonly survey: Survey;
  readonly cwd: string;
  /** A folder of the host that is the child's home; absent: an empty one that is gone with it. */
  readonly home: string | undefined;
  /** Of the host, and where each is in the child's sight; read-only. */
  readonly relay: readonly (readonly [path: string, inside: string])[];
  /** bubblewrap 0.7 can bound a tmpfs. */
  readonly bounded: boolean;
}

export interface Mounts {
  readonly args: readonly string[];
  readonly guarded: SandboxPlan['guarded'];
}

export function mountArgs({ survey, cwd, home, relay, bounded }: MountOptions): Mounts {
  const scratch = (path: string): readonly string[] => [
    ...(bounded ? ['--size', String(SCRATCH_BYTES)] : []),
    '--tmpfs',
    path,
  ];
  const bound = boundPaths(survey);
  const visible = (path: string): boolean =>
    [...SYSTEM, ...bound.map(({ real }) => real)].some((root) => isInside(root, path));
  const links = [...survey.read, ...survey.write].filter(({ path, real }) => path !== real && !visible(path));
  const guards = guardsOf(survey, bound);
  return {
    args: [
      ...SYSTEM.flatMap((path) => ['--ro-bind-try', path, path]),
      ...SYSTEM_FILES.flatMap((path) => ['--ro-bind-try', path, path]),
      ...`--ro-bind-try ${RESOLVED} /etc/resolv.conf --proc /proc --dev /dev`.split(' '),
      ...scratch('/dev/shm'),
      ...scratch('/tmp'),
      ...(home === undefined ? scratch(HOME_INSIDE) : ['--bind', home, HOME_INSIDE]),
      ...relay.flatMap(([path, inside]) => ['--ro-bind', path, inside]),
      ...bound.flatMap(({ real, writable }) => [writable ? '--bind' : '--ro-bind', real, real]),
      ...[...new Map(links.map(({ path, real }) => [path, real]))].flatMap(([path, real]) => ['--symlink', real, path]),
      ...(visible(cwd) ? [] : ['--dir', cwd]),
      ...guardArgs(guards, survey, bound),
      // Both are file systems in memory that the child could otherwise fill.
      ...'--remount-ro /dev --remount-ro / --chdir'.split(' '),
      cwd,
    ],
    guarded: guards.laterRun,
  };
}

export interface Bound {
  readonly real: string;
  readonly writable: boolean;
}

/** Outer before inner, so that none covers another; each once, writable where both were said. */
export function boundPaths({ read, write }: Pick<Survey, 'read' | 'write'>): readonly Bound[] {
  const paths = new Map<string, boolean>();
  for (const { real } of read) if (!inSystem(real)) paths.set(real, false);
  for (const { real } of write) paths.set(real, true);
  return [...paths]
    .map(([real, writable]) => ({ real, writable }))
    .filter(({ real, writable }) => writable || !coveredAlike(real, paths))
    .toSorted((one, other) => (one.real < other.real ? -1 : 1));
}

export const inSystem = (path: SeenPath['real']): boolean => SYSTEM.some((root) => isInside(root, path));

/** The nearest bound folder around it is read-only too: binding it again would do nothing. */
function coveredAlike(real: string, paths: ReadonlyMap<string, boolean>): boolean {
  for (let folder = dirname(real); folder !== '/'; folder = dirname(folder)) {
    const writable = paths.get(folder);
    if (writable !== undefined) return !writable;
  }
  return false;
}

export interface Guards {
  /** Folders that lead to what is guarded: one of them could be renamed and made anew, but for a mount point cannot be. */
  readonly pinned: readonly string[];
  /** Read-only, though what they are in is not. */
  readonly laterRun: readonly GuardedPath[];
  /** What would be in sight, and must not be. */
  readonly hidden: readonly GuardedPath[];
}

/** What has to be laid over `bound`, in this order. */
export function guardsOf({ hidden, laterRun }: Survey, bound: readonly Bound[]): Guards {
  const inWritable = laterRun.filter(({ path }) => rootOf(path, bound)?.writable === true);
  const inSight = hidden.filter(({ path }) => rootOf(path, bound) !== undefined);
  const pinned = [...inWritable, ...inSight].flatMap(({ path }) => {
    const root = rootOf(path, bound);
    return root?.writable === true ? foldersBetween(root.real, path) : [];
  });
  return {
    // First: what is bound later is not covered by it.
    pinned: [...new Set(pinned)].toSorted(),
    laterRun: inWritable.toSorted((one, other) => (one.path < other.path ? -1 : 1)),
    hidden: inSight,
  };
}

function guardArgs(
  { hidden, laterRun, pinned }: Guards,
  { revealed }: Survey,
  bound: readonly Bound[],
): readonly string[] {
  return [
    ...pinned.flatMap((folder) => ['--bind', folder, folder]),
    ...laterRun.flatMap((entry) => (entry.exists ? ['--ro-bind', entry.path, entry.path] : empty(entry))),
    ...hidden.flatMap((entry) => empty(entry, revealedIn(entry, revealed, bound))),
  ];
}

/** `but` is mounted in it. */
const empty = ({ path, kind }: GuardedPath, but: readonly string[] = []): readonly string[] =>
  kind === 'folder' ? ['--tmpfs', path, ...but, '--remount-ro', path] : ['--ro-bind', '/dev/null', path];

/** Bound once more, for what hides the rest covers it. */
function revealedIn({ path }: GuardedPath, revealed: readonly string[], bound: readonly Bound[]): readonly string[] {
  const writable = (folder: string): boolean => bound.some((one) => one.writable && one.real === folder);
  return revealed
    .filter((folder) => isInside(path, folder))
    .flatMap((folder) => [writable(folder) ? '--bind' : '--ro-bind', folder, folder]);
}

/** The innermost bound path that `path` is in. */
function rootOf(path: string, bound: readonly Bound[]): Bound | undefined {
  return bound.findLast(({ real }) => isInside(real, path));
}

function foldersBetween(root: string, path: string): readonly string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== root && isInside(root, folder); folder = dirname(folder)) {
    folders.unshift(folder);
  }
  return folders;
}
