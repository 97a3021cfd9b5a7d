import { describe, expect, it } from 'vitest';
import { loadConfig, type DetailedConfig } from '../config/index.ts';
import { formatProblem } from '../config/problems.ts';
import { toolProblems } from './tool-check.ts';

const FILE = '/c/sallyport.yaml';

function load(text: string, files: Readonly<Record<string, string>> = {}): Promise<DetailedConfig> {
  const bytes = (content = ''): Promise<Uint8Array> => Promise.resolve(new TextEncoder().encode(content));
  return loadConfig({
    file: FILE,
    env: { item: 'from the environment' },
    cwd: '/c',
    home: '/c',
    files: {
      exists: (path) => Promise.resolve(path === FILE),
      read: () => bytes(text),
      checkTrusted: (realPath) => Promise.resolve({ realPath, readableByOthers: false }),
      readSecret: (path) => bytes(files[path]),
    },
  });
}

async function told(text: string, files?: Readonly<Record<string, string>>): Promise<readonly string[]> {
  return (await toolProblems(await load(text, files))).map(formatProblem);
}

describe('tools of a configuration', () => {
  it('are told with file, line and column what cannot be read of them', async () => {
    const text = `tools:
  good:
    description: Fine
    code: await tools.a.b(args); return 1
  block:
    description: Broken
    code: |
      const a = 1;
      return a +;
  line:
    description: Broken, too
    code: "let a = 1;\\nfoo("
  elsewhere:
    description: In a file
    code: \${file:programs/x.js}
  schema:
    description: With a schema
    inputSchema: { type: object, properties: { a: { $ref: '#/$defs/none' } } }
    code: '1'
`;
    const problems = await told(text, { '/c/programs/x.js': 'const x = 1;\n\nx x' });
    expect(problems).toEqual([
      expect.stringMatching(/^\/c\/sallyport\.yaml:9:\d+: tools\.block\.code: SyntaxError: /),
      expect.stringMatching(
        /^\/c\/sallyport\.yaml:12:5: tools\.line\.code: SyntaxError: .* \(line 2 of the program\)$/,
      ),
      expect.stringMatching(/^\/c\/programs\/x\.js:3:\d+: tools\.elsewhere\.code: SyntaxError: /),
      expect.stringMatching(
        /^\/c\/sallyport\.yaml:18:5: tools\.schema\.inputSchema: nothing can be checked by this schema: /,
      ),
    ]);
  });

  it('are literal: a dollar in them is a dollar', async () => {
    const code = 'const item = args.item; `${item} costs $$5, ${file:x} ${none:y}`';
    const { config, warnings } = await load(`tools: { t: { description: "\${item}", code: ${JSON.stringify(code)} } }`);
    expect(config.tools['t']).toMatchObject({
      code,
      description: '${item}',
      timeoutMs: 30_000,
      inputSchema: { type: 'object' },
    });
    expect(warnings).toEqual([]);
    const named = await load('tools: { t: { description: x, code: "${file:x.js}" } }', { '/c/x.js': '`${item}`' });
    expect(named.config.tools['t']?.code).toBe('`${item}`');
    expect(named.config.secretFiles).toContain('/c/x.js');
  });

  it.each([
    ['{ t: { code: "1" } }', 'tools.t.description: expected what the tool is for, so that a model knows'],
    [
      '{ t: { description: x, code: "1", inputSchema: { type: array } } }',
      'tools.t.inputSchema: expected a JSON Schema with `type: object`',
    ],
    ['{ t: { description: x, code: "1", timeout: 10m } }', 'tools.t.timeout: expected at most 5m'],
    ['{ "a b": { description: x, code: "1" } }', 'tools["a b"]: expected a name of 1 to 32 of A-Z a-z 0-9 _ -'],
  ])('are refused as %s', async (tools, message) => {
    await expect(load(`tools: ${tools}`)).rejects.toThrow(message);
  });

  it('have the server sallyport for themselves, and rules and views may name it', async () => {
    const tool = 'tools: { t: { description: x, code: "1" } }';
    await expect(load(`${tool}\nmcpServers: { Sallyport: { command: x } }`)).rejects.toThrow(
      'give this one another name',
    );
    await load('mcpServers: { sallyport: { command: x } }');
    const naming =
      'views: { v: { servers: [sallyport] } }\npolicy: { rules: [{ effect: allow, servers: [sallyport] }] }';
    await load(`${tool}\n${naming}`);
    await expect(load(naming)).rejects.toThrow('no such server');
  });
});
