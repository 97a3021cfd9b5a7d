/**
 * Takes protections out, one at a time, and sees whether the tests notice: `npm run test:removals [WORD…]` tries those that
 * are listed in removals/, or the ones that name all words. It works in copies of the repository, two at a time, and leaves this one
 * as it is. Ends with 1 when a removal survives, or cannot be tried any more.
 */
import { execFile } from 'node:child_process';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { AROUND } from './removals/around.ts';
import { CONTENT } from './removals/content.ts';
import { LISTENER } from './removals/listener.ts';
import { LOGINS } from './removals/logins.ts';
import { PEOPLE } from './removals/people.ts';
import type { Removal } from './removals/removal.ts';
import { RIGHTS } from './removals/rights.ts';
import { SERVING } from './removals/serving.ts';
import { WHO } from './removals/who.ts';
import { root } from './workspace.ts';

const COPIES = 2;
/** Of one run of vitest; those that fail are no slower than those that pass. */
const TIMEOUT_MS = 180_000;
const TEMPORARY = 'removals-tmp';
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', '.git']);

/** One is listed for each kind of protection. */
export const REMOVALS: readonly Removal[] = [
  ...WHO,
  ...LISTENER,
  ...PEOPLE,
  ...RIGHTS,
  ...LOGINS,
  ...CONTENT,
  ...SERVING,
  ...AROUND,
];

/** Runs vitest on files of tests in a copy. */
type Run = (copy: string, tests: readonly string[]) => Promise<Outcome>;

/** `failed`: at least one test ran and failed. `broken`: something else went wrong, which shows nothing. */
type Outcome = 'passed' | 'failed' | { readonly broken: string };

/** The file without the protection. Undefined: the text does not stand there once. */
export function without(text: string, { find, replace }: Pick<Removal, 'find' | 'replace'>): string | undefined {
  const parts = text.split(find);
  return parts.length === 2 ? parts.join(replace) : undefined;
}

/** What a report of vitest says (its JSON reporter). */
export function outcomeOf(report: unknown): Outcome {
  const { numFailedTests, numPassedTests, success } = (report ?? {}) as Record<string, unknown>;
  if (typeof numFailedTests === 'number' && numFailedTests > 0) return 'failed';
  if (success === true && typeof numPassedTests === 'number' && numPassedTests > 0) return 'passed';
  return { broken: 'no test failed, and the run did not pass' };
}

