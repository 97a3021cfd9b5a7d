import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Answer, Exchange } from '../exchange.ts';
import { connectInMemory } from '../kit/client.ts';
import { fakePrincipal } from '../kit/principal.ts';
import type { Log } from '../serving/log.ts';
import type { Content } from './definitions.ts';
import { ToolError } from './errors.ts';
import { createServer, type McpServer } from './server.ts';
import type { AnySchema } from './standard-schema.ts';

interface Logged {
  readonly server: McpServer;
  readonly lines: Parameters<Log>[];
}

function open(): Logged {
  const lines: Parameters<Log>[] = [];
  const server = createServer({ name: 'test', version: '1.0.0', log: (...line) => void lines.push(line) });
  return { server, lines };
}

const text = (value: string): Content[] => [{ type: 'text', text: value }];

describe('the input schema of a tool', () => {
  const schemas: [string, AnySchema][] = [
    ['zod', z.object({ count: z.number(), name: z.string().optional() })],
    ['valibot', v.object({ count: v.number(), name: v.optional(v.string()) })],
    [
      'valibot as Standard JSON Schema',
      toStandardJsonSchema(v.object({ count: v.number(), name: v.optional(v.string()) })),
    ],
    ['arktype', type({ count: 'number', 'name?': 'string' })],
    [
      'plain JSON Schema',
      { type: 'object', properties: { count: { type: 'number' }, name: { type: 'string' } }, required: ['count'] },
    ],
  ];

  it.each(schemas)('S2-17 S2-18 of %s is shown, and checks arguments', async (_library, inputSchema) => {
    const { server } = open();
    server.addTool({ name: 'count', inputSchema }, (params) => JSON.stringify(params));
    const client = await connectInMemory(server);
    expect((await client.listTools())[0]?.['inputSchema']).toMatchObject({
      type: 'object',
      properties: { count: { type: 'number' }, name: { type: 'string' } },
      required: ['count'],
    });
    expect(await client.callTool('count', { count: 1 })).toEqual({ content: text('{"count":1}') });
    const bad = await client.callTool('count', { count: 'one' });
    expect(bad).toMatchObject({ isError: true });
    expect(bad.content[0]?.['text']).toMatch(
      /^The arguments do not fit the input schema of count, so the tool was not called: count\b/,
    );
    // Many clients send null for what they leave out.
    expect(await client.callTool('count', { count: 1, name: null })).toEqual({ content: text('{"count":1}') });
    await expect(client.request('tools/call', { name: 'count', arguments: [] })).rejects.toMatchObject({
      code: -32602,
    });
  });

  it('types what the handler gets', async () => {
    const { server } = open();
    server.addTool(
      {
        name: 'add',
        inputSchema: z.object({ a: z.number(), b: z.number().default(2) }),
        outputSchema: z.object({ sum: z.number() }),
      },
      ({ a, b }) => ({ sum: a + b }),
    );
    // @ts-expect-error: the result is not what the output schema says.
    server.addTool({ name: 'wrong', outputSchema: z.object({ sum: z.number() }) }, () => ({ sum: 'three' }));
    const client = await connectInMemory(server);
    expect(await client.callTool('add', { a: 1 })).toEqual({
      content: text('{"sum":3}'),
      structuredContent: { sum: 3 },
    });
  });

  it('S2-17 says whether unknown members are refused', async () => {
    const { server } = open();
    const shape = { a: z.number() };
    const json = { type: 'object', properties: { a: { type: 'number' } }, additionalProperties: false };
    const handler = (params: unknown): string => JSON.stringify(params);
    server.addTool({ name: 'strict', inputSchema: z.strictObject(shape) }, handler);
    server.addTool({ name: 'plain', inputSchema: json }, handler);
    server.addTool({ name: 'stripped', inputSchema: z.object(shape) }, handler);
    const client = await connectInMemory(server);
    const args = { a: 1, isAdmin: true };
    expect(await client.callTool('strict', args)).toMatchObject({ isError: true });
    expect(await client.callTool('plain', args)).toMatchObject({ isError: true });
    expect(await client.callTool('stripped', args)).toEqual({ content: text('{"a":1}') });
  });

  it('may take its time, as schemas that look something up do', async () => {
    const { server } = open();
    const inputSchema = z.object({
      name: z.string().refine((name) => Promise.resolve(name === 'known'), 'nobody knows it'),
    });
    server.addTool({ name: 'look', inputSchema }, ({ name }) => name);
    const client = await connectInMemory(server);
    expect(await client.callTool('look', { name: 'known' })).toEqual({ content: text('known') });
    expect((await client.callTool('look', { name: 'x' })).content[0]?.['text']).toContain('name: nobody knows it');
  });

  const schemaless = {
    '~standard': { version: 1, vendor: 'other', validate: (value: unknown) => ({ value }) },
  } as const;
  const refused: [string, object, RegExp][] = [
    [
      'of a library that cannot say what it is',
      { name: 'x', inputSchema: schemaless },
      /version of other does not give/,
    ],
    [
      'that cannot be JSON',
      { name: 'x', inputSchema: z.object({ at: z.date() }) },
      /inputSchema of the tool x cannot be written/,
    ],
    ['of no object', { name: 'x', inputSchema: z.string() }, /"type": "object"/],
    ['of no object, as JSON', { name: 'x', inputSchema: { type: 'string' } }, /"type": "object"/],
    ['that refers to nothing', { name: 'x', inputSchema: { type: 'object', $ref: '#/nowhere' } }, /cannot be used/],
    [
      'with a pattern that takes more than linear time',
      { name: 'x', inputSchema: { type: 'object', properties: { a: { type: 'string', pattern: '(?=a)a' } } } },
      /linear time/,
    ],
    [
      'with a header that is none',
      { name: 'x', inputSchema: { type: 'object', properties: { a: { type: 'number', 'x-mcp-header': 'A' } } } },
      /x-mcp-header/,
    ],
    ['of the output of no object', { name: 'x', outputSchema: { type: 'array' } }, /outputSchema of the tool x/],
    ['without a name', { name: '' }, /1 to 128/],
    ['with a name of other characters', { name: 'a b' }, /1 to 128/],
    ['with a name that is taken', { name: 'taken' }, /There is a tool "taken" already/],
  ];

  it.each(refused)('%s is an error where it is added', (_what, definition, problem) => {
    const { server } = open();
    server.addTool({ name: 'taken' }, () => '');
    expect(() => server.addTool(definition as { name: string }, () => '')).toThrow(problem);
  });
});

