/** Whether a path is in a folder, by their texts alone. */
import { isAbsolute, relative, sep } from 'node:path';

/** Both absolute; a folder is in itself. */
export function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
