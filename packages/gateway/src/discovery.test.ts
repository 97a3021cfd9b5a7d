/**
 * Discovery through all the rooms: whatever way a tool is found and called, it is the same tool to policy, approval and audit, and
 * what somebody may not see is nowhere.
 */

import type { JsonObject } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { ANYBODY, call, openSetting, send, serveRemote, type Setting } from './cli/testing/stranger.ts';

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of disposables.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(more: object): Promise<Setting> {
  const setting = await openSetting(more);
  disposables.push(setting);
  return setting;
}

const DONE = { content: [{ type: 'text', text: 'done' }] };
const shownIn = ({ tools }: JsonObject): unknown => (tools as JsonObject[]).map(({ name }) => name);
const WITHOUT_VAULT = { policy: { rules: [{ effect: 'allow', servers: ['files'] }] } };

describe('what somebody may not see', () => {
  it('is neither found nor described nor called, by whatever way, and is refused as what does not exist', async () => {
    const setting = await start({ discovery: 'search', ...WITHOUT_VAULT });
    const listed = JSON.stringify(await send(setting, 'tools/list'));
    const found = await call(setting, 'find_tools', { query: 'reads a file of secrets in the vault', limit: 50 });
    expect(listed).not.toContain('vault');
    expect(JSON.stringify(found)).not.toContain('vault');
    expect(shownIn(found['structuredContent'] as JsonObject)).toContain('files__read_file');
    const nothing = await call(setting, 'find_tools', { query: 'file', server: 'vault' });
    expect(nothing['isError']).toBe(true);
    for (const way of ['call_tool', 'call_read_tool']) {
      const refused = await call(setting, way, { name: 'vault__open_vault', arguments: {} });
      const unknown = await call(setting, way, { name: 'vault__no_such', arguments: {} });
      expect(refused).toEqual({ error: -32602, message: 'Unknown tool: vault__open_vault' });
      expect(unknown).toEqual({ error: -32602, message: 'Unknown tool: vault__no_such' });
    }
    const described = await call(setting, 'describe_tools', { names: ['vault__open_vault'] });
    const unknown = await call(setting, 'describe_tools', { names: ['vault__no_such_1'] });
    expect(JSON.stringify(described).replace('open_vault', 'no_such_1')).toBe(JSON.stringify(unknown));
    expect(setting.remote.called).toEqual([]);
  });

  it('is no group', async () => {
    const setting = await start({ discovery: 'groups', ...WITHOUT_VAULT });
    expect(JSON.stringify(await send(setting, 'tools/list'))).not.toContain('vault');
    const got = await call(setting, 'get_dynamic_tools', { group: 'vault' });
    expect(got).toEqual({ error: -32603, message: 'Failed to list tools: Group not found: vault' });
    const called = await call(setting, 'call_dynamic_tool', { group: 'vault', name: 'open_vault', args: {} });
    const unknown = await call(setting, 'call_dynamic_tool', { group: 'vault', name: 'no_such', args: {} });
    expect(called['isError']).toBe(true);
    expect(JSON.stringify(called).replace('open_vault', 'no_such')).toBe(JSON.stringify(unknown));
    expect(setting.remote.called).toEqual([]);
  });
});

describe('find_tools', () => {
  it('looks at one server alone where it is told to', async () => {
    const setting = await start({ discovery: 'search' });
    const found = await call(setting, 'find_tools', { query: 'reads a file of secrets', server: 'files' });
    expect(shownIn(found['structuredContent'] as JsonObject)).not.toContain('vault__open_vault');
    expect(shownIn(found['structuredContent'] as JsonObject)).toContain('files__read_file');
    const anywhere = await call(setting, 'find_tools', { query: 'reads a file of secrets', limit: 1 });
    expect(shownIn(anywhere['structuredContent'] as JsonObject)).toEqual(['vault__open_vault']);
  });
});

