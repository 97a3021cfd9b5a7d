import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { configSchema } from './schema.ts';
import type { Config, GuardConfig } from './types.ts';

const configOf = (guard: Partial<GuardConfig>): Config => {
  const entry = v.parse(configSchema, {});
  return { ...entry, servers: [], secretFiles: [], discovery: { mode: 'full' }, guard: { ...entry.guard, ...guard } };
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
