/**
 * Files that others put there for us: configurations, which start commands, and mounted secrets. The question is who,
 * other than root and us, could have written them. Links are followed, nothing is repaired, nothing is parsed.
 *
 * It looks at owners and mode bits, not at access lists. An owner without the write bit counts as one who cannot write,
 * since mounts of containers show foreign owners and 0444; that owner could take the right back. On Windows there are
 * no mode bits: the checks pass there.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { realpath } from 'node:fs/promises';
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

interface Walked {
  readonly file: Step;
  readonly way: readonly Step[];
}

/** Every directory and link that decides which file `path` is, in order, and last the file itself. */
function walk(path: string): Walked {
  const absolute = resolve(path);
  let current = parse(absolute).root;
  let step: Step = { path: current, stats: lstatSync(current) };
  const way: Step[] = [];
  const segments = absolute.slice(current.length).split(sep);
  for (let links = 0; segments.length > 0;) {
    const segment = segments.shift() ?? '';
    if (segment === '' || segment === '.') continue;
    way.push(step);
    current = segment === '..' ? dirname(current) : join(current, segment);
    step = { path: current, stats: lstatSync(current) };
    if (!step.stats.isSymbolicLink()) continue;
    links += 1;
    if (links > MAX_LINKS)
      throw new FileRefusedError('symbolic_link', path, `${path} passes through too many symbolic links.`);
    way.push(step);
    const target = readlinkSync(current);
    current = isAbsolute(target) ? parse(target).root : dirname(current);
    step = { path: current, stats: lstatSync(current) };
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
  return await readFileBounded(secretAt(path), MAX_SECRET_BYTES);
}

/** The same for whoever cannot wait, of at most `maxBytes`: lists of revoked certificates may be large. */
export function readSecretFileSync(path: string, maxBytes: number): Buffer {
  return readBoundedSync(secretAt(path), maxBytes);
}

/** Where the file really is. Throws when others may write it, or put another one in its place. */
function secretAt(path: string): string {
  if (process.platform === 'win32') return path;
  const { file, way } = walk(path);
  const who = writers(file, GROUP_WRITE | OTHER_WRITE);
  if (who !== undefined) refuseWritable(path, file, who);
  requireSafeWay(path, file, way, GROUP_WRITE | OTHER_WRITE);
  return file.path;
}

function readBoundedSync(path: string, maxBytes: number): Buffer {
  // A pipe without a writer would hold the process up for ever.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new FileRefusedError('wrong_type', path, `${path} is not a regular file.`);
    // One byte more than it says: what grows while it is read is noticed.
    const bytes = Buffer.alloc(Math.min(stats.size, maxBytes) + 1);
    let total = 0;
    for (let read = -1; read !== 0 && total < bytes.length; total += read)
      read = readSync(descriptor, bytes.subarray(total));
    if (total < bytes.length) return bytes.subarray(0, total);
    throw new FileRefusedError('too_large', path, `${path} is larger than ${maxBytes} bytes, or grows.`);
  } finally {
    closeSync(descriptor);
  }
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
  const { file, way } = walk(path);
  if (!file.stats.isFile()) throw new FileRefusedError('wrong_type', path, `${path} is not a regular file.`);
  const who = writers(file, GROUP_WRITE | OTHER_WRITE);
  if (who !== undefined) refuseWritable(path, file, who);
  const directory = way.at(-1);
  if (directory !== undefined && (directory.stats.mode & OTHER_WRITE) !== 0)
    refuseWritable(path, directory, 'everyone');
  requireSafeWay(path, file, way, OTHER_WRITE);
  return { realPath: file.path, readableByOthers: (file.stats.mode & 0o044) !== 0 };
}
