import { describe, expect, it } from 'vitest';
import { collectRole, expiryOf, graceOf } from './key-words.ts';

describe('when a key ends', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');

  it.each([
    ['12h', '2026-11-22T00:00:00.000Z'],
    ['30d', '2026-12-21T12:00:00.000Z'],
    ['2027-01-31', '2027-01-31T00:00:00.000Z'],
    ['2027-01-31T08:30+01:00', '2027-01-31T07:30:00.000Z'],
  ])('%s is %s', (given, at) => {
    expect(new Date(expiryOf(given, now)).toISOString()).toBe(at);
  });

  it.each(['', '30', 'soon', '2027-02-30', '2027', '1 year', '-1d', '99999999999999999d'])('%j is no time', (given) => {
    expect(() => expiryOf(given, now)).toThrow(/--expires: expected/);
  });
});

describe('how long a key before stays good', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['90m', 5_400_000],
    ['7d', 604_800_000],
  ])('%s is %i ms', (given, graceMs) => {
    expect(graceOf(given)).toBe(graceMs);
  });

  it.each(['', '30', '-1h', 'never', '1 year'])('%j is no time', (given) => {
    expect(() => graceOf(given)).toThrow(/--grace: expected/);
  });
});

describe('a role', () => {
  it('is collected once', () => {
    expect(collectRole('ops', collectRole('dev', collectRole('ops')))).toEqual(['ops', 'dev']);
  });

  it.each(['', 'a b', '-x', 'ä', 'a'.repeat(65), '*'])('is not %j', (role) => {
    expect(() => collectRole(role)).toThrow('A role is');
  });
});
