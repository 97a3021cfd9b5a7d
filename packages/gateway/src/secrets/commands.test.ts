import { describe, expect, it } from 'vitest';
import { createSecretCommands, type SecretCommands } from './commands.ts';

const options = { env: {}, names: [], cwd: '/' };

interface Made {
  readonly all: SecretCommands;
  readonly clock: { ms: number };
  readonly runs: string[];
  fail: boolean;
}

/** Commands that print how often they have run in all; with `fail` the next one does not work. */
function commands(): Made {
  const clock = { ms: 1000 };
  const runs: string[] = [];
  const run = async (argv: readonly string[]): Promise<string> => {
    runs.push(argv.join(' '));
    if (made.fail) throw new Error('it does not work');
    return `${argv.join(' ')} ${runs.length}`;
  };
  const made: Made = { clock, runs, fail: false, all: createSecretCommands({ now: () => clock.ms, run }) };
  return made;
}

describe('kept output of commands', () => {
  it('is had once, also by many at the same time, until all is forgotten', async () => {
    const { all, runs } = commands();
    expect(await Promise.all([all.run('A', ['x'], options), all.run('A', ['x'], options)])).toEqual(['x 1', 'x 1']);
    expect(await all.run('A', ['x'], options)).toBe('x 1');
    all.forget();
    expect(await all.run('A', ['x'], options)).toBe('x 2');
    expect(runs).toHaveLength(2);
  });

  it.each([
    ['words', ['y'], options],
    ['folder', ['x'], { ...options, cwd: '/other' }],
    ['variables', ['x'], { ...options, names: ['V'] }],
  ] as const)('is had anew when the command has other %s', async (_what, argv, other) => {
    const { all, runs } = commands();
    await all.run('A', ['x'], options);
    await all.run('A', [...argv], other);
    expect(runs).toHaveLength(2);
  });

  it('of a command that did not work is not kept', async () => {
    const made = commands();
    made.fail = true;
    await expect(made.all.run('A', ['x'], options)).rejects.toThrow('it does not work');
    expect(made.all.renew(['A'])).toBe(false);
    made.fail = false;
    expect(await made.all.run('A', ['x'], options)).toBe('x 2');
  });

  it('is had anew after a refusal, that one alone and at most once a minute', async () => {
    const { all, clock, runs } = commands();
    expect(all.renew(['A'])).toBe(false);
    await all.run('A', ['a'], options);
    await all.run('B', ['b'], options);
    expect(all.renew(['A', 'C'])).toBe(true);
    expect(await all.run('A', ['a'], options)).toBe('a 3');
    expect(await all.run('B', ['b'], options)).toBe('b 2');
    expect(all.renew(['A'])).toBe(false);
    clock.ms += 60_000;
    expect(all.renew(['A'])).toBe(true);
    expect(await all.run('A', ['a'], options)).toBe('a 4');
    expect(runs).toHaveLength(4);
  });
});
