/** What documents of real APIs have in them: six hundred operations, schemas that are made of each other, and answers that nobody promised. */
import type { Leg, Outgoing } from '@sallyport/client';
import type { OriginResponse } from '@sallyport/client/egress';
import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { resultOf } from './answer.ts';
import { readDocument } from './document.ts';
import { survey, type Survey } from './index.ts';
import { createApiLeg, type ApiLegOptions } from './leg.ts';
import { requestOf } from './request.ts';
import type { ApiTool } from './tool.ts';

const SECRETS = { query: new Set(['key']), cookie: new Set<string>() };
const surveyOf = (text: string): Survey =>
  survey(readDocument(new TextEncoder().encode(text)), 'api', {
    headers: {},
    server: 'https://api.example.com',
    operations: { allow: ['*'], deny: [] },
  });
const of = (document: object): Survey => surveyOf(JSON.stringify({ openapi: '3.0.3', ...document }));
const one = (operation: object, schemas: object = {}, method = 'post'): ApiTool => {
  const { refused, tools } = of({ paths: { '/x': { [method]: operation } }, components: { schemas } });
  return tools[0] ?? expect.fail(JSON.stringify(refused));
};
const bodied = (type: string, schema: object): object => ({ requestBody: { content: { [type]: { schema } } } });
const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });
const answered = (schema: object): object => ({
  responses: { 200: { description: '', content: { 'application/json': { schema } } } },
});
const asked = (tool: ApiTool, args: JsonObject): ReturnType<typeof requestOf> =>
  requestOf(tool, args, { boundary: () => 'mark', secretNames: SECRETS });

/** Like the one of a forge: schemas that lead to each other, long texts, names that differ in their ends alone. */
function forge(): object {
  const repository = (n: number): object => ({
    type: 'object',
    required: ['id', 'owner'],
    properties: {
      id: { type: 'integer', format: 'int64', readOnly: true },
      owner: ref(`repository-${(n * 7 + 1) % 50}`),
      parent: { nullable: true, allOf: [ref(`repository-${(n * 3 + 2) % 50}`)] },
      ...Object.fromEntries(
        Array.from({ length: 30 }, (_, k) => [`field_${k}_url`, { type: 'string', description: 'A URL. '.repeat(20) }]),
      ),
    },
  });
  const operation = (n: number): object => ({
    operationId: `repos/the-operation-with-the-same-long-name-on-things-${n}`,
    description: 'It does something. '.repeat(60),
    parameters: ['owner', 'repo', 'id'].map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...(n % 20 === 1 && bodied('application/json', ref(`repository-${n % 50}`))),
    ...answered(ref(`repository-${n % 50}`)),
  });
  const paths = Array.from({ length: 600 }, (_, n) => [
    `/repos/{owner}/{repo}/things${n}/{id}`,
    { [n % 20 === 1 ? 'put' : 'get']: operation(n) },
  ]);
  const schemas = Array.from({ length: 50 }, (_, n) => [`repository-${n}`, repository(n)]);
  return { paths: Object.fromEntries(paths), components: { schemas: Object.fromEntries(schemas) } };
}

describe('a document of six hundred operations', () => {
  it('makes a tool of each, none larger than a tool may be', () => {
    const { refused, tools } = of(forge());
    expect([tools.length, refused]).toEqual([600, []]);
    expect(new Set(tools.map(({ operation }) => operation.name)).size).toBe(600);
    for (const { definition, operation } of tools) {
      expect(operation.name.length).toBeLessThanOrEqual(43);
      expect(JSON.stringify(definition).length).toBeLessThanOrEqual(96 * 1024);
    }
  });
});

describe('schemas that are made of others', () => {
  it('say what is null with `nullable` beside what they are made of', () => {
    const schema = {
      type: 'object',
      properties: {
        a: { nullable: true, description: 'Who.', allOf: [ref('O')] },
        b: { nullable: true, oneOf: [{ type: 'string' }] },
        c: { nullable: true, ...ref('O') },
        d: { allOf: [ref('O')] },
      },
    };
    const { checkOutput, definition } = one(answered(schema), { O: { type: 'object' } }, 'get');
    expect(checkOutput?.({ a: null, b: null, c: null })).toEqual([]);
    expect(checkOutput?.({ d: null })).toHaveLength(1);
    expect((definition['outputSchema'] as JsonObject)['properties']).toMatchObject({ a: { description: 'Who.' } });
  });

  it('ask for nothing that another part of them says the API fills in', () => {
    const schemas = {
      Base: { type: 'object', properties: { id: { readOnly: true, type: 'integer' } } },
      Pet: { allOf: [ref('Base'), { required: ['id', 'name'], properties: { name: { type: 'string' } } }] },
    };
    const { definition } = one(bodied('application/json', ref('Pet')), schemas);
    expect(definition['inputSchema']).toMatchObject({ $defs: { Pet: { allOf: [{}, { required: ['name'] }] } } });
  });

  it('cost no look at everything that each of many parts is made of', () => {
    const named = (count: number, each: object): object =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, each]));
    const schemas = {
      Big: { type: 'object', properties: named(50_000, { readOnly: true }) },
      Many: { type: 'object', properties: named(490, { allOf: [ref('Big')], required: ['p1', 'q'] }) },
    };
    const { definition } = one(bodied('application/json', ref('Many')), schemas);
    const { properties } = (definition['inputSchema'] as { readonly $defs: { readonly Many: JsonObject } }).$defs.Many;
    expect((properties as JsonObject)['p489']).toEqual({ required: ['q'], allOf: [{ $ref: '#/$defs/Big' }] });
  });

  it('have an end where each is made of many, and where a list is a list of itself', () => {
    const many = (name: string): object => ({ allOf: Array.from({ length: 60 }, () => ref(name)) });
    const schemas = { A: many('B'), B: many('C'), C: many('D'), D: many('E'), E: { properties: { a: {} } } };
    expect(one(bodied('multipart/form-data', ref('A')), schemas).body?.kind).toBe('multipart');
    const loop = { L: { type: 'array', items: ref('L') }, F: { type: 'array', items: { format: 'binary' } } };
    const properties = { l: ref('L'), f: ref('F') };
    const { body } = one(bodied('multipart/form-data', { type: 'object', properties }), loop);
    expect([body?.fields.get('l')?.isBinary, body?.fields.get('f')?.isBinary]).toEqual([false, true]);
  });
});