it('an argument that is a header too is refused when the two contradict each other', async () => {
  const { server } = open();
  const inputSchema = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } };
  server.addTool({ name: 'x', inputSchema }, ({ region }) => region);
  const call = (headers: Exchange['headers'], era: Exchange['era'] = 'stateless'): Promise<Answer> =>
    server.served.handle({
      message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x', arguments: { region: 'eu' } } },
      era,
      headers,
      principal: fakePrincipal(),
    } as Partial<Exchange> as Exchange);
  for (const headers of [{}, { 'mcp-param-region': 'us' }]) {
    expect(await call(headers)).toMatchObject({ kind: 'error', status: 400, error: { code: -32020 } });
    expect(await call(headers, 'session')).toMatchObject({ kind: 'result' });
  }
  expect(await call({ 'mcp-param-region': 'eu' })).toMatchObject({ kind: 'result' });
  expect(await call(undefined)).toMatchObject({ kind: 'result' });
});

describe('what a tool returns', () => {
  const shapes: [string, unknown, object][] = [
    ['a text', 'hello', { content: text('hello') }],
    ['nothing', undefined, { content: [] }],
    ['a number', 5, { content: text('5') }],
    ['a list', [1, 'a'], { content: text('[1,"a"]') }],
    ['an object', { a: null }, { content: text('{"a":null}') }],
    [
      'a whole result',
      { content: text('x'), isError: true, _meta: { a: 1 } },
      { content: text('x'), isError: true, _meta: { a: 1 } },
    ],
    [
      'content that a later revision knows',
      { content: [{ type: 'hologram', depth: 3 }] },
      { content: [{ type: 'hologram', depth: 3 }] },
    ],
  ];

  it.each(shapes)('%s becomes content', async (_what, returned, result) => {
    const { server } = open();
    server.addTool({ name: 'x' }, () => returned);
    expect(await (await connectInMemory(server)).callTool('x')).toEqual(result);
  });

  it('is structured where there is an output schema', async () => {
    const { server } = open();
    const outputSchema = { type: 'object', properties: { content: { type: 'array' }, n: { type: 'number' } } };
    const own = { content: [{ type: 'mine' }], n: 1 };
    server.addTool({ name: 'value', outputSchema }, () => own);
    server.addTool({ name: 'whole', outputSchema }, () => ({ content: text('so'), structuredContent: { n: 2 } }));
    server.addTool({ name: 'half', outputSchema: { type: 'object' } }, () => ({ content: text('so') }));
    server.addTool({ name: 'failed', outputSchema }, () => ({ content: text('no'), isError: true }));
    const client = await connectInMemory(server);
    expect(await client.callTool('value')).toEqual({ content: text(JSON.stringify(own)), structuredContent: own });
    expect(await client.callTool('whole')).toEqual({ content: text('so'), structuredContent: { n: 2 } });
    expect(await client.callTool('half')).toMatchObject({ isError: true });
    expect(await client.callTool('failed')).toEqual({ content: text('no'), isError: true });
  });

  it('does not leave when it breaks its own schema', async () => {
    const { lines, server } = open();
    const handler = (() => ({ total: 'secret-value' })) as unknown as () => { total: number };
    server.addTool({ name: 'sum', outputSchema: z.object({ total: z.number() }) }, handler);
    const result = await (await connectInMemory(server)).callTool('sum');
    expect(result).toMatchObject({ isError: true });
    expect(result.content[0]?.['text']).toMatch(/^The result of sum does not fit its output schema: total: /);
    expect(JSON.stringify(result)).not.toContain('secret-value');
    expect(lines).toMatchObject([['error', 'a tool returned what does not fit its output schema', { tool: 'sum' }]]);
  });
});

