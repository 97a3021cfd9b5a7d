/** The list of removals stays true: each text stands where it is said to, and each file of tests is there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outcomeOf, REMOVALS, without } from './removals.ts';
import { root } from './workspace.ts';

describe('the list of removals', () => {
  it('has thirty at least, each with a name of its own', () => {
    expect(REMOVALS.length).toBeGreaterThanOrEqual(30);
    expect(new Set(REMOVALS.map(({ protection }) => protection)).size).toBe(REMOVALS.length);
  });

  it.each(REMOVALS)('can be tried: $protection', (removal) => {
    const text = readFileSync(join(root, removal.file), 'utf8');
    const after = without(text, removal);
    expect(after).toBeDefined();
    expect(after).not.toBe(text);
    expect(existsSync(join(root, removal.tests))).toBe(true);
  });
});

describe('without', () => {
  it('takes out what stands there once, and nothing else', () => {
    expect(without('a $& b', { find: ' $& ', replace: '$1' })).toBe('a$1b');
    expect(without('a b', { find: 'c', replace: '' })).toBeUndefined();
    expect(without('a b a', { find: 'a', replace: '' })).toBeUndefined();
  });
});

describe('outcomeOf', () => {
  it.each([
    [{ numFailedTests: 1, numPassedTests: 3, success: false }, 'failed'],
    [{ numFailedTests: 0, numPassedTests: 3, success: true }, 'passed'],
  ])('takes %j for %s', (report, outcome) => {
    expect(outcomeOf(report)).toBe(outcome);
  });

  it.each([
    [{ numFailedTests: 0, numPassedTests: 0, success: true }],
    [{ numFailedTests: 0, numPassedTests: 3, success: false }],
    [{}],
    [null],
  ])('shows nothing by %j', (report) => {
    expect(outcomeOf(report)).toHaveProperty('broken');
  });
});
