/**
 * Refuses a release whose tag is not the version of every published package, or whose packages ask for other versions
 * of each other: `node scripts/release-version.ts v1.2.3`.
 */
import { publishedPackages, root, type Package } from './workspace.ts';

/** What does not fit the tag; empty when everything does. */
export function versionProblems(tag: string, packages: readonly Package[]): string[] {
  const version = tag.replace(/^v/, '');
  const names = new Set(packages.map((each) => each.manifest.name));
  return packages.flatMap(({ manifest }) => [
    ...(manifest.version === version ? [] : [`${manifest.name} is ${manifest.version}, the tag says ${version}`]),
    ...Object.entries(manifest.dependencies ?? {})
      .filter(([name, range]) => names.has(name) && range !== version)
      .map(([name, range]) => `${manifest.name} asks for ${name} ${range}, the tag says ${version}`),
  ]);
}

if (import.meta.main) {
  const problems = versionProblems(process.argv[2] ?? '', publishedPackages(root));
  for (const each of problems) process.stderr.write(`${each}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
