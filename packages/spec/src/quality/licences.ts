/**
 * The licences of a project's packages: those of Node out of package-lock.json or the packages themselves, others by the tool of
 * their kind. What is not known, or cannot be read, is not allowed.
 */
import { SpecError } from '../errors.ts';
import { fieldsOf, readJson, textOf } from '../layout/json.ts';
import type { Project } from '../workflow/project.ts';
import { knownKind, noCommand, type Running, runTelling } from './run.ts';

export interface Package {
  readonly name: string;
  /** `UNKNOWN` where nothing is said. */
  readonly licence: string;
}

export interface Licences {
  readonly passed: boolean;
  readonly packages: readonly (Package & { readonly allowed: boolean })[];
}

export const ALLOWED_LICENCES: readonly string[] = [
  'MIT',
  'Apache-2.0',
  'BSD-3-Clause',
  'BSD-2-Clause',
  'ISC',
  '0BSD',
  'Unlicense',
  'CC0-1.0',
];
/** How DinCoder wrote them, and Python's packages. */
const SPDX: Readonly<Record<string, string>> = {
  'BSD-3': 'BSD-3-Clause',
  'BSD-2': 'BSD-2-Clause',
  'MIT License': 'MIT',
  'Apache Software License': 'Apache-2.0',
  'Apache License 2.0': 'Apache-2.0',
  'ISC License (ISCL)': 'ISC',
};
const MOST_PACKAGES = 5000;
const UNKNOWN = 'UNKNOWN';

/** SPDX expressions of `OR`, `AND` and parentheses; what cannot be read is not allowed. */
function isAllowedExpression(expression: string, allowed: ReadonlySet<string>): boolean {
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const term = (): boolean => {
    const token = tokens[at];
    at += 1;
    if (token !== '(') return token !== undefined && allowed.has(token);
    const inner = either();
    at += 1;
    return inner;
  };
  const both = (): boolean => {
    let result = term();
    while (tokens[at]?.toUpperCase() === 'AND') {
      at += 1;
      result = term() && result;
    }
    return result;
  };
  const either = (): boolean => {
    let result = both();
    while (tokens[at]?.toUpperCase() === 'OR') {
      at += 1;
      result = both() || result;
    }
    return result;
  };
  const result = either();
  return result && at === tokens.length;
}

/** Longest expression that is read: the depth of its parentheses is that of the reader. */
const MOST_CHARACTERS = 1000;

/** Several parted by `;` hold together; a slash is how crates once wrote OR. */
const isAllowed = (licence: string, allowed: ReadonlySet<string>): boolean =>
  allowed.has(SPDX[licence] ?? licence) ||
  (licence.length <= MOST_CHARACTERS &&
    licence
      .split(';')
      .map((part) => part.trim())
      .every((part) => isAllowedExpression((SPDX[part] ?? part).replaceAll('/', ' OR '), allowed)));

/** Of a manifest, also in the forms of old. */
function licenceOf(manifest: unknown): string {
  const { license, licenses } = fieldsOf(manifest);
  const first: unknown = Array.isArray(licenses) ? licenses[0] : license;
  return textOf(first) ?? textOf(fieldsOf(first)['type']) ?? UNKNOWN;
}

function lockedPackages(lock: Readonly<Record<string, unknown>>): Package[] {
  return Object.entries(fieldsOf(lock['packages']))
    .filter(([path, entry]) => path !== '' && fieldsOf(entry)['link'] !== true)
    .slice(0, MOST_PACKAGES)
    .map(([path, entry]) => ({
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      licence: licenceOf(entry),
    }));
}

/** What is installed at the top of node_modules, for locks that tell no licences. */
async function installedPackages({ workspace }: Project): Promise<Package[]> {
  const folders: string[] = [];
  for (const { name } of await workspace.list('node_modules')) {
    if (name.startsWith('.')) continue;
    if (!name.startsWith('@')) folders.push(name);
    else for (const inner of await workspace.list(`node_modules/${name}`)) folders.push(`${name}/${inner.name}`);
  }
  const packages: Package[] = [];
  for (const name of folders.slice(0, MOST_PACKAGES)) {
    const manifest = await readJson(workspace, `node_modules/${name}/package.json`).catch(() => undefined);
    packages.push({ name, licence: licenceOf(manifest) });
  }
  return packages;
}

async function nodePackages(project: Project): Promise<readonly Package[]> {
  const lock = await readJson(project.workspace, 'package-lock.json');
  const packages = lock === undefined ? await installedPackages(project) : lockedPackages(lock);
  if (packages.length > 0 || lock !== undefined) return packages;
  throw new SpecError(
    'missing_step',
    'There is neither a package-lock.json nor a package in node_modules to read licences from. Install them first.',
  );
}

/** The lists of pip-licenses and cargo-license in JSON, that of go-licenses as rows `name,address,licence`. */
function listedPackages(output: string): Package[] {
  if (!output.trimStart().startsWith('[')) {
    return output
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => line.trim().split(','))
      .map(([name = '', , licence = UNKNOWN]) => ({ name, licence: licence === 'Unknown' ? UNKNOWN : licence }));
  }
  const rows: unknown = JSON.parse(output);
  return (Array.isArray(rows) ? rows : []).map(fieldsOf).map((row) => ({
    name: textOf(row['Name']) ?? textOf(row['name']) ?? UNKNOWN,
    licence: textOf(row['License']) ?? textOf(row['license']) ?? UNKNOWN,
  }));
}

async function packagesOf(project: Project, running: Running): Promise<readonly Package[]> {
  const found = await knownKind(project);
  if (found.kind === 'node') return await nodePackages(project);
  const wishes = { fix: false, coverage: false };
  const command = found.command('licences', wishes);
  if (command === undefined) throw noCommand(found, 'licences', wishes);
  const { code, stdout, stderr } = await runTelling(project, command, running);
  const failed = (why: string): SpecError =>
    new SpecError('command_failed', `${command.program} ${why}: ${stderr.trim().slice(-300)}`);
  if (code !== 0) throw failed(`ended with ${code ?? 'a signal'}`);
  try {
    return listedPackages(stdout).slice(0, MOST_PACKAGES);
  } catch {
    throw failed('wrote no list that can be read');
  }
}

/** A SpecError `missing_step` where there is nothing to read them from. */
export async function checkLicences(
  project: Project,
  running: Running,
  wanted: readonly string[] = ALLOWED_LICENCES,
): Promise<Licences> {
  const allowed = new Set(wanted.map((name) => SPDX[name] ?? name));
  const packages = (await packagesOf(project, running)).map((one) => ({
    ...one,
    allowed: isAllowed(one.licence, allowed),
  }));
  return { passed: packages.every((one) => one.allowed), packages };
}
