import { describe, expect, it } from 'vitest';
import { checkDraft, draftOf } from './check-text.ts';
import { formatProblem } from './problems.ts';

async function read(
  value: unknown,
  env: Record<string, string> = {},
): Promise<{ one: unknown; problems: string[]; warnings: string[] }> {
  const checked = checkDraft(await draftOf('f', JSON.stringify(value), 'json'), { env, files: new Map() });
  return {
    one: checked.entry?.mcpServers['one'],
    problems: checked.problems.map(formatProblem),
    warnings: checked.warnings.map(formatProblem),
  };
}
const one = (server: unknown): unknown => ({ mcpServers: { one: server } });

describe('files of other programs', () => {
  it.each([
    ['Claude Code', one({ type: 'stdio', command: 'npx', args: ['-y'] }), { command: 'npx', args: ['-y'] }],
    ['Cline', one({ type: 'streamableHttp', url: 'https://x/' }), { url: 'https://x/', type: 'http' }],
    ['Kilo Code', one({ type: 'streamable-http', url: 'https://x/' }), { type: 'http' }],
    ['Windsurf', one({ serverUrl: 'https://x/' }), { url: 'https://x/' }],
    [
      'Gemini CLI',
      one({ httpUrl: 'https://x/', includeTools: ['a'], excludeTools: ['b'] }),
      { url: 'https://x/', tools: { allow: ['a'], deny: ['b'] } },
    ],
    [
      'Codex CLI',
      { mcp_servers: { one: { command: 'x', startup_timeout_sec: 20, tool_timeout_sec: 5 } } },
      { timeout: { connectMs: 20_000, callMs: 5_000 } },
    ],
    ['Codex CLI', one({ url: 'https://x/', bearer_token_env_var: 'T' }), { headers: { Authorization: 'Bearer t0k' } }],
    ['VS Code', { servers: { one: { type: 'http', url: 'https://x/' } } }, { type: 'http' }],
    [
      'OpenCode',
      one({ type: 'local', command: ['npx', '-y'], environment: { A: 'b' } }),
      { command: 'npx', args: ['-y'], env: { A: 'b' } },
    ],
    ['disabled', one({ command: 'x', disabled: true }), { enabled: false }],
    [
      'dynamic-mcp',
      one({ command: 'x', timeout: { tools: '1MIN', resources: 5, prompts: '500ms' } }),
      { timeout: { toolsMs: 60_000, resourcesMs: 5_000, promptsMs: 500 } },
    ],
  ])('reads those of %s', async (_program, file, expected) => {
    const { one: server, problems, warnings } = await read(file, { T: 't0k' });
    expect([problems, warnings]).toEqual([[], []]);
    expect(server).toMatchObject(expected);
  });

  it.each([
    [{ autoApprove: ['a'] }, /autoApprove: ignored/],
    [{ alwaysAllow: [] }, /alwaysAllow: ignored/],
    [{ trust: true }, /trust: ignored/],
    [{ timeout: 60 }, /timeout: a plain number is read as 60 seconds/],
    [{ timeout: 600_000 }, /timeout: a plain number is read as 600000 milliseconds/],
  ])('ignores or reads %j with one warning', async (keys, expected) => {
    const { problems, warnings } = await read(one({ command: 'x', ...keys }));
    expect(problems).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(expected)]);
  });

  it('reads a plain timeout as one for calls', async () => {
    expect((await read(one({ command: 'x', timeout: 5 }))).one).toMatchObject({
      timeout: { callMs: 5_000, connectMs: 10_000 },
    });
    expect((await read(one({ command: 'x', timeout: 5000 }))).one).toMatchObject({ timeout: { callMs: 5_000 } });
  });

  it('ignores what VS Code and Claude Desktop keep in the root', async () => {
    const { problems, warnings } = await read({ inputs: [], globalShortcut: '', servers: {} });
    expect(problems).toEqual([]);
    expect(warnings).toHaveLength(2);
  });

  it.each([
    [
      'a contradiction',
      one({ command: 'x', enabled: true, disabled: true }),
      /disabled: says something else than `enabled`/,
    ],
    ['two addresses', one({ url: 'https://a/', httpUrl: 'https://b/' }), /httpUrl: says something else than `url`/],
    ['two roots', { servers: {}, mcpServers: {} }, /servers: `mcpServers` is there too/],
    ['a foreign value of a foreign key', one({ command: 'x', disabled: 'yes' }), /disabled: unknown key/],
    ['stdio with an address', one({ type: 'stdio', url: 'https://a/' }), /type: expected `http`, `sse` or `ws`/],
    ['an OAuth client of a program', one({ command: 'x', oauth_client_id: 'x' }), /oauth_client_id: only for a server/],
    ['an unknown key', one({ command: 'x', watch: true }), /watch: unknown key/],
  ])('refuses %s', async (_what, file, expected) => {
    expect((await read(file)).problems.join('\n')).toMatch(expected);
  });

  it('points at the place where a foreign key was written', async () => {
    const text = '{\n "servers": {\n  "one": { "httpUrl":\n   "ftp://x" } } }';
    const checked = checkDraft(await draftOf('f', text, 'json'), { env: {}, files: new Map() });
    expect(checked.problems.map(formatProblem)).toEqual([
      'f:3:12: servers.one.httpUrl: expected a URL that begins with http:// or https://',
    ]);
  });
});
