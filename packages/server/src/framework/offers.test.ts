import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { connectInMemory } from '../kit/client.ts';
import type { Log } from '../serving/log.ts';
import { ToolError } from './errors.ts';
import { createServer, type McpServer } from './server.ts';

interface Opened {
  readonly server: McpServer;
  readonly lines: Parameters<Log>[];
}

function open(): Opened {
  const lines: Parameters<Log>[] = [];
  return { lines, server: createServer({ name: 'test', version: '1.0.0', log: (...line) => void lines.push(line) }) };
}

const ERAS = ['session', 'stateless'] as const;
const failing = (): never => {
  throw new Error('secret /etc/db');
};

describe('a resource', () => {
  const results: [string, unknown, object[]][] = [
    ['a text', 'hello', [{ uri: 'test://a', mimeType: 'text/x', text: 'hello' }]],
    ['bytes', new Uint8Array([0, 255]), [{ uri: 'test://a', mimeType: 'text/x', blob: 'AP8=' }]],
    ['a part of a buffer', Buffer.from('xhix').subarray(1, 3), [{ uri: 'test://a', mimeType: 'text/x', blob: 'aGk=' }]],
    ['JSON', { a: [1] }, [{ uri: 'test://a', mimeType: 'text/x', text: '{"a":[1]}' }]],
    ['a list that is no contents', [{ uri: 5 }], [{ uri: 'test://a', mimeType: 'text/x', text: '[{"uri":5}]' }]],
    [
      'its parts',
      [
        { uri: 'test://a/1', text: '1' },
        { uri: 'test://a/2', blob: 'AA==' },
      ],
      [
        { uri: 'test://a/1', text: '1' },
        { uri: 'test://a/2', blob: 'AA==' },
      ],
    ],
  ];

  it.each(results)('is read as %s', async (_what, result, contents) => {
    const { server } = open();
    server.addResource({ uri: 'test://a', name: 'a', mimeType: 'text/x' }, () => result as string);
    expect(await (await connectInMemory(server)).readResource('test://a')).toEqual(contents);
  });

  it.each(ERAS)('that is not there is an error of the %s era', async (era) => {
    const { server } = open();
    const client = await connectInMemory(server, { era });
    const code = era === 'session' ? -32002 : -32602;
    await expect(client.readResource('test://a')).rejects.toMatchObject({ code, data: { uri: 'test://a' } });
    await expect(client.request('resources/read', { uri: 5 })).rejects.toMatchObject({ code: -32602 });
  });

  it('that fails tells an id, or what is meant for its caller', async () => {
    const { lines, server } = open();
    server.addResource({ uri: 'test://a', name: 'a' }, failing);
    server.addResource({ uri: 'test://b', name: 'b' }, () => {
      throw new ToolError('It is locked.');
    });
    const client = await connectInMemory(server);
    const error: unknown = await client.readResource('test://a').catch((thrown: unknown) => thrown);
    const id = (lines[0]?.[2] ?? {})['id'];
    expect(error).toMatchObject({ code: -32603, message: `The resource failed (id ${String(id)}).`, data: { id } });
    await expect(client.readResource('test://b')).rejects.toMatchObject({ message: 'It is locked.' });
    expect(lines).toHaveLength(1);
  });

  it.each([
    [{ uri: 'relative', name: 'a' }, /absolute/],
    [{ uri: 'test://a', name: '' }, /name/],
    [{ uri: 'test://taken', name: 'a' }, /already/],
  ])('%j is none', (definition, problem) => {
    const { server } = open();
    server.addResource({ uri: 'test://taken', name: 'taken' }, () => '');
    expect(() => server.addResource(definition, () => '')).toThrow(problem);
  });
});

