import { describe, expect, it } from 'vitest';
import { run } from '../cli.ts';
import { memorySystem } from './testing/memory-system.ts';

const FILE = '/home/me/.config/sallyport/config.json';

interface Added {
  readonly code: number;
  readonly stderr: string;
  /** What the file holds of the server. */
  readonly server: Record<string, unknown> | undefined;
  readonly asked: readonly string[];
}

/** `answer`: a person sits there and chooses it. */
async function add(words: readonly string[], folders: readonly string[], answer?: string): Promise<Added> {
  const asked: string[] = [];
  const files = { [FILE]: '{"mcpServers":{}}' };
  const { system, err } = memorySystem(files, {
    isTerminal: answer !== undefined,
    prompts: {
      text: async () => undefined,
      hidden: async () => undefined,
      choose: async ({ message }) => {
        asked.push(message);
        return answer === 'esc' ? undefined : answer;
      },
      chooseMany: async () => undefined,
    },
    files: {
      exists: async (path) => path in files || folders.some((folder) => path === folder || path === `${folder}/.`),
    },
  });
  const code = await run(['add', ...words], system);
  const { mcpServers } = JSON.parse(files[FILE] ?? '') as { mcpServers: Record<string, Record<string, unknown>> };
  return { code, stderr: err.join(''), asked, server: mcpServers['one'] };
}

const words = ['one', '--', 'npx', '-y', 'pkg@1.2.3', '/data', '/data/file.txt', '/none', '--root=/data'];

describe('the folders that a new server names', () => {
  it.each([
    ['standard', undefined],
    ['write', { level: 'strict', write: ['/data'] }],
    ['read', { level: 'strict', read: ['/data'] }],
  ])('are asked about on a terminal: %s', async (answer, sandbox) => {
    const { code, server, asked, stderr } = await add(words, ['/data'], answer);
    expect(asked).toEqual(['one names folders of this machine: /data. How may it use them?']);
    expect([code, stderr, server?.['sandbox']]).toEqual([0, '', sandbox]);
  });

  it('leave the file alone when the person turns away', async () => {
    expect(await add(words, ['/data'], 'esc')).toMatchObject({ code: 1, server: undefined });
  });

  it('are told elsewhere, with what to write', async () => {
    const { server, stderr, asked } = await add(words, ['/data']);
    expect(asked).toEqual([]);
    expect(server).toMatchObject({ command: 'npx', args: words.slice(3) });
    expect(server).not.toHaveProperty('sandbox');
    expect(stderr).toMatch(
      /one may read and write \/data, and use the network[^]*\{ level: strict, read: \["\/data"\] \}/,
    );
    expect(await add(words, [])).toMatchObject({ stderr: '', asked: [] });
  });

  it.each(['./here', 'here.ts', 'here/server.ts'])(
    'are looked for from the folder of the configuration: %s is only here, and that is told',
    async (path) => {
      const { stderr } = await add(
        ['one', '--', 'node', path, './both', '.x', '--dir=./here', 'https://a/here.ts'],
        [`/work/${path.replace('./', '')}`, '/work/both', '/home/me/.config/sallyport/both'],
      );
      expect(stderr).toBe(
        `hint: ${path} is looked for in /home/me/.config/sallyport; write its whole path to mean the one here\n`,
      );
    },
  );
});

describe('what else is told of a new server', () => {
  it.each([
    [['npx', 'pkg'], /^hint: `pkg` names no version.*Write `pkg@VERSION`/],
    [['docker', 'run', '-i', '--privileged', 'image'], /^hint: --privileged opens the container to this machine/],
    [['docker', 'run', '-i', 'image'], /^$/],
    [['npx', 'pkg@1.2.3'], /^$/],
  ])('%j', async (command, hint) => {
    expect((await add(['one', '--', ...command], [])).stderr).toMatch(hint);
  });
});