function copyOf(from: string): string {
  const to = mkdtempSync(join(tmpdir(), 'sallyport-removals-'));
  mkdirSync(join(to, TEMPORARY));
  // Times are kept, so that what is built stays built.
  cpSync(from, to, { recursive: true, preserveTimestamps: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
  for (const folder of ['', ...readdirSync(join(from, 'packages')).map((name) => `packages/${name}`)]) {
    linkModules(join(from, folder, 'node_modules'), join(to, folder, 'node_modules'), { from, to });
  }
  return to;
}

interface Trees {
  readonly from: string;
  readonly to: string;
}

/** What is installed is used where it is; packages of this repository are those of the copy. */
function linkModules(installed: string, linked: string, trees: Trees): void {
  const names = lstatSync(installed, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(installed);
  for (const name of names.filter((each) => !each.startsWith('.') || each === '.bin')) {
    mkdirSync(linked, { recursive: true });
    const entry = join(installed, name);
    const isOurs = name.startsWith('@') && readdirSync(entry).some((each) => isWorkspace(join(entry, each), trees));
    if (isOurs) linkModules(entry, join(linked, name), trees);
    else symlinkSync(isWorkspace(entry, trees) ? inCopy(entry, trees) : entry, join(linked, name));
  }
}

function isWorkspace(entry: string, { from }: Trees): boolean {
  const path = relative(from, realpathSync(entry));
  return !path.startsWith('..') && !path.split('/').includes('node_modules');
}

function inCopy(entry: string, { from, to }: Trees): string {
  return join(to, relative(from, realpathSync(entry)));
}

function command(program: string, args: readonly string[], cwd: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  // What tests that are cut short leave behind goes with the copy.
  const env = { ...process.env, TMPDIR: join(cwd, TEMPORARY) };
  const options = { cwd, env, timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: Infinity } as const;
  execFile(program, [...args], options, (error, stdout) => resolve(error?.killed === true ? undefined : stdout));
  return promise;
}

const runTests: Run = async (copy, tests) => {
  const bin = join(copy, 'node_modules', '.bin');
  const isUnit = tests.every((path) => path.startsWith('packages/'));
  // Other tests run what is built. What a removal leaves unused is an error to the compiler, which writes all the same.
  if (!isUnit) await command(join(bin, 'tsc'), ['-b', 'packages/gateway'], copy);
  const report = join(copy, 'removal-report.json');
  rmSync(report, { force: true });
  const args = [
    'run',
    '--project',
    isUnit ? 'unit' : 'e2e',
    '--bail',
    '1',
    '--reporter',
    'json',
    '--outputFile',
    report,
    ...tests,
  ];
  if ((await command(join(bin, 'vitest'), args, copy)) === undefined) return { broken: 'the tests did not end' };
  try {
    return outcomeOf(JSON.parse(readFileSync(report, 'utf8')));
  } catch (error) {
    return { broken: String(error) };
  }
};

/** Undefined: the tests noticed. */
async function problemOf(copy: string, removal: Removal, run: Run): Promise<string | undefined> {
  const path = join(copy, removal.file);
  const before = readFileSync(path, 'utf8');
  const after = without(before, removal);
  if (after === undefined) return `the text does not stand once in ${removal.file}: list it as it is now`;
  writeFileSync(path, after);
  try {
    const outcome = await run(copy, [removal.tests]);
    if (outcome === 'failed') return undefined;
    return outcome === 'passed' ? `SURVIVED: ${removal.tests} passes without it` : outcome.broken;
  } finally {
    writeFileSync(path, before);
  }
}

/** Undefined: all tests that are used pass as long as nothing is removed. */
async function problemAtFirst(copy: string, removals: readonly Removal[], run: Run): Promise<string | undefined> {
  const files = [...new Set(removals.map(({ tests }) => tests))];
  for (const part of [
    files.filter((path) => path.startsWith('packages/')),
    files.filter((path) => path.startsWith('test/')),
  ]) {
    const outcome = part.length === 0 ? 'passed' : await run(copy, part);
    if (outcome !== 'passed') return outcome === 'failed' ? 'the tests fail as it is' : outcome.broken;
  }
  return undefined;
}

async function tryAll(removals: readonly Removal[], copies: readonly string[]): Promise<number> {
  const first = await problemAtFirst(copies[0] as string, removals, runTests);
  if (first !== undefined) {
    process.stderr.write(`Nothing can be shown: ${first}. Run npm test first.\n`);
    return 1;
  }
  const left = [...removals];
  let problems = 0;
  const work = async (copy: string): Promise<void> => {
    for (let removal = left.shift(); removal !== undefined; removal = left.shift()) {
      const startMs = performance.now();
      const problem = await problemOf(copy, removal, runTests);
      if (problem !== undefined) problems++;
      const took = `${((performance.now() - startMs) / 1000).toFixed(1)} s`.padStart(7);
      process.stdout.write(`${problem === undefined ? 'noticed ' : 'NOT     '}${took}  ${removal.protection}\n`);
      if (problem !== undefined) process.stdout.write(`                 ${problem}\n`);
    }
  };
  await Promise.all(copies.map(work));
  process.stdout.write(`${removals.length - problems} of ${removals.length} removals were noticed\n`);
  return problems === 0 ? 0 : 1;
}

async function main(words: readonly string[]): Promise<number> {
  const removals = REMOVALS.filter((each) => words.every((word) => JSON.stringify(each).includes(word)));
  if (removals.length === 0) {
    process.stderr.write(`No removal names ${words.join(' ')}.\n`);
    return 1;
  }
  const copies: string[] = [];
  try {
    while (copies.length < Math.min(COPIES, removals.length)) copies.push(copyOf(root));
    return await tryAll(removals, copies);
  } finally {
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