describe('a call that is meant', () => {
  it('goes to its tool with the arguments as they were written, and is recorded as that call', async () => {
    const setting = await start({ discovery: 'search' });
    const text =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"arguments":{"n":12345678901234567890},"name":"files__write_file"},"name":"call_tool"}}';
    const { params } = JSON.parse(text) as { params: JsonObject };
    expect(await send(setting, 'tools/call', params, { text })).toEqual(DONE);
    expect(setting.remote.called[0]).toContain('"arguments":{"n":12345678901234567890}');
    expect(setting.remote.called[0]).toContain('"name":"write_file"');
    const [record] = setting.recorded;
    expect([record?.target?.canonicalId, record?.via?.name]).toEqual(['files__write_file', 'call_tool']);
  });

  it('is denied by the policy for its target', async () => {
    const rules = [
      { effect: 'allow', servers: ['*'] },
      { effect: 'deny', tools: ['files__write_file'], when: 'arguments.path == "/etc"' },
    ];
    const setting = await start({ discovery: 'search', policy: { rules } });
    const args = (path: string): JsonObject => ({ name: 'files__write_file', arguments: { path } });
    expect(await call(setting, 'call_tool', args('/tmp'))).toEqual(DONE);
    expect(await call(setting, 'call_tool', args('/etc'))).toMatchObject({ error: -31003 });
  });

  it('reads only, where that was asked for', async () => {
    const setting = await start({ discovery: 'search' });
    expect(await call(setting, 'call_read_tool', { name: 'files__read_file' })).toEqual(DONE);
    for (const name of ['files__write_file', 'files__delete_file']) {
      expect(await call(setting, 'call_read_tool', { name }, { person: true })).toMatchObject({ error: -31003 });
    }
    expect(setting.remote.called).toHaveLength(1);
  });

  it('says what is wrong with its own arguments as a tool does', async () => {
    const setting = await start({ discovery: 'search' });
    expect(await call(setting, 'call_tool', {})).toMatchObject({ isError: true });
    expect(await call(setting, 'call_tool', { name: 'files__read_file', arguments: [] })).toMatchObject({
      isError: true,
    });
    expect(await call(setting, 'find_tools', { query: ' ' })).toMatchObject({ isError: true });
  });
});

describe('a tool that destroys', () => {
  const target = { name: 'files__delete_file', arguments: { path: '/x' } };

  it('is asked about in search mode, unless its own name is always shown', async () => {
    const setting = await start({ discovery: 'search' });
    const asked: string[] = [];
    expect(await call(setting, 'call_tool', target, { person: false, asked })).toMatchObject({ error: -31003 });
    expect(await call(setting, 'call_tool', target)).toMatchObject({ error: -31003 });
    expect(setting.remote.called).toEqual([]);
    expect(await call(setting, 'call_tool', target, { person: true, asked })).toEqual(DONE);
    expect(asked).toHaveLength(2);
    expect(await call(setting, 'files__delete_file', { path: '/x' })).toMatchObject({ error: -31003 });
    const shown = await start({ discovery: { mode: 'search', always: ['files__delete_*'] } });
    expect(await call(shown, 'files__delete_file', { path: '/x' })).toEqual(DONE);
    expect(await call(shown, 'call_tool', target)).toMatchObject({ error: -31003 });
    expect(asked[0]).toContain('delete_file');
  });

  it('is asked about in rounds of a client without a session, and the yes is good for that call once', async () => {
    const setting = await start({ discovery: 'search' });
    const client = { era: 'stateless', person: true } as const;
    const params = (args: JsonObject): JsonObject => ({
      name: 'call_tool',
      arguments: { name: 'files__delete_file', arguments: args },
    });
    const asked = await send(setting, 'tools/call', params({ path: '/x' }), client);
    expect(asked).toMatchObject({ resultType: 'input_required' });
    expect(setting.remote.called).toEqual([]);
    const reply = {
      requestState: asked['requestState'],
      inputResponses: { 'sallyport-approval': { action: 'accept', content: { approve: true } } },
    } as JsonObject;
    const other = await send(setting, 'tools/call', { ...params({ path: '/y' }), ...reply }, client);
    expect(other).toMatchObject({ error: -32602 });
    expect(await send(setting, 'tools/call', { ...params({ path: '/x' }), ...reply }, client)).toMatchObject(DONE);
    expect(await send(setting, 'tools/call', { ...params({ path: '/x' }), ...reply }, client)).toMatchObject({
      error: -32602,
    });
    expect(setting.remote.called).toHaveLength(1);
  });

  it('is not asked about where a rule allows it, nor where its definition was shown', async () => {
    const allowed = await start({ discovery: 'search', policy: { rules: [{ effect: 'allow', servers: ['*'] }] } });
    expect(await call(allowed, 'call_tool', target)).toEqual(DONE);
    const full = await start({ discovery: 'full' });
    expect(await call(full, 'files__delete_file', { path: '/x' })).toEqual(DONE);
  });
});