describe('a tool that fails', () => {
  it('S2-23 tells its caller an id alone, and the log the rest', async () => {
    const { lines, server } = open();
    server.addTool({ name: 'query' }, () => {
      throw new Error('secret /etc/db password=1');
    });
    const result = await (await connectInMemory(server)).callTool('query');
    const [, id] = /^The tool failed \(id ([\w-]{36})\)\.$/.exec(result.content[0]?.['text'] as string) ?? [];
    expect(result).toMatchObject({ isError: true });
    expect(lines).toMatchObject([['error', 'a tool failed', { id, tool: 'query', method: 'tools/call' }]]);
    expect(lines[0]?.[2]?.['error']).toContain('secret /etc/db password=1');
  });

  it('tells what is meant for its caller', async () => {
    const { lines, server } = open();
    server.addTool({ name: 'find' }, () => Promise.reject(new ToolError('There is no such note.')));
    const result = await (await connectInMemory(server)).callTool('find');
    expect(result).toEqual({ content: text('There is no such note.'), isError: true });
    expect(lines).toEqual([]);
  });

  it('is no fault when its client has cancelled', async () => {
    const { lines, server } = open();
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    server.addTool({ name: 'wait' }, (_params, { signal }) => {
      begun.resolve();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ended.resolve(signal.reason);
          reject(new Error('aborted'));
        });
      });
    });
    const client = await connectInMemory(server);
    const controller = new AbortController();
    const call = client.callTool('wait', {}, { signal: controller.signal });
    await begun.promise;
    controller.abort(new Error('not wanted'));
    await expect(call).rejects.toThrow('not wanted');
    expect(await ended.promise).toMatchObject({ message: 'The client has cancelled the call.' });
    await client.request('ping');
    expect(lines).toEqual([]);
  });
});
