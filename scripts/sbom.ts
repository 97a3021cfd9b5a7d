/**
 * Writes `sbom.json` (CycloneDX, what users get) and checks that it lists exactly the production set of the lock file:
 * a component too many or too few is an error. `npm sbom --omit dev` is not used: it drops what a workspace ships
 * when the root uses the same package in development (npm/cli issue 7909), so the whole bill is taken and what npm
 * marks as development is left out here.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLock, type Locked } from './lockfile.ts';
import { capture, outputOf, type Capture } from './run.ts';
import { readManifest, readPackages, root } from './workspace.ts';

interface Component {
  readonly 'bom-ref'?: string;
  readonly purl?: string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

interface Bom {
  readonly bomFormat?: string;
  readonly metadata?: { readonly component?: Component };
  readonly components?: readonly Component[];
  readonly dependencies?: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

/** The bill without what npm marks as development, and without references to it. */
export function shippedPart(bom: Bom): Bom {
  const isDevelopment = ({ properties }: Component): boolean =>
    properties?.some((each) => each.name === 'cdx:npm:package:development' && each.value === 'true') ?? false;
  const components = (bom.components ?? []).filter((each) => !isDevelopment(each));
  const kept = new Set([bom.metadata?.component, ...components].map((each) => each?.['bom-ref']));
  const dependencies = (bom.dependencies ?? [])
    .filter((each) => kept.has(each.ref))
    .map((each) => ({ ...each, dependsOn: (each.dependsOn ?? []).filter((ref) => kept.has(ref)) }));
  return { ...bom, components, dependencies };
}

/** `name@version` of a package URL of npm; undefined for another kind. */
export function fromPurl(purl: string): string | undefined {
  const found = /^pkg:npm\/((?:%40|@)?[^@?#]+)@([^?#]+)/.exec(purl);
  return found === null ? undefined : decodeURIComponent(`${found[1] ?? ''}@${found[2] ?? ''}`);
}

/** What differs between the components of a bill and the locked packages that are shipped. */
export function compare(bom: Bom, locked: readonly Locked[], own: ReadonlySet<string>): string[] {
  if (bom.bomFormat !== 'CycloneDX') return ['the bill is not CycloneDX'];
  const listed = new Set(
    (bom.components ?? []).map((each) => fromPurl(each.purl ?? '') ?? 'a component without a purl'),
  );
  const shipped = new Set(locked.filter((each) => !each.dev).map((each) => `${each.name}@${each.version}`));
  return [
    ...[...shipped].filter((each) => !listed.has(each)).map((each) => `missing in the bill: ${each}`),
    ...[...listed]
      .filter((each) => !shipped.has(each) && !own.has(each))
      .map((each) => `in the bill, not in the lock file's production set: ${each}`),
  ].toSorted();
}

/** Writes and checks the bill of the repository `from`; answers the exit code. */
export function main(from: string, run: Capture, write: (line: string) => void): number {
  const whole = outputOf(run, ['npm', 'sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], from);
  const bom = shippedPart(JSON.parse(whole) as Bom);
  const workspaces = [readManifest(join(from, 'package.json')), ...readPackages(from).map((each) => each.manifest)];
  const bench = readManifest(join(from, 'bench/package.json'));
  const own = new Set([...workspaces, bench].map((each) => `${each.name}@${each.version}`));
  const locked = readLock(join(from, 'package-lock.json'));
  const differences = compare(bom, locked, own);
  for (const each of differences) write(each);
  if (differences.length > 0) return 1;
  writeFileSync(join(from, 'sbom.json'), `${JSON.stringify(bom, undefined, 2)}\n`);
  const shipped = locked.filter((each) => !each.dev).length;
  write(
    `sbom.json: ${String(bom.components?.length ?? 0)} components, the ${String(shipped)} shipped packages among them`,
  );
  return 0;
}

if (import.meta.main) process.exitCode = main(root, capture, (line) => void process.stdout.write(`${line}\n`));
