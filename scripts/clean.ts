/**
 * Removes what a build and the checks leave behind. Dependencies stay.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readPackages, root } from './workspace.ts';

const leftovers = [
  'coverage',
  'sbom.json',
  'node_modules/.cache',
  ...readPackages(root).map((each) => `${each.folder}/dist`),
];
for (const path of leftovers) rmSync(join(root, path), { recursive: true, force: true });
