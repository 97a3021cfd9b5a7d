import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { masked } from './describe.ts';
import { configSchema } from './schema.ts';
import type { Config, GuardConfig } from './types.ts';

const configOf = (guard: Partial<GuardConfig>): Config => {
  const entry = v.parse(configSchema, {});
  return { ...entry, servers: [], secretFiles: [], guard: { ...entry.guard, ...guard } };
};

describe('a reload', () => {
  const strong = { secrets: 'block', injection: 'block', injectionResults: true } as const;

  it.each<[Partial<GuardConfig>, string]>([
    [{ arguments: 'off' }, 'guard.arguments'],
    [{ secrets: 'redact' }, 'guard.secrets'],
    [{ secrets: 'off' }, 'guard.secrets'],
    [{ injection: 'flag' }, 'guard.injection'],
    [{ injectionResults: false }, 'guard.injectionResults'],
    [{ resultMaxBytes: 99_999_999 }, 'guard.resultMax'],
  ])('with %j weakens the guard: it opens', (weaker, key) => {
    expect(changesBetween(configOf(strong), configOf({ ...strong, ...weaker })).opening).toEqual([key]);
  });

  it('with more of it is taken over, and opens nothing', () => {
    const { needRestart, opening } = changesBetween(configOf({}), configOf({ ...strong, resultMaxBytes: 1000 }));
    expect([needRestart, opening]).toEqual([[], []]);
  });
});

describe('guard.external', () => {
  const given = { url: 'https://guard.example/check', headers: { 'x-key': 'k' } };
  const guardOf = (external: unknown): GuardConfig => v.parse(configSchema, { guard: { external } }).guard;

  it('is off unless it is written, fails closed, and looks both ways', () => {
    expect(v.parse(configSchema, {}).guard).not.toHaveProperty('external');
    expect(guardOf(given).external).toEqual({
      ...given,
      timeoutMs: 1000,
      fail: 'closed',
      on: ['arguments', 'results'],
    });
  });

  it.each([
    {},
    { url: 'ftp://guard.example' },
    { ...given, fail: 'maybe' },
    { ...given, on: [] },
    { ...given, on: ['errors'] },
  ])('is not %j', (external) => expect(() => guardOf(external)).toThrow(/expected|Expected|Invalid/));

  it('opens when it is taken away or is another one, and not when it comes', () => {
    const { external } = guardOf(given);
    const other = guardOf({ ...given, fail: 'open' }).external;
    if (external === undefined || other === undefined) throw new Error('none');
    const opened = (before: Partial<GuardConfig>, after: Partial<GuardConfig>): readonly string[] =>
      changesBetween(configOf(before), configOf(after)).opening;
    expect(opened({ external }, {})).toEqual(['guard.external']);
    expect(opened({ external }, { external: other })).toEqual(['guard.external']);
    expect(opened({}, { external })).toEqual([]);
  });

  it('shows no header', () => {
    const value = { guard: { external: given }, policy: { external: given } };
    expect(JSON.stringify(masked(value))).not.toContain('"k"');
  });
});
