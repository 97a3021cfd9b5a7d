/**
 * Adds up what the steps of `.ci/run` counted, lists the tests that were skipped, and prints `N passed, N failed` as the last line. Tests and conformance
 * scenarios are counted as their own tools count them; any other step adds to the total only when it failed.
 */
import { existsSync, readFileSync } from 'node:fs';

/** A step that ran: its exit code, who counted (`vitest`, `conformance`, or `-` for nobody) and in which file. */
export interface Ran {
  readonly name: string;
  readonly code: number;
  readonly counter: string;
  readonly file: string;
}

export interface Total {
  readonly passed: number;
  readonly failed: number;
}

const nothing: Total = { passed: 0, failed: 0 };

/** Reads the lines `name TAB code TAB counter TAB file`. */
export function readSteps(text: string): Ran[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', code = '', counter = '', file = ''] = line.split('\t');
      if (!/^\d+$/.test(code)) throw new Error(`not a step: ${line}`);
      return { name, code: Number(code), counter, file };
    });
}

/** Totals in a report of vitest's json reporter. A file that did not load counts as one failure. */
export function vitestTotal(json: string): Total {
  const report = JSON.parse(json) as {
    readonly numPassedTests: number;
    readonly numFailedTests: number;
    readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly object[] }[];
  };
  const unloaded = report.testResults.filter((each) => each.status === 'failed' && each.assertionResults.length === 0);
  return { passed: report.numPassedTests, failed: report.numFailedTests + unloaded.length };
}

/** Tests that did not run, by their whole titles, in which stands why (`(needs …)`). */
export function skippedIn(json: string): string[] {
  const { testResults } = JSON.parse(json) as {
    readonly testResults: readonly {
      readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
    }[];
  };
  const skipped = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'pending' || status === 'skipped'),
  );
  return skipped.map(({ fullName }) => fullName.trim()).toSorted();
}

/** Sum of the lines `…: N passed, M failed` of the conformance run. */
export function conformanceTotal(text: string): Total {
  return [...text.matchAll(/: (\d+) passed, (\d+) failed/g)].reduce<Total>(
    (sum, [, passed, failed]) => ({ passed: sum.passed + Number(passed), failed: sum.failed + Number(failed) }),
    nothing,
  );
}

/** What a step adds. One that failed adds at least one failure; one that should have counted and did not has failed. */
export function totalOf(step: Ran, read: (file: string) => string | undefined): Total {
  const text = step.counter === '-' ? undefined : read(step.file);
  const count = { vitest: vitestTotal, conformance: conformanceTotal }[step.counter];
  const counted = text === undefined || count === undefined ? nothing : count(text);
  const silent = step.counter !== '-' && counted.passed + counted.failed === 0;
  const broken = (step.code !== 0 || silent) && counted.failed === 0;
  return broken ? { ...counted, failed: 1 } : counted;
}

/** Prints what was skipped, what failed and the total; answers the exit code. */
export function main(
  steps: readonly Ran[],
  read: (file: string) => string | undefined,
  write: (line: string) => void,
): number {
  for (const step of steps) {
    const report = step.counter === 'vitest' ? read(step.file) : undefined;
    for (const title of report === undefined ? [] : skippedIn(report)) write(`SKIPPED: ${title}`);
  }
  const totals = steps.map((step) => ({ step, ...totalOf(step, read) }));
  for (const { step, failed } of totals) if (failed > 0) write(`FAILED: ${step.name}`);
  const sum = (key: keyof Total): number => totals.reduce((all, each) => all + each[key], 0);
  write(`${String(sum('passed'))} passed, ${String(sum('failed'))} failed`);
  return sum('failed') === 0 && sum('passed') > 0 ? 0 : 1;
}

if (import.meta.main) {
  const steps = readSteps(readFileSync(process.argv[2] ?? '', 'utf8'));
  const read = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  process.exitCode = main(steps, read, (line) => void process.stdout.write(`${line}\n`));
}