describe('a template of resources', () => {
  it('is read by what it is made of, after the resources that were added', async () => {
    const { server } = open();
    server.addResourceTemplate(
      { uriTemplate: 'db://{table}/{id}', name: 'row', mimeType: 'application/json' },
      (variables, _context, uri) => ({
        ...variables,
        uri,
      }),
    );
    server.addResource({ uri: 'db://users/0', name: 'nobody' }, () => 'nobody');
    const client = await connectInMemory(server);
    const uri = 'db://users/a%2Fb';
    expect(await client.readResource(uri)).toEqual([
      { uri, mimeType: 'application/json', text: JSON.stringify({ table: 'users', id: 'a/b', uri }) },
    ]);
    expect(await client.readResource('db://users/0')).toEqual([{ uri: 'db://users/0', text: 'nobody' }]);
    expect((await client.request('resources/templates/list'))['resourceTemplates']).toEqual([
      { uriTemplate: 'db://{table}/{id}', name: 'row', mimeType: 'application/json' },
    ]);
  });

  it('lists what there is of it now, page by page; one that cannot tell is left out', async () => {
    const lines: unknown[] = [];
    const server = createServer({
      name: 'test',
      version: '1.0.0',
      pageSize: 2,
      log: (...line) => void lines.push(line),
    });
    server.addResource({ uri: 'db://0', name: '0' }, () => '');
    server.addResourceTemplate({ uriTemplate: 'bad://{id}', name: 'bad', list: failing }, () => '');
    server.addResourceTemplate(
      {
        uriTemplate: 'db://{id}',
        name: 'row',
        mimeType: 'text/plain',
        list: ({ user }) => Promise.resolve(['1', '2', user.id].map((name) => ({ uri: `db://${name}`, name }))),
      },
      () => '',
    );
    const client = await connectInMemory(server);
    const first = await client.request('resources/list');
    const second = await client.request('resources/list', { cursor: first['nextCursor'] ?? null });
    const mimeType = 'text/plain';
    expect(first['resources']).toEqual([
      { uri: 'db://0', name: '0' },
      { uri: 'db://1', name: '1', mimeType },
    ]);
    expect(second).toEqual({
      resources: [
        { uri: 'db://2', name: '2', mimeType },
        { uri: 'db://alice', name: 'alice', mimeType },
      ],
    });
    expect(lines).toMatchObject([
      ['error', 'a list of resources failed', { template: 'bad://{id}' }],
      expect.anything(),
    ]);
  });

  it('completes only variables that it has', () => {
    const { server } = open();
    const complete = { other: ['a'] };
    expect(() => server.addResourceTemplate({ uriTemplate: 'a:{b}', name: 'a', complete }, () => '')).toThrow(
      /no variable "other"/,
    );
    expect(() => server.addResourceTemplate({ uriTemplate: 'a:{b', name: 'a' }, () => '')).toThrow(/RFC 6570/);
  });
});

