/** Names of the folders a server works in, and the URIs their resources begin with. The first needs no name in them. */
import { basename } from 'node:path';

export interface NamedRoot {
  /** The name of the folder; with a number where several are called so. */
  readonly name: string;
  readonly path: string;
  /** What the URIs of its resources begin with. */
  readonly base: string;
}

export const FIRST_BASE = 'spec://';

export function namedRoots(paths: readonly string[]): readonly NamedRoot[] {
  const taken = new Set<string>();
  return paths.map((path, index) => {
    const plain = basename(path).replaceAll(/[^A-Za-z0-9._-]+/g, '-') || 'root';
    let name = plain;
    for (let number = 2; taken.has(name); number += 1) name = `${plain}-${number}`;
    taken.add(name);
    return { name, path, base: index === 0 ? FIRST_BASE : `spec://roots/${name}/` };
  });
}
