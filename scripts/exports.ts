/**
 * Prints the names that every package exports, by package and subpath. The committed copy is `test/exports.json`:
 * a change of it is a change of the public face, to be looked at in review. `npm run generate` writes it anew.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryPoints } from './architecture.ts';
import { parseModules } from './source.ts';
import { readPackages, root, type Package } from './workspace.ts';

/** Exported names by package and subpath, as they stand in the sources below `from`. */
export function exportNames(
  from: string,
  packages: readonly Package[],
): Record<string, Record<string, readonly string[]>> {
  const names: Record<string, Record<string, readonly string[]>> = {};
  for (const each of packages) {
    const entries = entryPoints(each);
    const texts = Object.fromEntries(
      Object.values(entries).map((path) => [path, readFileSync(join(from, path), 'utf8')]),
    );
    const modules = new Map(parseModules(texts).map((module) => [module.path, module.exports]));
    names[each.manifest.name] = Object.fromEntries(
      Object.entries(entries).map(([subpath, path]) => [subpath, modules.get(path) ?? []]),
    );
  }
  return names;
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(exportNames(root, readPackages(root)), undefined, 2)}\n`);
