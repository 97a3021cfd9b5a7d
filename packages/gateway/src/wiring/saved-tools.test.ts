/** Programs of the configuration through all the rooms: they are tools like all others, and their calls are calls of their caller. */

import type { JsonObject } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { call, openSetting, send, type Setting } from '../cli/testing/stranger.ts';
import { configOf } from '../cli/testing/assembly.ts';
import { ownSource } from './saved-tools.ts';
import { createPolicy } from '../policy/index.ts';
import { NO_EXTERNAL } from '../policy/testing/fixtures.ts';

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of disposables.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(more: object): Promise<Setting> {
  const setting = await openSetting(more);
  disposables.push(setting);
  return setting;
}

const TWICE = {
  description: 'Writes a text twice',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  code: 'const said = await Promise.all([1, 2].map((n) => tools.files.write_file({ path: args.path, n })));\nreturn said.join(" and ")',
};
const names = ({ tools }: JsonObject): unknown => (tools as JsonObject[]).map(({ name }) => name);
const textOf = ({ content }: JsonObject): unknown => (content as JsonObject[])[0]?.['text'];
const ALL = { effect: 'allow', servers: ['*'] };

describe('a program that is a tool', () => {
  it.each(['session', 'stateless'] as const)(
    'is listed and called like one, with its arguments, by a %s client',
    async (era) => {
      const setting = await start({ tools: { twice: TWICE }, discovery: 'full' });
      const client = era === 'stateless' ? { era } : {};
      const listed = await send(setting, 'tools/list', {}, client);
      expect(names(listed)).toContain('sallyport__twice');
      const result = await call(setting, 'sallyport__twice', { path: '/a' }, client);
      expect(textOf(result)).toBe('done and done');
      expect(
        setting.remote.called.map((body) => (JSON.parse(body) as { params: JsonObject }).params['arguments']),
      ).toEqual(
        expect.arrayContaining([
          { path: '/a', n: 1 },
          { path: '/a', n: 2 },
        ]),
      );
      const ids = setting.recorded.map(({ outer, target }) => [target?.canonicalId, outer?.target?.canonicalId]);
      expect(ids).toEqual(
        expect.arrayContaining([
          ['files__write_file', 'sallyport__twice'],
          ['sallyport__twice', undefined],
        ]),
      );
    },
  );

  it('is found, described and called in every other mode', async () => {
    const tools = { twice: TWICE };
    const search = await start({ tools, discovery: 'search' });
    const found = await call(search, 'find_tools', { query: 'write a text twice', limit: 1 });
    expect(names(found['structuredContent'] as JsonObject)).toEqual(['sallyport__twice']);
    const args = { name: 'sallyport__twice', arguments: { path: '/a' } };
    expect(textOf(await call(search, 'call_tool', args))).toBe('done and done');
    const code = await start({ tools, discovery: 'code' });
    expect(textOf(await call(code, 'run_code', { code: 'await tools.sallyport.twice({ path: "/a" })' }))).toBe(
      'done and done',
    );
    const groups = await start({ tools, discovery: 'groups' });
    const own = { group: 'sallyport', name: 'twice', args: { path: '/a' } };
    expect(textOf(await call(groups, 'call_dynamic_tool', own))).toBe('done and done');
  });

  it('is not there for whom the policy does not let see it, and does nothing that its caller may not do', async () => {
    const hidden = await start({
      tools: { twice: TWICE },
      policy: { rules: [{ effect: 'allow', servers: ['files'] }] },
    });
    expect(names(await send(hidden, 'tools/list'))).not.toContain('sallyport__twice');
    expect(await call(hidden, 'sallyport__twice', { path: '/a' })).toEqual({
      error: -32602,
      message: 'Unknown tool: sallyport__twice',
    });
    const rules = [{ effect: 'deny', tools: ['files__write_file'], when: "arguments.path == '/etc'" }, ALL];
    const denied = await start({ tools: { twice: TWICE }, policy: { rules } });
    const refused = await call(denied, 'sallyport__twice', { path: '/etc' });
    expect(refused['isError']).toBe(true);
    expect(textOf(refused)).toContain('ToolError');
    expect(denied.remote.called).toEqual([]);
    const unseen = await start({
      tools: { twice: TWICE },
      policy: { rules: [{ effect: 'allow', servers: ['sallyport'] }] },
    });
    expect(textOf(await call(unseen, 'sallyport__twice', { path: '/a' }))).toContain('TypeError: tools has no "files"');
  });

  it('calls no program of its kind, so none calls itself', async () => {
    const code = 'Object.keys(tools)';
    const setting = await start({ tools: { seen: { description: 'What it sees', code } } });
    expect(textOf(await call(setting, 'sallyport__seen', {}))).toBe('["files","vault"]');
  });

  it('changes nothing where it says so, whatever it calls', async () => {
    const annotations = { readOnlyHint: true };
    const reader = (tool: string): object => ({
      description: 'Reads',
      annotations,
      code: `await tools.files.${tool}()`,
    });
    const setting = await start({
      tools: { reads: reader('read_file'), writes: reader('write_file') },
      discovery: 'search',
    });
    expect(textOf(await call(setting, 'call_read_tool', { name: 'sallyport__reads' }))).toBe('done');
    const refused = await call(setting, 'call_read_tool', { name: 'sallyport__writes' });
    expect(textOf(refused)).toContain('known to change nothing');
    expect(setting.remote.called).toHaveLength(1);
  });

  it('gives what its output schema says, or fails', async () => {
    const outputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const tool = (code: string): object => ({ description: 'Counts', outputSchema, code });
    const tools = { good: tool('({ n: 1 })'), bad: tool('({ n: "1" })'), none: tool('console.log("here")') };
    const setting = await start({ tools });
    expect(await call(setting, 'sallyport__good', {})).toEqual({
      content: [{ type: 'text', text: '{"n":1}' }],
      structuredContent: { n: 1 },
    });
    const [bad, none] = [await call(setting, 'sallyport__bad', {}), await call(setting, 'sallyport__none', {})];
    expect([bad['isError'], bad['structuredContent'], textOf(bad)]).toEqual([
      true,
      undefined,
      expect.stringContaining('n: expected number'),
    ]);
    expect(none).toMatchObject({ isError: true, content: [{}, { text: 'Logged:\nhere' }] });
  });

  it('waits for what a person is asked in its midst, in rounds of a client without a session', async () => {
    const code = 'await tools.files.delete_file({ path: args.path })';
    const setting = await start({ tools: { clear: { description: 'Clears', code } }, discovery: 'search' });
    const client = { era: 'stateless', person: true } as const;
    const params = { name: 'sallyport__clear', arguments: { path: '/x' } };
    const asked = await send(setting, 'tools/call', params, client);
    expect(asked).toMatchObject({ resultType: 'input_required' });
    expect(setting.remote.called).toEqual([]);
    const [key = ''] = Object.keys(asked['inputRequests'] as JsonObject);
    const inputResponses = { [key]: { action: 'accept', content: { approve: true } } };
    const { requestState } = asked as { requestState: string };
    const answer = await send(setting, 'tools/call', { ...params, inputResponses, requestState }, client);
    expect(textOf(answer)).toBe('done');
    expect(setting.remote.called).toHaveLength(1);
  });

  it('ends in its time', async () => {
    const setting = await start({
      tools: { slow: { description: 'Never ends', code: 'for (;;);', timeout: '100ms' } },
    });
    const result = await call(setting, 'sallyport__slow', {});
    expect(textOf(result)).toContain('The program took longer than 0.1 s');
  });

  it('is another with another configuration', async () => {
    const setting = await start({ tools: { twice: TWICE } });
    const { rooms } = setting;
    expect(textOf(await call(setting, 'sallyport__twice', { path: '/a' }))).toBe('done and done');
    const mcpServers = { files: { url: `${setting.remote.url}/files`, type: 'http' } };
    const config = await configOf({
      mcpServers,
      tools: { twice: { ...TWICE, code: '7' }, more: { description: 'More', code: '8' } },
    });
    rooms.replace(config, await createPolicy(config.policy, NO_EXTERNAL));
    expect(names(await send(setting, 'tools/list'))).toEqual(
      expect.arrayContaining(['sallyport__more', 'sallyport__twice']),
    );
    expect(textOf(await call(setting, 'sallyport__twice', { path: '/a' }))).toBe('7');
    const without = await configOf({ mcpServers });
    rooms.replace(without, await createPolicy(undefined, NO_EXTERNAL));
    expect(await call(setting, 'sallyport__twice', { path: '/a' })).toMatchObject({ error: -32602 });
  });

  it('has a definition that changes with its program, so that it is pinned with it', async () => {
    const definition = async (code: string): Promise<unknown> => {
      const { tools } = await configOf({ tools: { it: { description: 'It', code } } });
      return (await ownSource('sallyport', tools, {})?.list('tools'))?.[0];
    };
    expect(await definition('1')).toEqual(await definition('1'));
    expect(await definition('1')).not.toEqual(await definition('2'));
  });
});
