import { describe, expect, it } from 'vitest';
import { checkDraft, draftOf } from './check-text.ts';
import { riskyInFile } from './children.ts';

async function told(server: object, strict = false): Promise<{ problems: string[]; warnings: string[] }> {
  const text = JSON.stringify({ strict, mcpServers: { one: server } }, null, 1);
  const checked = checkDraft(await draftOf('f', text, 'json'), { env: {}, files: new Map() });
  const lines = (found: typeof checked.problems): string[] =>
    found.map(({ message, path, position }) => `${position?.line} ${path.slice(2).join('.')}: ${message}`);
  return { problems: lines(checked.problems), warnings: lines(checked.warnings) };
}

const MOVING =
  '8 args.1: `@s/pkg` names no version: whatever is published next would be run. Write `@s/pkg@VERSION` (`npm view @s/pkg version` says the newest)';

describe('the command of a server', () => {
  it('is warned about when its package moves, and refused under strict, at its place', async () => {
    const server = { command: 'npx', args: ['-y', '@s/pkg'] };
    expect(await told(server)).toEqual({ problems: [], warnings: [MOVING] });
    expect(await told(server, true)).toEqual({ problems: [MOVING], warnings: [] });
  });

  it.each([
    { command: 'npx', args: ['-y', '@s/pkg@1.2.3'] },
    { command: 'npx', args: ['./here'] },
    { command: 'uvx', args: ['pkg==1.2'] },
    { command: 'node', args: ['pkg'] },
    { command: 'npx', args: ['pkg'], enabled: false },
    { command: './here', enabled: false },
    { command: '/usr/bin/node' },
    { url: 'https://x.example/mcp' },
  ])('is not mentioned when it is %j', async (server) => {
    expect(await told(server, true)).toEqual({ problems: [], warnings: [] });
  });

  it.each(['./here', '../here', 'bin/here'])('is refused under strict alone when it is %j', async (command) => {
    expect(await told({ command })).toEqual({ problems: [], warnings: [] });
    expect((await told({ command }, true)).problems).toEqual([
      '5 command: `strict` wants a name on PATH or an absolute path here',
    ]);
  });
});

describe('variables that make a program run other code', () => {
  const env = { LD_PRELOAD: 'SECRET-VALUE', TOKEN: 'SECRET-VALUE' };

  it('are warned about, each at its place and without its value, also under strict', async () => {
    for (const strict of [false, true]) {
      const { problems, warnings } = await told({ command: 'node', env }, strict);
      expect([problems, warnings.length]).toEqual([[], 1]);
      expect(warnings[0]).toMatch(/^7 env\.LD_PRELOAD: LD_PRELOAD can make a program run other code/);
      expect(warnings[0]).not.toContain('SECRET');
    }
  });

  it('are found in a file of variables too', () => {
    expect(riskyInFile({ TOKEN: 'x' })).toBeUndefined();
    expect(riskyInFile({ ...env, BASH_ENV: 'x' })).toMatch(/^LD_PRELOAD, BASH_ENV can make/);
  });
});
