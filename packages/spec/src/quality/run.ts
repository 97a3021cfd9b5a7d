/** Runs a check of the project and says how it went. The exit code decides, never a text in the output. */
import { runCommand } from '../commands/run.ts';
import { SpecError } from '../errors.ts';
import { fieldsOf, readJson, textOf } from '../layout/json.ts';
import { commandMs, type Project } from '../workflow/project.ts';
import { type Check, detectProject } from './detect.ts';

export interface CheckResult {
  readonly check: Check;
  readonly kind: string;
  readonly command: string;
  readonly passed: boolean;
  readonly exitCode: number | null;
  /** The end of what it wrote. */
  readonly output: string;
}

const TIMEOUTS_MS: Readonly<Record<Check, number>> = {
  format: 60_000,
  lint: 60_000,
  test: 300_000,
  audit: 60_000,
  outdated: 60_000,
};
const SHOWN_CHARACTERS = 20_000;

/** A SpecError `missing_step` when the project has no such command, `command_failed` when it did not end. */
export async function runCheck(
  project: Project,
  check: Check,
  options: { readonly fix?: boolean; readonly coverage?: boolean },
  signal: AbortSignal,
): Promise<CheckResult> {
  const found = await detectProject(project);
  if (found === undefined) {
    throw new SpecError(
      'missing_step',
      'This is no project of Node, Python, Rust or Go: it has no package.json, pyproject.toml, Cargo.toml or go.mod.',
    );
  }
  const command = found.command(check, { fix: options.fix === true, coverage: options.coverage === true });
  if (command === undefined) {
    throw new SpecError(
      'missing_step',
      `This project has no command to ${check}. Add a script "${check}" to package.json.`,
    );
  }
  const ran = await runCommand(command, {
    cwd: project.workspace.path,
    env: project.env,
    timeoutMs: commandMs(project, TIMEOUTS_MS[check]),
    signal,
  });
  const output = `${ran.stdout}${ran.stderr === '' ? '' : `\n${ran.stderr}`}`.trim();
  // gofmt -l succeeds with the files it would change.
  const listed = command.program === 'gofmt' && options.fix !== true && ran.stdout.trim() !== '';
  return {
    check,
    kind: found.kind,
    command: [command.program, ...command.args].join(' '),
    passed: ran.code === 0 && !listed,
    exitCode: ran.code,
    output: output.length > SHOWN_CHARACTERS ? `…${output.slice(-SHOWN_CHARACTERS)}` : output,
  };
}

export interface Licences {
  readonly passed: boolean;
  readonly packages: readonly { readonly name: string; readonly licence: string; readonly allowed: boolean }[];
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
/** How DinCoder wrote them. */
const SHORT: Readonly<Record<string, string>> = { 'BSD-3': 'BSD-3-Clause', 'BSD-2': 'BSD-2-Clause' };
const MOST_PACKAGES = 5000;

/** SPDX expressions of `OR`, `AND` and parentheses; what cannot be read is not allowed. */
function isAllowedLicence(expression: string, allowed: ReadonlySet<string>): boolean {
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

/** The licences of all packages that package-lock.json names, as their own manifests say. Unknown ones are not allowed. */
export async function checkLicences(project: Project, wanted: readonly string[] = ALLOWED_LICENCES): Promise<Licences> {
  const lock = await readJson(project.workspace, 'package-lock.json');
  if (lock === undefined)
    throw new SpecError('missing_step', 'There is no package-lock.json to read the packages from.');
  const allowed = new Set(wanted.map((name) => SHORT[name] ?? name));
  const packages = Object.entries(fieldsOf(lock['packages']))
    .filter(([path, entry]) => path !== '' && fieldsOf(entry)['link'] !== true)
    .slice(0, MOST_PACKAGES)
    .map(([path, entry]) => {
      const licence = textOf(fieldsOf(entry)['license']) ?? 'UNKNOWN';
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, licence, allowed: isAllowedLicence(licence, allowed) };
    });
  return { passed: packages.every((one) => one.allowed), packages };
}
