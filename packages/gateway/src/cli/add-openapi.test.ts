import { describe, expect, it } from 'vitest';
import { run } from '../cli.ts';
import { memorySystem } from './testing/memory-system.ts';

const FILE = '/home/me/.config/sallyport/config.json';
const method = (operationId?: string): object => ({
  ...(operationId !== undefined && { operationId }),
  responses: { 200: { description: 'x' } },
});
const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Things', version: '1' },
  servers: [{ url: 'https://api.example.com' }],
  paths: { '/things': { get: method('list'), post: method('make') }, '/x': { get: method(), delete: method('a*b') } },
};

interface Added {
  readonly code: number;
  readonly stderr: string;
  readonly openapi: unknown;
  readonly choices: readonly string[];
}

/** `answer`: a person sits there and chooses these. */
async function add(
  words: readonly string[],
  answer?: readonly string[] | 'esc',
  document: object = DOCUMENT,
): Promise<Added> {
  const choices: string[] = [];
  const files = { [FILE]: '{"mcpServers":{}}', '/work/api.json': JSON.stringify(document) };
  const { system, err } = memorySystem(files, {
    isTerminal: answer !== undefined,
    prompts: {
      text: async () => undefined,
      hidden: async () => undefined,
      choose: async () => undefined,
      chooseMany: async ({ choices: offered, initial }) => {
        choices.push(
          ...offered.map(({ label, value }) => `${initial.includes(value) ? '+' : '-'} ${value} | ${label}`),
        );
        return answer === 'esc' ? undefined : answer;
      },
    },
  });
  const code = await run(['add', 'one', '--openapi', 'api.json', ...words], system);
  const { mcpServers } = JSON.parse(files[FILE] ?? '') as { mcpServers: Record<string, { openapi?: unknown }> };
  return { code, stderr: err.join(''), openapi: mcpServers['one']?.openapi, choices };
}

describe('add --openapi', () => {
  it('asks a person which operations become tools, those that read chosen', async () => {
    const { choices, code, openapi } = await add([], ['make', 'GET /x']);
    expect(choices).toEqual([
      '+ list | GET /things',
      '- make | POST /things  (changes something)',
      '+ GET /x | GET /x',
      '- DELETE /x | DELETE /x  (changes something)',
    ]);
    expect([code, openapi]).toEqual([0, { document: '/work/api.json', operations: { allow: ['make', 'GET /x'] } }]);
  });

  it('adds nothing when nothing is chosen, and asks nobody who said it', async () => {
    for (const answer of ['esc', []] as const) {
      expect(await add([], answer)).toMatchObject({
        code: 1,
        openapi: undefined,
        stderr: expect.stringContaining('nothing was added') as string,
      });
    }
    expect(await add(['--operations', '*'], ['list'])).toMatchObject({
      code: 0,
      choices: [],
      openapi: { operations: { allow: ['*'] } },
    });
  });

  it('takes what only reads where nobody sits, and says so', async () => {
    const { openapi, stderr } = await add([]);
    expect(openapi).toEqual({ document: '/work/api.json' });
    expect(stderr).toContain('only operations that read (GET, HEAD) become tools. 2 others change something');
  });

  it.each([
    [['--operations', 'nope'], DOCUMENT, 1, /no operation matches --operations/],
    [[], { ...DOCUMENT, paths: {} }, 1, /the document has no operations/],
    [[], { ...DOCUMENT, servers: undefined }, 1, /does not say where the API is/],
    [[], { ...DOCUMENT, openapi: '2.0' }, 1, /api\.json: OpenAPI "2\.0" is not read/],
    [['--header', 'a: b'], DOCUMENT, 2, /openapi\.headers/],
    [['--env', 'A=b'], DOCUMENT, 2, /--env is for a command/],
    [['--server', 'ftp://x'], DOCUMENT, 2, /http or https/],
    [['https://x.example'], DOCUMENT, 2, /instead of a URL/],
  ] as const)('refuses %j', async (words, document, expected, message) => {
    const { code, openapi, stderr } = await add(words, undefined, document);
    expect([code, openapi]).toEqual([expected, undefined]);
    expect(stderr).toMatch(message);
  });
});
