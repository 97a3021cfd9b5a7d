/**
 * Refuses dependencies whose licence is not on the list: production and development, also those that this machine
 * does not install (other platforms). The licence is read from the lock file and from the installed package.json;
 * both have to be fine. No legal advice: it sees what packages declare, not what their files hold.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLock, type Locked } from './lockfile.ts';
import { root } from './workspace.ts';

/** Licences that ask for no more than attribution. */
const allowed: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/** A dependency that is accepted although its declared licence is not on the list. */
export interface Exception {
  readonly name: RegExp;
  readonly licence: string;
  /** Only while it is not shipped to users. */
  readonly devOnly: boolean;
  readonly reason: string;
}

export const exceptions: readonly Exception[] = [
  {
    name: /^lightningcss(-[a-z0-9-]+)?$/,
    licence: 'MPL-2.0',
    devOnly: true,
    reason: 'comes with the test runner, unmodified, never shipped',
  },
  {
    name: /^@modelcontextprotocol\/server-(everything|filesystem|memory|sequential-thinking)$/,
    licence: 'SEE LICENSE IN LICENSE',
    devOnly: true,
    reason: 'its README says MIT, the LICENSE file it names is not in the package; a peer in tests and the quick start',
  },
];

/** The outcome for one dependency that is not plainly allowed. */
export interface Finding {
  readonly package: string;
  readonly licence: string;
  /** Why it is accepted; undefined when it is refused. */
  readonly reason: string | undefined;
}

/** True when an SPDX expression can be met with the list: all sides of AND, one side of OR. */
export function isAllowed(expression: string): boolean {
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? [];
  const state = { wellFormed: true };
  const either = (): boolean => {
    let met = both();
    while (tokens[0] === 'OR') {
      tokens.shift();
      met = both() || met;
    }
    return met;
  };
  const both = (): boolean => {
    let met = one();
    while (tokens[0] === 'AND') {
      tokens.shift();
      met = one() && met;
    }
    return met;
  };
  const one = (): boolean => {
    const token = tokens.shift();
    if (token === undefined) state.wellFormed = false;
    if (token !== '(') return token !== undefined && allowed.has(token);
    const met = either();
    if (tokens.shift() !== ')') state.wellFormed = false;
    return met;
  };
  return either() && tokens.length === 0 && state.wellFormed;
}

/** Declared licence in a package.json, in its present and its older forms. */
export function declaredLicence(manifest: { license?: unknown; licenses?: unknown }): string | undefined {
  const { license, licenses } = manifest;
  const typed = (value: unknown): string | undefined => {
    if (typeof value === 'string') return value;
    const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
    return typeof type === 'string' ? type : undefined;
  };
  if (license !== undefined) return typed(license);
  if (!Array.isArray(licenses) || licenses.length === 0) return undefined;
  return `(${licenses.map((each) => typed(each) ?? 'unknown').join(' OR ')})`;
}

/** Judges every locked package; `installed` answers the licence in its package.json, undefined if it is not there. */
export function judge(
  locked: readonly Locked[],
  installed: (each: Locked) => { readonly licence: string | undefined } | undefined,
  accepted: readonly Exception[],
): Finding[] {
  return locked.flatMap((each) => {
    const here = installed(each);
    if (here === undefined && !each.optional) {
      return [{ package: `${each.name}@${each.version}`, licence: 'not installed: run npm ci', reason: undefined }];
    }
    const said =
      here === undefined ? [each.licence] : [here.licence, ...(each.licence === undefined ? [] : [each.licence])];
    const refused = [...new Set(said)].filter((licence) => licence === undefined || !isAllowed(licence));
    return refused.map((licence) => ({
      package: `${each.name}@${each.version}`,
      licence: licence ?? 'none declared',
      reason: accepted.find((rule) => covers(rule, each, licence))?.reason,
    }));
  });
}

function covers(rule: Exception, each: Locked, licence: string | undefined): boolean {
  return rule.name.test(each.name) && rule.licence === licence && (each.dev || !rule.devOnly);
}

function installedIn(from: string): (each: Locked) => { licence: string | undefined } | undefined {
  return ({ path }) => {
    const file = join(from, path, 'package.json');
    if (!existsSync(file)) return undefined;
    return { licence: declaredLicence(JSON.parse(readFileSync(file, 'utf8')) as { license?: unknown }) };
  };
}

/** Prints the outcome for the repository `from`; answers the exit code. */
export function main(from: string, write: (line: string) => void): number {
  const locked = readLock(join(from, 'package-lock.json'));
  const findings = judge(locked, installedIn(from), exceptions);
  const refused = findings.filter((each) => each.reason === undefined);
  for (const each of findings) {
    write(`${each.reason === undefined ? 'REFUSED' : 'exception'}: ${each.package}: ${each.licence}${because(each)}`);
  }
  const shipped = locked.filter((each) => !each.dev).length;
  write(`licences: ${String(locked.length)} packages (${String(shipped)} shipped), ${String(refused.length)} refused`);
  if (refused.length > 0) write('A licence that may stay needs an entry with a reason in scripts/licences.ts.');
  return refused.length === 0 ? 0 : 1;
}

function because({ reason }: Finding): string {
  return reason === undefined ? '' : ` (${reason})`;
}

if (import.meta.main) process.exitCode = main(root, (line) => void process.stdout.write(`${line}\n`));
