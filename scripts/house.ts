/**
 * Gathers what the architecture rules look at from the working tree: all TypeScript sources and all packages.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { House } from './architecture.ts';
import type { Capture } from './run.ts';
import { parseModules } from './source.ts';
import { readManifest, readWorkspaces, repositoryFiles } from './workspace.ts';

export function readHouse(from: string, run: Capture): House {
  const sources = repositoryFiles(from, run).filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.d.ts'));
  return {
    modules: parseModules(Object.fromEntries(sources.map((path) => [path, readFileSync(join(from, path), 'utf8')]))),
    packages: readWorkspaces(from),
    testDependencies: Object.keys(readManifest(join(from, 'package.json')).devDependencies ?? {}),
  };
}
