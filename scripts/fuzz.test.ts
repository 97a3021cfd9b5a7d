/** A small share of `npm run fuzz` in every run of the tests, on the sources; and that a defect would be seen. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutated, randomOf } from './fuzz/input.ts';
import { tryRuns } from './fuzz/runs.ts';
import type { Opened } from './fuzz/target.ts';
import { shares, TARGETS } from './fuzz/targets.ts';
import { root } from './workspace.ts';

const RUNS = 20_000;
const seed = Math.floor(Math.random() * 0x1_0000_0000);
/** The last target needs what is built. */
const targets = TARGETS.filter(({ name }) => name !== 'gateway');
const counts = shares(RUNS, targets);

describe(`npm run fuzz -- --seed ${seed}`, { timeout: 120_000 }, () => {
  it.each(targets.map((target, index) => ({ ...target, count: counts[index] as number })))(
    'finds nothing in $count inputs: $what ($name)',
    async ({ count, name, open }) => {
      expect(await tryRuns({ name, open }, { seed, from: 0, to: count })).toMatchObject({ kind: 'passed' });
    },
  );

  it('names the input that shows a defect', async () => {
    const open = async (): Promise<Opened> => ({
      corpus: ['abc'],
      check: (text) => {
        if (text === '') throw new Error('empty', { cause: new Error('of no length') });
      },
    });
    const report = await tryRuns({ name: 'x', open }, { seed: 1, from: 0, to: 1000 });
    if (report.kind !== 'failed') throw new Error('it was not seen');
    expect(report.reason).toBe('empty: of no length\ninput: ""');
    expect(await tryRuns({ name: 'x', open }, { seed: 1, from: report.run, to: report.run + 1 })).toEqual(report);
  });

  it('makes the same input again by seed, target and number', () => {
    const corpus = ['{"a":[1,2,3]}', 'x'.repeat(50)];
    const make = (target: string, run: number): string => mutated(randomOf(seed, target, run), corpus);
    const made = Array.from({ length: 200 }, (_, run) => make('message', run));
    expect(Array.from({ length: 200 }, (_, run) => make('message', run))).toEqual(made);
    expect(new Set(made).size).toBeGreaterThan(100);
    expect(Array.from({ length: 200 }, (_, run) => make('header', run))).not.toEqual(made);
  });
});

describe('the scripts that attack', () => {
  it('P4-21 P1-24 run in CI, each with a bound in time', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const ci = readFileSync(join(root, '.ci/run'), 'utf8');
    const attacking = ['fuzz', 'pentest', 'secrets', 'audit'].filter((name) => name in scripts);
    expect(attacking).toContain('fuzz');
    for (const name of attacking) expect(ci).toMatch(new RegExp(`^step \\S+ \\d+ .* npm run ${name}\\b`, 'm'));
  });
});