describe('the tools of dynamic-mcp', () => {
  it('give the schemas of a group and call its tools by their own names', async () => {
    const setting = await start({ discovery: 'groups' });
    const { tools } = (await send(setting, 'tools/list')) as { tools: JsonObject[] };
    expect(tools.map(({ name }) => name)).toEqual(['get_dynamic_tools', 'call_dynamic_tool']);
    expect(tools[0]).toMatchObject({
      inputSchema: { properties: { group: { enum: ['files', 'vault'] } }, required: ['group'] },
    });
    expect(tools[0]?.['description']).toContain('Available groups:\n- files: Files of this machine\n- vault: A vault');
    const got = (await call(setting, 'get_dynamic_tools', { group: 'files' })) as { content: { text: string }[] };
    const [first] = JSON.parse(got.content[0]?.text ?? '') as JsonObject[];
    expect(first).toEqual({ name: 'read_file', description: 'Reads a file', inputSchema: { type: 'object' } });
    const args = { group: 'files', name: 'read_file', args: { path: '/x' } };
    expect(await call(setting, 'call_dynamic_tool', args)).toEqual(DONE);
    expect(setting.remote.called[0]).toContain('"arguments":{"path":"/x"}');
  });

  it('fail as its users know, with the failure said of the result itself', async () => {
    const setting = await start({ discovery: 'groups' });
    expect(await call(setting, 'get_dynamic_tools', {})).toMatchObject({ error: -32602 });
    expect(await call(setting, 'call_dynamic_tool', { group: 'files' })).toMatchObject({ error: -32602 });
    expect(await call(setting, 'call_dynamic_tool', { group: 'files', name: 'no_such' })).toEqual({
      content: [{ type: 'text', text: 'Tool execution failed: Unknown tool: files__no_such' }],
      isError: true,
    });
  });
});

describe('a tool that is called like one of another group', () => {
  it('does not get the calls of that one', async () => {
    const remote = await serveRemote();
    disposables.push(remote);
    const mcpServers = {
      files: { url: `${remote.url}/files`, type: 'http' },
      mimic: { url: `${remote.url}/mimic`, type: 'http' },
    };
    const setting = await start({
      mcpServers,
      discovery: 'groups',
      naming: 'plain',
      policy: { default: 'allow', rules: [{ effect: 'deny', tools: ['files__write_file'] }] },
    });
    for (const name of ['write_file', 'no_such']) {
      expect(await call(setting, 'call_dynamic_tool', { group: 'files', name, args: { text: 'private' } })).toEqual({
        content: [{ type: 'text', text: `Tool execution failed: Unknown tool: files__${name}` }],
        isError: true,
      });
    }
    expect(remote.called).toEqual([]);
    const own = { group: 'mimic', name: 'files__write_file', args: {} };
    expect(await call(setting, 'call_dynamic_tool', own)).toEqual(DONE);
  });
});

describe('what is shown', () => {
  it('is the same bytes again, with the tools that are always there', async () => {
    const discovery = { mode: 'search', always: ['files__read_*'] };
    const [one, other] = [await start({ discovery }), await start({ discovery })];
    const shown = await send(one, 'tools/list');
    expect(shownIn(shown)).toEqual(['find_tools', 'describe_tools', 'call_read_tool', 'call_tool', 'files__read_file']);
    expect(JSON.stringify(await send(other, 'tools/list'))).toBe(JSON.stringify(shown));
  });

  it('follows the view, then the request, which narrows it', async () => {
    const setting = await start({ discovery: 'groups', views: { all: { discovery: 'full' } } });
    const listed = async (endpoint: string): Promise<number> =>
      (shownIn(await send(setting, 'tools/list', {}, { endpoint })) as string[]).length;
    expect([await listed('/mcp'), await listed('/mcp/v/all'), await listed('/mcp?discovery=search')]).toEqual([
      2, 4, 4,
    ]);
    const placed = (path: string, query: string): unknown => setting.rooms.place(path, query, ANYBODY);
    expect(placed('/mcp', 'discovery=search')).toBe('/mcp?discovery=search');
    expect(placed('/mcp', 'discovery=full')).toBeUndefined();
    expect(placed('/mcp/v/all', 'discovery=full')).toBe('/mcp/v/all?discovery=full');
    expect(placed('/mcp', 'discovery=none')).toBeUndefined();
  });

  it('is everything while that costs less than the budget', async () => {
    const shows = async (budget: number): Promise<unknown> =>
      shownIn(await send(await start({ discovery: { budget } }), 'tools/list'));
    expect(await shows(10_000)).toHaveLength(4);
    expect(await shows(50)).toContain('find_tools');
  });
});
