/**
 * Files that others put there for us: configurations, which start commands, and mounted secrets. The question is who,
 * other than root and us, could have written them. Links are followed, nothing is repaired, nothing is parsed.
 *
 * It looks at owners and mode bits, not at access lists. An owner without the write bit counts as one who cannot write,
 * since mounts of containers show foreign owners and 0444; that owner could take the right back. On Windows there are
 * no mode bits: the checks pass there.
 */
import type { Stats } from 'node:fs';
import { lstat, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, parse, resolve, sep } from 'node:path';
import { FileRefusedError, readFileBounded } from './files.ts';

const STICKY = 0o1000;
const OWNER_WRITE = 0o200;
const GROUP_WRITE = 0o020;
const OTHER_WRITE = 0o002;
/** As many links in one path as Linux follows. */
const MAX_LINKS = 40;

const octal = (mode: number): string => `0${(mode & 0o7777).toString(8)}`;

interface Step {
  readonly path: string;
  readonly stats: Stats;
}

/** Every directory and link that decides which file `path` is, in order, and last the file itself. */
async function walk(path: string): Promise<{ readonly file: Step; readonly way: readonly Step[] }> {
  const absolute = resolve(path);
  let current = parse(absolute).root;
  let step: Step = { path: current, stats: await lstat(current) };
  const way: Step[] = [];
  const segments = absolute.slice(current.length).split(sep);
  for (let links = 0; segments.length > 0;) {
    const segment = segments.shift() ?? '';
    if (segment === '' || segment === '.') continue;
    way.push(step);
    current = segment === '..' ? dirname(current) : join(current, segment);
    step = { path: current, stats: await lstat(current) };
    if (!step.stats.isSymbolicLink()) continue;
    links += 1;
    if (links > MAX_LINKS)
      throw new FileRefusedError('symbolic_link', path, `${path} passes through too many symbolic links.`);
    way.push(step);
    const target = await readlink(current);
    current = isAbsolute(target) ? parse(target).root : dirname(current);
    step = { path: current, stats: await lstat(current) };
    segments.unshift(...target.split(sep));
  }
  return { file: step, way };
}

const isOursOrRoots = (stats: Stats): boolean => stats.uid === 0 || stats.uid === process.geteuid?.();

/** Who, other than root and us, may write by the mode bits `bits`; an owner without the write bit does not count. */
function writers({ stats }: Step, bits: number): string | undefined {
  if (!isOursOrRoots(stats) && (stats.mode & OWNER_WRITE) !== 0) return `its owner, uid ${stats.uid}`;
  if ((stats.mode & bits & OTHER_WRITE) !== 0) return 'everyone';
  if ((stats.mode & bits & GROUP_WRITE) !== 0) return `group ${stats.gid}`;
  return undefined;
}

function refuse(path: string, step: Step, problem: string, advice: string): never {
  const where = step.path === path ? '' : `, on the way to ${path},`;
  throw new FileRefusedError(
    'writable_by_others',
    step.path,
    `${step.path}${where} ${problem} (mode ${octal(step.stats.mode)}); ${advice}, or move the file to a directory of your own.`,
  );
}

function refuseWritable(path: string, step: Step, who: string): never {
  const advice = who.startsWith('its owner')
    ? `make it read-only for its owner (chmod a-w '${step.path}') or change the owner`
    : `take that right away (chmod go-w '${step.path}')`;
  refuse(path, step, `may be changed by ${who}`, advice);
}

/**
 * Refuses the way to a file when others could put another file in its place. In a directory with the sticky bit (as
 * /tmp, and the mount of a Kubernetes secret) others cannot replace what belongs to root or us.
 */
function requireSafeWay(path: string, file: Step, way: readonly Step[], directoryBits: number): void {
  for (const [index, step] of way.entries()) {
    if (step.stats.isSymbolicLink()) continue;
    const sticky = (step.stats.mode & STICKY) !== 0;
    const who = writers(step, sticky ? 0 : directoryBits);
    if (who !== undefined) refuseWritable(path, step, who);
    const next = way[index + 1] ?? file;
    if (sticky && (step.stats.mode & directoryBits) !== 0 && !isOursOrRoots(next.stats)) {
      const problem = `belongs to uid ${next.stats.uid}, who may replace it in a directory open to others`;
      refuse(path, next, problem, 'change its owner');
    }
  }
}

/** A secret of at most this size: keys and certificate chains are far smaller. */
const MAX_SECRET_BYTES = 262_144;

/**
 * The content of a secret that somebody mounted for us (`*_FILE`, TLS keys): links, mode 0444 and another owner are
 * fine, as long as nobody but root and us may write the file or any directory or link on the way to it.
 */
export async function readSecretFile(path: string): Promise<Buffer> {
  if (process.platform === 'win32') return await readFileBounded(path, MAX_SECRET_BYTES);
  const { file, way } = await walk(path);
  const who = writers(file, GROUP_WRITE | OTHER_WRITE);
  if (who !== undefined) refuseWritable(path, file, who);
  requireSafeWay(path, file, way, GROUP_WRITE | OTHER_WRITE);
  return await readFileBounded(file.path, MAX_SECRET_BYTES);
}

/** What `checkTrustedFile` found out about a file that may be used. */
export interface TrustedFile {
  /** Where the file really is, links resolved. Read this path. */
  readonly realPath: string;
  /** Somebody else on this machine may read it: a literal secret in it is worth a warning. */
  readonly readableByOthers: boolean;
}

/**
 * Whether a configuration may be trusted to start commands. Refused: a file that its group, everyone, or an owner who
 * is neither root nor us may write to; a world-writable directory directly above it, sticky or not; any directory on
 * the way that others may replace it through. A directory shared with a group is that group's own decision.
 */
export async function checkTrustedFile(path: string): Promise<TrustedFile> {
  if (process.platform === 'win32') return { realPath: await realpath(path), readableByOthers: false };
  const { file, way } = await walk(path);
  if (!file.stats.isFile()) throw new FileRefusedError('wrong_type', path, `${path} is not a regular file.`);
  const who = writers(file, GROUP_WRITE | OTHER_WRITE);
  if (who !== undefined) refuseWritable(path, file, who);
  const directory = way.at(-1);
  if (directory !== undefined && (directory.stats.mode & OTHER_WRITE) !== 0)
    refuseWritable(path, directory, 'everyone');
  requireSafeWay(path, file, way, OTHER_WRITE);
  return { realPath: file.path, readableByOthers: (file.stats.mode & 0o044) !== 0 };
}