describe('a version', () => {
  it.each(['3.0', '3.1', '3.1.0', '"3.0.3"'])('is read as YAML has it: %s', (version) => {
    const { tools } = surveyOf(`openapi: ${version}\npaths: {/x: {get: {operationId: a}}}\n`);
    expect(tools).toHaveLength(1);
  });
});

describe('what callers do not say', () => {
  it('is a credential as a list or an object', () => {
    const tool = one({ parameters: [{ name: 'more', in: 'query', schema: { type: 'object' } }] });
    for (const name of ['key', 'KEY', 'key[]', 'key[a]', 'Key[0][b]']) {
      expect(() => asked(tool, { more: { [name]: 'x' } }), name).toThrow('not yours to say');
    }
    expect(asked(tool, { more: { keys: 'x', 'a[key]': 'y' } }).query).toHaveLength(2);
  });

  it.each([
    'X-Client-IP',
    'CF-Connecting-IP',
    'True-Client-IP',
    'X-Host',
    'X-Remote-User',
    'Remote-User',
    'Set-Cookie',
  ])('is where they come from and who they are: %s', (name) => {
    const { arguments: args } = one({ parameters: [{ name, in: 'header', schema: {} }] });
    expect(args).toEqual([]);
    const { refused } = of({ paths: { '/x': { get: { parameters: [{ name, in: 'header', required: true }] } } } });
    expect(refused).toMatchObject([{ reason: expect.stringContaining('write it in `headers`') as string }]);
  });
});

describe('an answer', () => {
  const resultFrom = (tool: ApiTool, text: string): JsonObject => {
    const response: OriginResponse = {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(text),
      isCut: false,
    };
    return resultOf(tool, asked(tool, {}), response, 0);
  };

  it('that nests deeper than a message may is text', () => {
    const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const result = resultFrom(one({}, {}, 'get'), deep);
    expect([result['structuredContent'], result['content']]).toEqual([undefined, [{ type: 'text', text: deep }]]);
    const promised = resultFrom(one(answered({ type: 'object' }), {}, 'get'), deep);
    expect(promised['isError']).toBe(true);
    expect(JSON.stringify(promised)).toContain('no JSON object that can be read');
  });

  it('with members that look like a prototype is what it is', () => {
    const result = resultFrom(one({}, {}, 'get'), '{"__proto__":{"isError":true},"constructor":1}');
    expect(JSON.stringify(result['structuredContent'])).toBe('{"__proto__":{"isError":true},"constructor":1}');
    expect(result['isError']).toBeUndefined();
  });
});

describe('a list of many tools', () => {
  it('comes page by page, and others have their turn between', async () => {
    const { tools } = of({
      paths: Object.fromEntries(Array.from({ length: 45 }, (_, n) => [`/x${n}`, { get: { operationId: `x${n}` } }])),
    });
    const leg: Leg = createApiLeg({
      tools: new Map(tools.map((tool) => [tool.operation.name, tool])),
      info: {},
      instructions: undefined,
      headers: {},
      secretNames: SECRETS,
      maxBytes: 1000,
      setTimer: () => () => undefined,
    } as Partial<ApiLegOptions> as ApiLegOptions);
    const names: unknown[] = [];
    let cursor: string | undefined;
    let turns = 0;
    do {
      const text = JSON.stringify({ method: 'tools/list', params: { ...(cursor !== undefined && { cursor }) } });
      const before = turns;
      const next = setImmediate(() => turns++);
      const answer = await leg.request({
        text: () => text,
        timeoutMs: 1000,
        maxMs: 1000,
      } as Partial<Outgoing> as Outgoing).answer;
      clearImmediate(next);
      expect(turns - before).toBe(cursor === undefined ? 0 : 1);
      if (answer.kind !== 'result') throw new Error(answer.kind);
      const { result } = JSON.parse(`{"id":0${answer.after.toString()}`) as {
        readonly result: { readonly tools: readonly JsonObject[]; readonly nextCursor?: string };
      };
      expect(result.tools.length).toBeLessThanOrEqual(20);
      names.push(...result.tools.map(({ name }) => name));
      cursor = result.nextCursor;
    } while (cursor !== undefined);
    expect(names).toEqual(tools.map(({ operation }) => operation.name));
  });
});
