/** The last line of a CI run must not be better than the run was. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { capture } from './run.ts';
import { conformanceTotal, main, readSteps, totalOf, vitestTotal, type Ran } from './totals.ts';
import { root } from './workspace.ts';

/** The title of a test or of a group of them behind its condition, and what `each` is given. */
const MAY_BE_SKIPPED = /\.(?:skipIf|runIf)\([^\n]*?\)(?:\s*\.each\([\s\S]*?\))?\(\s*(['`"].*?['`"])[,)]/g;

const report = (passed: number, failed: number, testResults: readonly object[] = []): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, testResults });

const step = (counter: string, code: number): Ran => ({ name: counter, code, counter, file: counter });

function run(steps: readonly Ran[], files: Readonly<Record<string, string>>): { code: number; lines: string[] } {
  const lines: string[] = [];
  return {
    code: main(
      steps,
      (file) => files[file],
      (line) => lines.push(line),
    ),
    lines,
  };
}

describe('totals', () => {
  it('adds tests and scenarios, not steps that nobody counts', () => {
    const files = { vitest: report(5, 0), conformance: 'a server: 30 passed, 0 failed\nb server: 37 passed, 0 failed' };
    expect(run([step('vitest', 0), step('conformance', 0), step('-', 0)], files)).toEqual({
      code: 0,
      lines: ['72 passed, 0 failed'],
    });
  });

  it('counts failures where they are', () => {
    const files = { vitest: report(5, 2), conformance: 'a server: 29 passed, 1 failed' };
    expect(run([step('vitest', 1), step('conformance', 1), step('-', 3)], files)).toEqual({
      code: 1,
      lines: ['FAILED: vitest', 'FAILED: conformance', 'FAILED: -', '34 passed, 4 failed'],
    });
  });

  it('counts a step that failed without a count, or that should have counted and did not', () => {
    expect(totalOf(step('vitest', 1), () => report(5, 0))).toEqual({ passed: 5, failed: 1 });
    expect(totalOf(step('vitest', 0), () => undefined)).toEqual({ passed: 0, failed: 1 });
    expect(totalOf(step('vitest', 0), () => report(0, 0))).toEqual({ passed: 0, failed: 1 });
    expect(totalOf(step('conformance', 0), () => 'nothing ran')).toEqual({ passed: 0, failed: 1 });
    expect(totalOf(step('unknown', 0), () => '9 passed')).toEqual({ passed: 0, failed: 1 });
  });

  it('lists what was skipped, with its reason', () => {
    const skipped = (fullName: string): object => ({ status: 'skipped', fullName });
    const results = [
      { status: 'passed', assertionResults: [skipped('b (needs root)'), { status: 'passed', fullName: 'c' }] },
      { status: 'passed', assertionResults: [skipped(' a (needs openssl)')] },
    ];
    expect(run([step('vitest', 0)], { vitest: report(1, 0, results) }).lines).toEqual([
      'SKIPPED: a (needs openssl)',
      'SKIPPED: b (needs root)',
      '1 passed, 0 failed',
    ]);
  });

  it('is no success when nothing ran', () => {
    expect(run([], {})).toEqual({ code: 1, lines: ['0 passed, 0 failed'] });
  });

  it('counts a test file that does not load', () => {
    const results = [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{}] },
      { status: 'passed', assertionResults: [{}] },
    ];
    expect(vitestTotal(report(1, 1, results))).toEqual({ passed: 1, failed: 2 });
  });

  it('reads no other numbers as scenarios', () => {
    expect(conformanceTotal('12 passed\nchecks 3 passed, 1 failed\nx client: 18 passed, 2 failed of 20')).toEqual({
      passed: 18,
      failed: 2,
    });
  });

  it('refuses a line that is no step', () => {
    expect(readSteps('a b\t0\t-\t\n\nc\t7\tvitest\tf')).toHaveLength(2);
    expect(() => readSteps('a\tx')).toThrow(/not a step/);
  });
});

describe('a test that may be skipped', () => {
  it('says why in its title, or in the words it is skipped with', () => {
    const files = capture(['git', 'ls-files', '--cached', '--others', '--exclude-standard', '*.test.ts'], root);
    const silent = files.stdout
      .split('\n')
      .filter((path) => path !== '' && existsSync(join(root, path)))
      .flatMap((path) => {
        const text = readFileSync(join(root, path), 'utf8');
        return [...text.matchAll(MAY_BE_SKIPPED)]
          .map(([, title = '']) => title)
          .filter((title) => !/\(.+\)|\$\{/.test(title))
          .map((title) => `${path}: ${title}`);
      });
    expect(silent).toEqual([]);
  });
});
