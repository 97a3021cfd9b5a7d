/**
 * The official conformance suite as a program: which scenarios a revision requires, and what came of a run.
 * Reads what the suite prints and the `checks.json` files it leaves; knows nothing of gateways.
 */
import { readFile, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../test/support/process.ts';

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));

const SUITE = join(ROOT, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');

export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];
/** Who is under test: `server` is called by the suite, `client` calls it. */
export type Leg = 'server' | 'client';

export interface Requirements {
  readonly scored: readonly string[];
  readonly unscored: readonly string[];
}

/** Runs the suite in the repository's root; rejects with its output when it is not done within `timeoutMs`. */
export async function runSuite(
  args: readonly string[],
  timeoutMs: number,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const finished = await run(process.execPath, [SUITE, ...args], { cwd: ROOT, timeoutMs, env });
  const output = finished.stdout + finished.stderr;
  if (finished.timedOut) throw new Error(`conformance ${args[0] ?? ''} took longer than ${timeoutMs} ms:\n${output}`);
  return output;
}

/** What a revision requires of a leg, as `conformance list` prints it. */
export async function requirementsOf(
  revision: Revision,
  leg: Leg,
  env: Readonly<Record<string, string>>,
): Promise<Requirements> {
  const output = await runSuite(['list', '--requirements', revision], LIST_MS, env);
  const scored: string[] = [];
  const unscored: string[] = [];
  let section = '';
  for (const line of output.split('\n')) {
    const heading = /^(Server|Client) scenarios|^Run and reported/.exec(line);
    if (heading !== null) section = heading[1]?.toLowerCase() ?? 'unscored';
    const [, name, tag] = /^ +- (\S+)(?: \[(\w+)\])?$/.exec(line) ?? [];
    if (name === undefined) continue;
    if (section === leg) scored.push(name);
    if (section === 'unscored' && tag === leg) unscored.push(name);
  }
  if (scored.length === 0) throw new Error(`the suite lists no ${leg} scenarios for ${revision}:\n${output}`);
  return { scored, unscored };
}

export interface Outcome {
  readonly scenario: string;
  readonly passed: boolean;
  /** The ids of the checks that failed. */
  readonly failures: readonly string[];
  /** One line for each check that failed or warned, or why there is none. */
  readonly remarks: readonly string[];
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
  readonly description?: string;
}

const LIST_MS = 30_000;
const ONE_LINE_CHARS = 240;
const LAST_LINES = 5;

function outcomeOf(scenario: string, checks: readonly Check[] | undefined): Outcome {
  if (checks === undefined) return { scenario, passed: false, failures: [], remarks: ['the suite left no result'] };
  const remarks = checks
    .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
    .map(({ id, status, errorMessage, description }) =>
      `${status} ${id}: ${errorMessage ?? description ?? ''}`.replaceAll(/\s+/g, ' ').slice(0, ONE_LINE_CHARS),
    );
  const failures = checks.filter(({ status }) => status === 'FAILURE').map(({ id }) => id);
  // A scenario none of whose checks succeeded has shown nothing: a dead server gets warnings alone in some.
  const shown = checks.some(({ status }) => status === 'SUCCESS');
  return {
    scenario,
    passed: shown && failures.length === 0,
    failures,
    remarks: shown ? remarks : [...remarks, 'no check succeeded'],
  };
}

/** The outcomes of the scenarios whose results are below `folder`, one for each name asked for. */
export async function outcomes(folder: string, leg: Leg, scenarios: readonly string[]): Promise<Outcome[]> {
  const found = new Map<string, Outcome>();
  for (const entry of await readdir(folder, { recursive: true })) {
    if (basename(entry) !== 'checks.json') continue;
    // The suite calls a result SCENARIO-TIME, with `server-` before it on that leg; a scenario may hold a slash.
    const name = dirname(entry).replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const scenario = leg === 'server' ? name.replace(/^server-/, '') : name;
    const checks = JSON.parse(await readFile(join(folder, entry), 'utf8')) as Check[];
    const outcome = outcomeOf(scenario, checks);
    const said = outcome.passed ? [] : await lastWords(join(folder, dirname(entry), 'stderr.txt'));
    found.set(scenario, { ...outcome, remarks: [...outcome.remarks, ...said] });
  }
  return scenarios.map((scenario) => found.get(scenario) ?? outcomeOf(scenario, undefined));
}

/** The last lines that the program under test wrote to stderr; on the server leg the suite keeps none. */
async function lastWords(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-LAST_LINES);
}
