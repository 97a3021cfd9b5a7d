import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '@sallyport/wire';
import { readDocument } from './document.ts';
import { survey, type Survey } from './index.ts';
import { requestOf } from './request.ts';
import type { ApiTool } from './tool.ts';

const SERVER = 'https://api.example.com/base/';
const of = (document: object, target: Partial<Parameters<typeof survey>[2]> = {}, name = 'api'): Survey => {
  const bytes = new TextEncoder().encode(JSON.stringify({ openapi: '3.1.0', ...document }));
  return survey(readDocument(bytes), name, {
    headers: {},
    server: SERVER,
    operations: { allow: ['*'], deny: [] },
    ...target,
  });
};
const get = (operation: object, more: object = {}): object => ({
  paths: { '/x': { get: { operationId: 'x', ...operation } } },
  ...more,
});
const inputOf = (schema: object | boolean, more: object = {}): JsonObject => {
  const found = of(get({ parameters: [{ name: 'p', in: 'query', schema }] }, more));
  const { inputSchema } = found.tools[0]?.definition ?? expect.fail(JSON.stringify(found.refused));
  return inputSchema as JsonObject;
};
const asked = (tool: ApiTool, args: JsonValue): ReturnType<typeof requestOf> =>
  requestOf(tool, args, {
    boundary: () => 'mark',
    secretNames: { query: new Set(['key']), cookie: new Set(['session']) },
  });

describe('schemas', () => {
  it.each([
    ['3.0.3', { type: 'string', nullable: true, enum: ['a'] }, { type: ['string', 'null'], enum: ['a', null] }],
    [
      '3.0.3',
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      { type: 'integer', minimum: 1, exclusiveMinimum: 1 },
    ],
    ['3.0.3', { type: 'string', example: 'a', xml: {}, externalDocs: {}, 'x-own': 1 }, { type: 'string' }],
    ['3.1.0', { type: ['integer', 'null'], exclusiveMinimum: 3 }, { type: ['integer', 'null'], exclusiveMinimum: 3 }],
    ['3.1.0', { const: 3, $id: 'https://evil.example/', $dynamicRef: '#x', $anchor: 'y' }, { const: 3 }],
    ['3.1.0', { type: 'nonsense', required: 3, properties: [], enum: [], minimum: 'x' }, {}],
    ['3.1.0', { pattern: '^(?=a)b' }, {}],
    ['3.1.0', { pattern: '(' }, {}],
    ['3.1.0', { pattern: '^a+$' }, { pattern: '^a+$' }],
    ['3.1.0', true, true],
  ])('of %s: %j', (openapi, schema, expected) => {
    expect((inputOf(schema, { openapi })['properties'] as JsonObject)['p']).toEqual(expected);
  });

  it('go in circles by reference, and no further', () => {
    const schemas = {
      Node: {
        type: 'object',
        properties: { next: { $ref: '#/components/schemas/Node' }, 'a/b': { $ref: '#/components/schemas/a~1b' } },
      },
      'a/b': { type: 'string' },
    };
    expect(inputOf({ $ref: '#/components/schemas/Node' }, { components: { schemas } })).toMatchObject({
      properties: { p: { $ref: '#/$defs/Node' } },
      $defs: {
        Node: { properties: { next: { $ref: '#/$defs/Node' }, 'a/b': { $ref: '#/$defs/a_1b' } } },
        a_1b: { type: 'string' },
      },
    });
  });

  it.each([
    ['itself', { S: { $ref: '#/components/schemas/S' } }],
    [
      'another and back',
      { S: { allOf: [{ $ref: '#/components/schemas/T' }] }, T: { anyOf: [{}, { $ref: '#/components/schemas/S' }] } },
    ],
  ])('that are %s are refused', (_what, schemas) => {
    const parameters = [{ name: 'p', in: 'query', schema: { $ref: '#/components/schemas/S' } }];
    const { refused } = of(get({ parameters }, { components: { schemas } }));
    expect(refused).toEqual([{ key: 'GET /x', reason: expect.stringContaining('without end') as string }]);
  });

  it('are bounded, whatever a document has', () => {
    const wide = {
      type: 'object',
      properties: Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`p${n}`, { type: 'string' }])),
    };
    expect(JSON.stringify(inputOf(wide)).length).toBeLessThan(200_000);
    const texts = {
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: 900 }, (_, n) => [`p${n}`, { description: 'x'.repeat(1000) }]),
      ),
    };
    // Of long texts fewer parts are said.
    const { properties } = (inputOf(texts)['properties'] as { readonly p: { readonly properties: JsonObject } }).p;
    expect(Object.values(properties).filter((each) => Object.keys(each as object).length > 0)).toHaveLength(249);
    const heavy = { default: 'x'.repeat(200_000) };
    expect(of(get({ parameters: [{ name: 'p', in: 'query', schema: heavy }] })).refused).toEqual([
      { key: 'GET /x', reason: 'its schema is too large' },
    ]);
  });

  it('of answers are promised whole or not at all', () => {
    const properties = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`p${n}`, { type: 'string' }]));
    const [{ definition } = expect.fail()] = of(
      get({ responses: { 200: { content: { 'application/json': { schema: { type: 'object', properties } } } } } }),
    ).tools;
    expect(definition).not.toHaveProperty('outputSchema');
  });

  it('of answers promise a shape and no more', () => {
    const schema = {
      type: 'object',
      required: ['a'],
      additionalProperties: false,
      properties: {
        a: { type: 'string', format: 'uuid', enum: ['x'], maxLength: 1 },
        w: { type: 'string', writeOnly: true },
      },
    };
    const { definition } = of(get({ responses: { 200: { content: { 'application/json': { schema } } } } }))
      .tools[0] as ApiTool;
    expect(definition['outputSchema']).toEqual({
      type: 'object',
      required: ['a'],
      properties: { a: { type: 'string' } },
    });
    for (const responses of [
      { 200: { content: { 'application/json': { schema } } }, 204: {} },
      { 200: { content: { 'text/csv': {} } } },
      { default: {} },
      {},
    ]) {
      expect(of(get({ responses })).tools[0]?.definition).not.toHaveProperty('outputSchema');
    }
  });
});