describe('a prompt', () => {
  it('shows its arguments, and checks them', async () => {
    const { lines, server } = open();
    const argsSchema = z.object({ city: z.string().min(2).describe('Where'), day: z.string().optional() });
    server.addPrompt(
      { name: 'plan', description: 'Plans.', argsSchema },
      ({ city, day }) => `${city} ${day ?? 'today'}`,
    );
    server.addPrompt({ name: 'list', arguments: [{ name: 'a', required: true }] }, ({ a }) => ({
      description: 'other',
      messages: [{ role: 'assistant', content: { type: 'text', text: a ?? '' } }],
    }));
    server.addPrompt({ name: 'fails' }, failing);
    server.addPrompt({ name: 'wrong' }, () => 5 as unknown as string);
    const client = await connectInMemory(server);
    expect((await client.request('prompts/list'))['prompts']).toMatchObject([
      {
        name: 'plan',
        arguments: [
          { name: 'city', description: 'Where', required: true },
          { name: 'day', required: false },
        ],
      },
      { name: 'list', arguments: [{ name: 'a', required: true }] },
      { name: 'fails' },
      { name: 'wrong' },
    ]);
    expect(await client.getPrompt('plan', { city: 'Rome' })).toEqual({
      description: 'Plans.',
      messages: [{ role: 'user', content: { type: 'text', text: 'Rome today' } }],
    });
    expect(await client.getPrompt('list', { a: 'x' })).toMatchObject({
      description: 'other',
      messages: [{ role: 'assistant' }],
    });
    await expect(client.getPrompt('plan', { city: 'R' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('prompt plan: city: ') as unknown,
    });
    await expect(client.getPrompt('list')).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('a: is missing') as unknown,
    });
    await expect(client.getPrompt('list', { a: '', b: '' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('b: not known') as unknown,
    });
    await expect(client.request('prompts/get', { name: 'list', arguments: { a: 5 } })).rejects.toMatchObject({
      code: -32602,
    });
    await expect(client.getPrompt('none')).rejects.toMatchObject({ code: -32602, message: 'Unknown prompt: none' });
    await expect(client.getPrompt('fails')).rejects.toMatchObject({
      code: -32603,
      message: expect.stringMatching(/^The prompt failed \(id /) as unknown,
    });
    await expect(client.getPrompt('wrong')).rejects.toMatchObject({ code: -32603 });
    expect(lines).toHaveLength(2);
  });
});

describe('completion', () => {
  it('gives the values that begin so, or those that are looked up, a hundred at most', async () => {
    const { server } = open();
    server.addPrompt(
      {
        name: 'p',
        arguments: [{ name: 'language' }, { name: 'many' }, { name: 'city' }, { name: 'bad' }],
        complete: {
          language: ['python', 'pytorch', 'ruby'],
          many: Array.from({ length: 150 }, (_each, index) => `v${index}`),
          city: (value, { user }, { language = '' }) => [`${value} ${language} ${user.id}`],
          bad: failing,
        },
      },
      () => '',
    );
    server.addResourceTemplate({ uriTemplate: 'a:{id}', name: 'a', complete: { id: ['1', '12'] } }, () => '');
    const client = await connectInMemory(server);
    const complete = async (ref: object, name: string, value: string, given: object = {}): Promise<unknown> =>
      (
        await client.request('completion/complete', {
          ref: { ...ref },
          argument: { name, value },
          context: { arguments: { ...given } },
        })
      )['completion'];
    const prompt = { type: 'ref/prompt', name: 'p' };
    expect(await complete(prompt, 'language', 'py')).toEqual({
      values: ['python', 'pytorch'],
      total: 2,
      hasMore: false,
    });
    expect(await complete(prompt, 'many', 'v')).toMatchObject({ total: 150, hasMore: true, values: { length: 100 } });
    expect(await complete(prompt, 'city', 'Ro', { language: 'it', n: 5 })).toMatchObject({ values: ['Ro it alice'] });
    expect(await complete({ type: 'ref/resource', uri: 'a:{id}' }, 'id', '12')).toMatchObject({ values: ['12'] });
    const nothing = { values: [], total: 0, hasMore: false };
    expect(await complete(prompt, 'other', '')).toEqual(nothing);
    expect(await complete({ type: 'ref/prompt', name: 'none' }, 'language', '')).toEqual(nothing);
    expect(await complete(prompt, '__proto__', '')).toEqual(nothing);
    await expect(complete(prompt, 'bad', '')).rejects.toMatchObject({ code: -32603 });
    await expect(client.request('completion/complete', {})).rejects.toMatchObject({ code: -32602 });
  });
});

it('says what a server can do, and no more', async () => {
  const { server } = open();
  const capabilities = async (): Promise<unknown> => (await connectInMemory(server)).server['capabilities'];
  expect(await capabilities()).toEqual({ logging: {} });
  server.addTool({ name: 'x' }, () => '').remove();
  server.addResource({ uri: 'test://a', name: 'a' }, () => '');
  server.addPrompt({ name: 'p', arguments: [{ name: 'a' }], complete: { a: [] } }, () => '');
  expect(await capabilities()).toEqual({
    logging: {},
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    prompts: { listChanged: true },
    completions: {},
  });
});

it.each(ERAS)('a server says who it is in the %s era, and takes no calls when it is closed', async (era) => {
  const info = { name: 'notes', version: '2.0.0', title: 'Notes', websiteUrl: 'https://example.com' };
  const server = createServer({ ...info, instructions: 'Ask first.' });
  const client = await connectInMemory(server, { era });
  const said =
    era === 'session'
      ? client.server['serverInfo']
      : (client.server['_meta'] as Record<string, unknown>)['io.modelcontextprotocol/serverInfo'];
  expect([said, client.server['instructions']]).toEqual([info, 'Ask first.']);
  server.close();
  server.close();
  await expect(client.listTools()).rejects.toMatchObject({ code: -31001 });
});
