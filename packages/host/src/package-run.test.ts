import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageRun, type Pin } from './package-run.ts';

const line = (text: string): ReturnType<typeof packageRun> => {
  const [command = '', ...args] = text.split(' ');
  return packageRun(command, args);
};

describe('the package that a command fetches and runs', () => {
  it.each<[string, string, Pin, string]>([
    ['npx -y pkg@1.2.3', 'pkg@1.2.3', 'exact', 'pkg@1.2.3'],
    ['npx @scope/pkg', '@scope/pkg', 'none', '@scope/pkg@VERSION'],
    ['npx @scope/pkg@latest', '@scope/pkg@latest', 'tag', '@scope/pkg@VERSION'],
    ['npx pkg@next', 'pkg@next', 'tag', 'pkg@VERSION'],
    ['npx pkg@', 'pkg@', 'none', 'pkg@VERSION'],
    ['npx pkg@^1.2.3', 'pkg@^1.2.3', 'range', 'pkg@VERSION'],
    ['npx pkg@1', 'pkg@1', 'range', 'pkg@VERSION'],
    ['npx pkg@1.2', 'pkg@1.2', 'range', 'pkg@VERSION'],
    ['npx pkg@1.2.x', 'pkg@1.2.x', 'range', 'pkg@VERSION'],
    ['npx pkg@*', 'pkg@*', 'range', 'pkg@VERSION'],
    ['npx pkg@=1.2.3-rc.1+b5', 'pkg@=1.2.3-rc.1+b5', 'exact', 'pkg@=1.2.3-rc.1+b5'],
    ['npx pkg@npm:other@1.2.3', 'pkg@npm:other@1.2.3', 'exact', 'pkg@npm:other@1.2.3'],
    ['npx pkg@npm:other', 'pkg@npm:other', 'none', 'pkg@npm:other@VERSION'],
    ['npx github:user/repo', 'github:user/repo', 'none', 'github:user/repo#COMMIT'],
    ['npx user/repo#main', 'user/repo#main', 'none', 'user/repo#COMMIT'],
    [
      `npx git+https://example.com/a.git#${'a1'.repeat(20)}`,
      `git+https://example.com/a.git#${'a1'.repeat(20)}`,
      'exact',
      'git+https://example.com/a.git#COMMIT',
    ],
    ['npx https://example.com/a.tgz', 'https://example.com/a.tgz', 'none', 'https://example.com/a.tgz#COMMIT'],
    ['npx ./here', './here', 'local', './here'],
    ['npx /opt/pkg', '/opt/pkg', 'local', '/opt/pkg'],
    ['npx file:../x', 'file:../x', 'local', 'file:../x'],
    ['uvx tool', 'tool', 'none', 'tool==VERSION'],
    ['uvx tool@latest', 'tool@latest', 'tag', 'tool==VERSION'],
    ['uvx tool@1.2', 'tool@1.2', 'exact', 'tool@1.2'],
    ['uvx tool[cli]==1.2.3', 'tool[cli]==1.2.3', 'exact', 'tool[cli]==1.2.3'],
    ['uvx --from tool==1.* run', 'tool==1.*', 'range', 'tool==VERSION'],
    ['uvx --from tool>=1,<2 run', 'tool>=1,<2', 'range', 'tool==VERSION'],
    [
      'uvx --from git+https://example.com/a@main run',
      'git+https://example.com/a@main',
      'none',
      'git+https://example.com/a@COMMIT',
    ],
    [
      `uvx --from git+https://example.com/a@${'0f'.repeat(20)} run`,
      `git+https://example.com/a@${'0f'.repeat(20)}`,
      'exact',
      'git+https://example.com/a@COMMIT',
    ],
    ['pipx run --spec tool==2.0 go', 'tool==2.0', 'exact', 'tool==2.0'],
    ['pipx run tool', 'tool', 'none', 'tool==VERSION'],
  ])('%s', (text, spec, pin, pinned) => {
    expect(line(text)).toMatchObject({ spec, pin, pinned });
  });

  it.each([
    ['/usr/bin/npx -y a@1.0.0 x', 'npx'],
    ['npx.cmd a@1.0.0 x', 'npx'],
    ['npm exec -- a@1.0.0 x', 'npm exec'],
    ['npm x a@1.0.0 x', 'npm x'],
    ['pnpm dlx a@1.0.0 x', 'pnpm dlx'],
    ['pnpx a@1.0.0 x', 'pnpx'],
    ['yarn dlx a@1.0.0 x', 'yarn dlx'],
    ['bunx a@1.0.0 x', 'bunx'],
    ['bun x a@1.0.0 x', 'bun x'],
    ['uvx a@1.0.0 x', 'uvx'],
    ['uv tool run a@1.0.0 x', 'uv tool run'],
    ['pipx run a==1.0.0 x', 'pipx run'],
  ])('%s is a %s', (text, runner) => {
    expect(line(text)).toMatchObject({ runner, name: 'a', pin: 'exact', programArgs: ['x'] });
  });

  it.each([
    ['npx -y --package=a@1.0.0 prog --flag', { spec: 'a@1.0.0', index: 1, program: 'prog', programArgs: ['--flag'] }],
    ['npx -p a@1.0.0 -- prog', { spec: 'a@1.0.0', index: 1, program: 'prog', programArgs: [], isSpecial: false }],
    ['uvx --from a==1 prog x', { spec: 'a==1', index: 1, program: 'prog', programArgs: ['x'] }],
    ['npx -p a@1.0.0 -p b prog', { spec: 'a@1.0.0', isSpecial: true }],
    ['npx --registry https://x.example a', { spec: 'a', index: 2, isSpecial: true }],
    ['uvx --with extra a==1', { spec: 'a==1', isSpecial: true }],
    ['npx -y a@1.0.0 -p b --package=c', { spec: 'a@1.0.0', programArgs: ['-p', 'b', '--package=c'], isSpecial: false }],
  ])('%s', (text, expected) => {
    expect(line(text)).toMatchObject(expected);
  });

  it.each([
    'node a',
    'npm install a',
    'npm',
    'npx',
    'npx -y',
    'uv run a',
    'npx --what a',
    'npx ${NAME}',
    '__proto__ a',
    'my-npx a',
  ])('does not guess what %j would fetch', (text) => {
    expect(line(text)).toBeUndefined();
  });

  it('never calls exact what is not a whole version or commit', () => {
    const version = fc.string({ unit: fc.constantFrom(...Array.from('0123456789.xX*^~<>=-abclatest')) });
    fc.assert(
      fc.property(version, (text) => {
        const isWhole = /^[v=]?\d+\.\d+\.\d+(?:-[\w.-]+)?$/.test(text);
        expect(packageRun('npx', [`pkg@${text}`])?.pin === 'exact').toBe(isWhole);
      }),
    );
  });
});
