/**
 * What a published package would put into its tarball, and whether that is what it should. Packs nothing.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { absoluteSources } from './leaks.ts';
import { outputOf, type Capture } from './run.ts';
import type { Manifest, Package } from './workspace.ts';

/** Paths in the tarball of the package in `folder` (absolute), as npm would pack it now. */
export function tarballFiles(folder: string, run: Capture): string[] {
  const listed: unknown = JSON.parse(outputOf(run, ['npm', 'pack', '--dry-run', '--json', '--ignore-scripts'], folder));
  const packed = Array.isArray(listed) ? listed : Object.values(listed as object);
  const [first] = packed as readonly { readonly files?: readonly { readonly path: string }[] }[];
  return (first?.files ?? []).map((each) => each.path).toSorted();
}

/** Everything that a tarball may hold; sources, tests and build notes are not among it. */
const wanted = [
  /^package\.json$/,
  /^README\.md$/,
  /^LICENSE$/,
  /^dist\/.+\.(?:js|d\.ts|map|wasm)$/,
  /^(?:bin)\/[^/]+\.js$/,
];
const unwanted = [/\.test\.(?:js|d\.ts)(?:\.map)?$/, /\.tsbuildinfo$/];
const required = ['package.json', 'README.md', 'LICENSE'];
const lifecycle = ['preinstall', 'install', 'postinstall', 'prepare'];

/** What is wrong with the tarball that holds `files`, whose contents are below `folder`. */
export function tarballProblems(folder: string, manifest: Manifest, files: readonly string[]): string[] {
  const programs = Object.values(manifest.bin ?? {}).map((each) => each.replace(/^\.\//, ''));
  const maps = files.filter((each) => each.endsWith('.map'));
  return [
    ...files
      .filter((each) => !wanted.some((shape) => shape.test(each)) || unwanted.some((shape) => shape.test(each)))
      .map((each) => `${each} has no place in a tarball`),
    ...[...required, ...programs, ...exported(manifest)]
      .filter((each) => !files.includes(each))
      .map((each) => `${each} is missing: write it, or build first`),
    ...maps.flatMap((each) =>
      absoluteSources(readFileSync(join(folder, each), 'utf8')).map((source) => `${each} names ${source}`),
    ),
    ...lifecycle
      .filter((each) => manifest.scripts?.[each] !== undefined)
      .map((each) => `has the install script ${each}`),
  ];
}

function exported({ exports }: Manifest): string[] {
  return Object.values(exports ?? {})
    .flatMap((target) => (typeof target === 'object' && target !== null ? Object.values(target) : [target]))
    .filter((target): target is string => typeof target === 'string')
    .map((target) => target.replace(/^\.\//, ''));
}

/** Path and text of every file that `each` would publish. */
export function tarballTexts(from: string, each: Package, files: readonly string[]): { path: string; text: string }[] {
  return files.map((path) => ({
    path: `${each.folder}/${path}`,
    text: readFileSync(join(from, each.folder, path), 'utf8'),
  }));
}
