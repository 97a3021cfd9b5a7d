/**
 * Packs every published package into a folder, as `npm publish` would: `node scripts/pack.ts FOLDER`. Needs a build.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { capture, outputOf, type Capture } from './run.ts';
import { publishedPackages, root } from './workspace.ts';

/** File name of the tarball by package name. `to` is absolute and exists. */
export function packAll(from: string, to: string, run: Capture): Record<string, string> {
  const named = publishedPackages(from).map(({ folder, manifest }) => {
    const said = outputOf(run, ['npm', 'pack', '--ignore-scripts', '--pack-destination', to], join(from, folder));
    return [manifest.name, said.trim().split('\n').at(-1) ?? ''] as const;
  });
  return Object.fromEntries(named);
}

if (import.meta.main) {
  const to = process.argv[2];
  if (to === undefined) throw new Error('usage: node scripts/pack.ts FOLDER');
  mkdirSync(resolve(to), { recursive: true });
  for (const [name, file] of Object.entries(packAll(root, resolve(to), capture)))
    process.stdout.write(`${name}: ${file}\n`);
}
