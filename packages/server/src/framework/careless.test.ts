/** What careless handlers return and throw, and what callers try with names and scopes: nobody else is harmed by it. */

import type { JsonObject, JsonRpcRequest, JsonValue } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { type Answer, type Exchange } from '../exchange.ts';
import { connectInMemory } from '../kit/client.ts';
import { fakePrincipal } from '../kit/principal.ts';
import type { Log } from '../serving/log.ts';
import { createServer, type McpServer } from './server.ts';

interface Logged {
  readonly server: McpServer;
  readonly lines: Parameters<Log>[];
}

function open(): Logged {
  const lines: Parameters<Log>[] = [];
  const server = createServer({ name: 'test', version: '1.0.0', log: (...line) => void lines.push(line) });
  return { server, lines };
}

function circular(): JsonObject {
  const value: Record<string, JsonValue> = { type: 'text' };
  value['self'] = value;
  return value;
}

const FAILED = { content: [{ type: 'text', text: expect.stringMatching(/^The tool failed \(id [\da-f-]{36}\)\.$/) }] };
const ERAS = ['session', 'stateless'] as const;

describe.each(ERAS)('in the %s era', (era) => {
  it.each<[string, () => unknown]>([
    ['a big number in its content', () => ({ content: [{ type: 'text', text: 10n }] })],
    ['a circle in its content', () => ({ content: [circular()] })],
    [
      'a result that refuses to be written',
      () => ({
        toJSON: () => {
          throw new Error('no');
        },
      }),
    ],
    ['a whole result that says it is nothing', () => ({ content: [], toJSON: () => undefined })],
  ])('%s is the failure of the tool that returned it, and of nobody else', async (_what, returned) => {
    const { lines, server } = open();
    server.addTool({ name: 'careless' }, returned);
    const client = await connectInMemory(server, { era });
    const result = await client.callTool('careless');
    expect(result).toMatchObject({ ...FAILED, isError: true });
    expect((await client.listTools()).length).toBe(1);
    expect(lines.map(([, text]) => text)).toEqual(['a tool failed']);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['an object without a prototype', Object.create(null)],
    ['what fails when it is written', { toString: () => JSON.parse('no') as string }],
  ])('a handler may reject with %s', async (_what, reason) => {
    const { lines, server } = open();
    server.addTool({ name: 'careless' }, () => Promise.reject(reason as Error));
    const client = await connectInMemory(server, { era });
    expect(await client.callTool('careless')).toMatchObject({ ...FAILED, isError: true });
    expect(lines.map(([, text]) => text)).toEqual(['a tool failed']);
  });

  it('a question that no JSON can say fails where it is asked', async () => {
    const { server } = open();
    server.addTool({ name: 'asks' }, async (_given, { elicit }) => {
      const asked = elicit({ mode: 'url', message: 10n as never, url: 'https://example.test' });
      return await asked.then(String, (error: Error) => error.name);
    });
    const client = await connectInMemory(server, { era, elicit: () => ({ action: 'accept' }) });
    expect((await client.callTool('asks')).content).toEqual([{ type: 'text', text: 'TypeError' }]);
  });

  it('a list of a template that no JSON can say is left out, and said so', async () => {
    const { lines, server } = open();
    const list = (): never => [{ uri: 'test://1', name: 1n }] as never;
    server.addResourceTemplate({ uriTemplate: 'test://{id}', name: 'each', list }, () => 'it');
    server.addResource({ uri: 'other://1', name: 'one' }, () => 'it');
    const client = await connectInMemory(server, { era });
    expect(await client.request('resources/list')).toMatchObject({ resources: [{ uri: 'other://1', name: 'one' }] });
    expect(lines.map(([, text]) => text)).toEqual(['a list of resources failed']);
  });

  it.each<[string, unknown]>([
    ['a text', 'abc'],
    ['numbers', [1, 2n]],
  ])('a completer may return no %s', async (_what, values) => {
    const { lines, server } = open();
    const complete = { a: () => values as string[] };
    server.addPrompt({ name: 'p', arguments: [{ name: 'a' }], complete }, () => 'it');
    const client = await connectInMemory(server, { era });
    const asked = { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: '' } };
    await expect(client.request('completion/complete', asked)).rejects.toThrow(/^The completion failed \(id /);
    expect(lines.map(([, text]) => text)).toEqual(['a completion failed']);
  });

  it('a promise in all but name is waited for', async () => {
    const { server } = open();
    server.addTool({ name: 'query' }, () => ({ then: (done: (value: string) => void) => done('rows') }));
    const client = await connectInMemory(server, { era });
    expect((await client.callTool('query')).content).toEqual([{ type: 'text', text: 'rows' }]);
  });
});