describe('tools', () => {
  it('are named by their ids, else by method and path, each in its own way', () => {
    const paths = {
      '/a': { get: { operationId: 'get thing' }, post: { operationId: 'get_thing' } },
      '/b/{id}': {
        parameters: [{ name: 'id', in: 'path' }],
        get: {},
        put: { operationId: `${'long'.repeat(30)}1` },
        patch: { operationId: `${'long'.repeat(30)}2` },
      },
      '/c': { get: { operationId: '日本' } },
    };
    const names = of({ paths }).tools.map(({ operation }) => operation.name);
    expect(names).toEqual([
      expect.stringMatching(/^get_thing-[0-9a-f]{6}$/),
      expect.stringMatching(/^get_thing-[0-9a-f]{6}$/),
      'get_b_id',
      expect.stringMatching(/^long\w+-[0-9a-f]{6}$/),
      expect.stringMatching(/^long\w+-[0-9a-f]{6}$/),
      'get_c',
    ]);
    expect(new Set(names).size).toBe(6);
    // What else there is changes no name.
    const { '/c': alone } = paths;
    expect(
      of({ paths: { '/c': alone, '/b/{id}': paths['/b/{id}'], '/a': paths['/a'] } })
        .tools.map(({ operation }) => operation.name)
        .toSorted(),
    ).toEqual(names.toSorted());
  });

  it('are so few that a model can choose', () => {
    const paths = Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`/p${n}`, { get: {} }]));
    expect(() => of({ paths })).toThrow('1001 operations are chosen; 1000 may be');
    expect(of({ paths }, { operations: { allow: ['GET /p10?'], deny: [] } }).tools).toHaveLength(10);
  });

  it('are those that read unless others are named', () => {
    const paths = { '/a': { get: {}, head: {}, post: { operationId: 'make' }, delete: {} } };
    const keys = (operations: Parameters<typeof survey>[2]['operations']): string[] =>
      of({ paths }, { operations }).tools.map(({ operation }) => operation.key);
    expect(keys({ deny: [] })).toEqual(['GET /a', 'HEAD /a']);
    expect(keys({ allow: ['make', 'DELETE *'], deny: [] })).toEqual(['POST /a', 'DELETE /a']);
    expect(keys({ allow: ['*'], deny: ['* /a'] })).toEqual([]);
    const hints = of({ paths: { '/a': { get: {}, put: {}, post: {}, delete: {} } } }).tools.map(
      ({ definition }) => definition['annotations'],
    );
    expect(hints).toEqual([
      { readOnlyHint: true, openWorldHint: true },
      { readOnlyHint: false, openWorldHint: true },
      { readOnlyHint: false, idempotentHint: true, openWorldHint: true },
      { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    ]);
  });

  it.each([
    ['a body of another kind', { requestBody: { content: { 'application/xml': {} } } }, /"application\/xml" alone/],
    ['a style of another place', { parameters: [{ name: 'a', in: 'query', style: 'matrix' }] }, /the style "matrix"/],
    ['a parameter in no place', { parameters: [{ name: 'a', in: 'body' }] }, /no place that there is/],
    ['a part of another document', { parameters: [{ $ref: 'https://evil.example/x' }] }, /only its own parts/],
    [
      'a schema of another document',
      { parameters: [{ name: 'a', in: 'query', schema: { $ref: 'x.json#/y' } }] },
      /only its own parts/,
    ],
    [
      'a host that callers would say',
      { parameters: [{ name: 'Host', in: 'header', required: true }] },
      /not a caller's to say/,
    ],
    ['a header that is none', { parameters: [{ name: 'a b', in: 'header' }] }, /no name of a header/],
    ['a server with an open variable', { servers: [{ url: 'https://{x}/' }] }, /without a default/],
    ['a server of another scheme', { servers: [{ url: 'file:///etc' }] }, /no plain http or https URL/],
    ['a server with a password', { servers: [{ url: 'https://a:b@x.example' }] }, /no plain http or https URL/],
    ['a relative server of nowhere', { servers: [{ url: '/v1' }] }, /does not say where the API is/],
  ])('that cannot be are refused by name: %s', (_what, operation, reason) => {
    const { server: _server, ...target } = { headers: {}, server: SERVER, operations: { deny: [] } };
    const hasServers = 'servers' in operation;
    const bytes = new TextEncoder().encode(JSON.stringify({ openapi: '3.0.0', ...get(operation) }));
    const { refused, tools } = survey(readDocument(bytes), 'api', hasServers ? target : { ...target, server: SERVER });
    expect([tools, refused]).toEqual([[], [{ key: 'GET /x', reason: expect.stringMatching(reason) as string }]]);
  });

  it('ask callers for no credential and for nothing that the transport says', () => {
    const components = {
      securitySchemes: {
        a: { type: 'apiKey', in: 'query', name: 'key' },
        b: { type: 'apiKey', in: 'header', name: 'X-Key' },
      },
    };
    const parameters = [
      ['query', 'key'],
      ['header', 'x-key'],
      ['header', 'Authorization'],
      ['header', 'X-Forwarded-For'],
      ['header', 'X-HTTP-Method-Override'],
      ['header', 'X-Original-URL'],
      ['header', 'X-Own'],
      ['header', 'X-Set'],
      ['query', 'q'],
    ].map(([place, name]) => ({ in: place, name, schema: {} }));
    const { tools } = of(get({ parameters }, { components }), { headers: { 'x-set': '1' } });
    expect(tools[0]?.arguments.map(({ name }) => name)).toEqual(['X-Own', 'q']);
    const [all] = of(get({ parameters: [{ name: 'o', in: 'query', schema: { type: 'object' } }] }, { components }))
      .tools as [ApiTool];
    expect(() => asked(all, { o: { key: 'mine' } })).toThrow('not yours to say');
    expect(() => asked(all, { o: { KEY: 'mine' } })).toThrow('not yours to say');
    const [crumbs] = of(get({ parameters: [{ name: 'o', in: 'cookie', schema: { type: 'object' } }] })).tools as [
      ApiTool,
    ];
    expect(() => asked(crumbs, { o: { session: 'mine' } })).toThrow('not yours to say');
    expect(asked(crumbs, { o: { other: 'mine' } }).cookies).toEqual(['other=mine']);
    expect(() => asked(all, { other: 1 })).toThrow('no argument `other`');
  });
});
