/**
 * Folders of the system that are never a workspace. A folder that holds system folders (`/`, `/var`, `/tmp`) is none either,
 * though one below `/var` or `/tmp` may be, when the operator names it. Compares real paths only.
 */
import { posix, win32 } from 'node:path';

/** Nothing in them is ever a workspace. */
const CLOSED_POSIX = [
  '/etc',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/boot',
  '/dev',
  '/proc',
  '/sys',
  '/System',
  '/Library',
  '/private/etc',
];
/** They and what they lie in are none; a folder below may be. */
const SHARED_POSIX = ['/var', '/tmp', '/run', '/private/var', '/private/tmp', '/home', '/Users', '/opt', '/root'];
const CLOSED_WINDOWS = ['C:\\Windows', 'C:\\Program Files', 'C:\\Program Files (x86)', 'C:\\ProgramData'];
const SHARED_WINDOWS = ['C:\\Users'];

/** Why `path`, a real absolute path, must not be a workspace; undefined when it may. */
export function restrictedReason(path: string, platform: NodeJS.Platform): string | undefined {
  const windows = platform === 'win32';
  const paths = windows ? win32 : posix;
  const isWithin = (folder: string, inner: string): boolean => {
    const way = paths.relative(folder, inner);
    return way === '' || (way !== '..' && !way.startsWith(`..${paths.sep}`) && !paths.isAbsolute(way));
  };
  const closed = windows ? CLOSED_WINDOWS : CLOSED_POSIX;
  const around = [...closed, ...(windows ? SHARED_WINDOWS : SHARED_POSIX)];
  const inside = closed.find((folder) => isWithin(folder, path));
  if (inside !== undefined) return `it lies in ${inside}, a folder of the system`;
  const holds = around.find((folder) => isWithin(path, folder));
  return holds === undefined ? undefined : `it is or holds ${holds}, a folder of the system`;
}