it.each<[string, Log]>([
  [
    'throws',
    () => {
      throw new Error('full');
    },
  ],
  ['rejects', async () => await Promise.reject(new Error('full'))],
])('a log that %s changes nothing of what a caller is told', async (_what, log) => {
  const server = createServer({ name: 'test', version: '1.0.0', log });
  server.addTool({ name: 'fails' }, () => Promise.reject(new Error('no')));
  for (const era of ERAS) {
    const client = await connectInMemory(server, { era });
    expect(await client.callTool('fails')).toMatchObject({ isError: true });
  }
});

describe('a structured result', () => {
  it.each<[string, object, JsonObject | undefined]>([
    ['dates are texts', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['what is not defined is not there', { at: undefined, count: 1, more: undefined }, { count: 1 }],
    ['what is no number is null', { count: Number.NaN }, undefined],
  ])('is checked as it is sent: %s', async (_what, value, sent) => {
    const { server } = open();
    const properties = { at: { type: 'string' }, count: { type: 'number' } };
    const outputSchema = { type: 'object', properties, additionalProperties: false };
    server.addTool({ name: 'structured', outputSchema }, () => value);
    const result = await (await connectInMemory(server)).callTool('structured');
    expect([result.structuredContent, result.isError]).toEqual(
      sent === undefined ? [undefined, true] : [sent, undefined],
    );
  });
});

describe('a definition', () => {
  it('that no JSON can say is refused where it is added', () => {
    const { server } = open();
    expect(() => server.addTool({ name: 'a', _meta: { cost: 1n as never } }, () => '')).toThrow(TypeError);
    expect(() => server.addTool({ name: 'b', _meta: circular() }, () => '')).toThrow(TypeError);
  });

  it('is what it was when it was added', async () => {
    const { server } = open();
    const annotations = { readOnlyHint: true };
    server.addTool({ name: 'a', annotations }, () => '');
    annotations.readOnlyHint = false;
    const [tool] = await (await connectInMemory(server)).listTools();
    expect(tool?.['annotations']).toEqual({ readOnlyHint: true });
  });
});

describe('names that every object has', () => {
  it.each(['__proto__', 'constructor', 'toString'])(
    '%s is a tool, an argument and a variable like any other',
    async (name) => {
      const { server } = open();
      const inputSchema = {
        type: 'object',
        properties: JSON.parse(`{"${name}":{"type":"string"}}`),
        additionalProperties: false,
      };
      const client = await connectInMemory(server);
      await expect(client.callTool(name)).rejects.toThrow('Unknown tool');
      server.addTool({ name, inputSchema }, (given) => JSON.stringify(given));
      server.addResourceTemplate({ uriTemplate: `test://{${name}}`, name }, (variables) => JSON.stringify(variables));
      const result = await client.callTool(name, JSON.parse(`{"${name}":"own"}`) as JsonObject);
      expect(result.content).toEqual([{ type: 'text', text: `{"${name}":"own"}` }]);
      expect(await client.callTool(name, { valueOf: 'x' })).toMatchObject({ isError: true });
      const [contents] = await client.readResource('test://1');
      expect(contents?.['text']).toBe(`{"${name}":"1"}`);
    },
  );
});

/** One request over HTTP as a transport hands it over. */
function ask(server: McpServer, method: string, params: JsonObject, facts: Partial<Exchange>): Promise<Answer> {
  const message: JsonRpcRequest = { jsonrpc: '2.0', id: 1, method, params };
  const client = { info: undefined, capabilities: {} };
  const fixed = { era: 'session', transport: 'http', revision: '2025-11-25', endpoint: '/mcp', client, message };
  return server.served.handle({ ...fixed, ...facts } as Partial<Exchange> as Exchange);
}

describe('without a scope', () => {
  const requireScope = 'notes:read';
  const server = createServer({ name: 'test', version: '1.0.0' });
  const complete = { id: ['secret'] };
  server.addPrompt({ name: 'note', requireScope, arguments: [{ name: 'id' }], complete }, () => 'it');
  server.addResource({ uri: 'test://note', name: 'note', requireScope }, () => 'it');
  const list = (): [{ uri: string; name: string }] => [{ uri: 'test://notes/secret', name: 'secret' }];
  server.addResourceTemplate(
    { uriTemplate: 'test://notes/{id}', name: 'notes', requireScope, complete, list },
    () => 'it',
  );
  const argument = { name: 'id', value: '' };

  it.each<[string, JsonObject]>([
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'note' }, argument }],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'test://notes/{id}' }, argument }],
    ['resources/subscribe', { uri: 'test://note' }],
    ['resources/subscribe', { uri: 'test://notes/1' }],
  ])('%s says which is missing, and no more: %j', async (method, params) => {
    const answer = await ask(server, method, params, { principal: fakePrincipal({ scopes: [] }) });
    expect(answer).toMatchObject({ kind: 'error', status: 403, error: { data: { scopes: [requireScope] } } });
    const allowed = await ask(server, method, params, { principal: fakePrincipal({ scopes: [requireScope] }) });
    expect(allowed.kind).not.toBe('error');
  });

  it('nobody learns what resources of a template there are', async () => {
    const listed = async (scopes: readonly string[]): Promise<string> => {
      const answer = await ask(server, 'resources/list', {}, { principal: fakePrincipal({ scopes }) });
      return answer.kind === 'result' ? answer.after.toString() : '';
    };
    expect(await listed([])).not.toContain('secret');
    expect(await listed([requireScope])).toContain('test://notes/secret');
  });
});

it('a handler sees the headers of its request, and no credential', async () => {
  const { server } = open();
  server.addTool({ name: 'headers' }, (_given, { headers }) => Object.keys(headers ?? {}).join());
  const headers = { authorization: 'Bearer x', cookie: 'a=b', 'mcp-session-id': 'x', 'x-tenant': 'acme' };
  const answer = await ask(server, 'tools/call', { name: 'headers' }, { headers, principal: fakePrincipal() });
  expect(answer.kind === 'result' && JSON.parse(`{"id":1${answer.after.toString()}`)).toMatchObject({
    result: { content: [{ text: 'x-tenant' }] },
  });
});

it('the user of a later round is as its credential says by then', async () => {
  const { server } = open();
  server.addTool({ name: 'asks' }, async (_given, context) => {
    const before = context.user.roles.join();
    await context.elicit({ mode: 'url', message: 'Look.', url: 'https://example.test' });
    return `${before} ${context.user.roles.join()}`;
  });
  const client = { info: undefined, capabilities: { elicitation: { url: {} } } };
  const facts = { era: 'stateless', revision: '2026-07-28', client, onCancel: () => {} } as const;
  const round = async (role: string, params: JsonObject): Promise<JsonObject> => {
    const principal = fakePrincipal({ roles: [role] });
    const answer = await ask(server, 'tools/call', { name: 'asks', ...params }, { ...facts, principal });
    const text = answer.kind === 'result' ? answer.after.toString() : '';
    return (JSON.parse(`{"id":1${text}`) as { result: JsonObject }).result;
  };
  const { requestState } = await round('first', {});
  const inputResponses = { 'input-1': { action: 'accept' } };
  const result = await round('second', { requestState, inputResponses });
  expect(result['content']).toEqual([{ type: 'text', text: 'first second' }]);
});
