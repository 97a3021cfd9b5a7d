/** Properties: whatever a document is and a caller says. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSchema, linearPattern, TooCostly } from '@sallyport/server/schema';
import type { JsonObject } from '@sallyport/wire';
import { DocumentError, readDocument } from './document.ts';
import { survey, type Survey } from './index.ts';
import { BadArgument } from './parameters.ts';
import { requestOf } from './request.ts';
import type { ApiTool } from './tool.ts';

const SERVER = 'https://api.example.com/base/';
const of = (document: object, name: string): Survey => {
  const bytes = new TextEncoder().encode(JSON.stringify({ openapi: '3.1.0', ...document }));
  return survey(readDocument(bytes), name, { headers: {}, server: SERVER, operations: { allow: ['*'], deny: [] } });
};

/** What comes of it; undefined where it was refused as it should be. */
function unlessRefused<T>(work: () => T, refusal: new (message: string) => Error): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof refusal) return undefined;
    throw error;
  }
}

const WORDS = ['a', 'id', 'constructor', '__proto__', 'x y', 'ä', '{', '..', 'a/b', 'body', 'toString', ''];
const word = fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 12 }));
const { schema } = fc.letrec((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(
      true,
      false,
      {},
      3,
      null,
      { type: 'string', format: 'binary' },
      { $ref: '#/components/schemas/S' },
      { $ref: '#/nowhere' },
      { nullable: true, type: 'integer' },
    ),
    fc.record(
      {
        type: fc.constantFrom('object', 'array', 'string', ['null', 'number'], 'no'),
        pattern: word,
        enum: fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 3 }),
        description: word,
      },
      { requiredKeys: [] },
    ),
    fc.record(
      {
        properties: fc.dictionary(word, tie('schema'), { maxKeys: 3 }),
        required: fc.array(word, { maxLength: 2 }),
        items: tie('schema'),
        allOf: fc.array(tie('schema'), { maxLength: 2 }),
        additionalProperties: tie('schema'),
      },
      { requiredKeys: [] },
    ),
  ),
}));
const parameter = fc.record(
  {
    name: word,
    in: fc.constantFrom('query', 'path', 'header', 'cookie', 'path'),
    style: fc.constantFrom('form', 'simple', 'label', 'matrix', 'deepObject', 'odd'),
    explode: fc.boolean(),
    required: fc.boolean(),
    schema,
  },
  { requiredKeys: ['name', 'in'] },
);
const operation = fc.record(
  {
    operationId: fc.oneof(word, fc.string({ minLength: 60, maxLength: 80 }), fc.constant(7)),
    summary: fc.string({ unit: 'binary' }),
    parameters: fc.array(fc.oneof(parameter, fc.constant({ name: 'id', in: 'path' })), { maxLength: 4 }),
    requestBody: fc.record({
      content: fc.dictionary(
        fc.constantFrom('application/json', 'multipart/form-data', 'text/plain', 'image/png'),
        fc.record({ schema }),
        { maxKeys: 2 },
      ),
      required: fc.boolean(),
    }),
    responses: fc.dictionary(
      fc.constantFrom('200', '204', 'default'),
      fc.record({ content: fc.dictionary(fc.constantFrom('application/json', 'image/png'), fc.record({ schema })) }),
    ),
    security: fc.array(fc.dictionary(word, fc.array(word, { maxLength: 1 }), { maxKeys: 1 }), { maxLength: 1 }),
  },
  { requiredKeys: [] },
);
const plainOperation = fc.record(
  {
    operationId: word,
    parameters: fc.array(fc.record({ name: word, in: fc.constantFrom('query', 'cookie'), schema }), { maxLength: 3 }),
    responses: fc.constant({
      200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/S' } } } },
    }),
  },
  { requiredKeys: [] },
);
const path = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom('a', '{id}', '{a}', '..', '%2e', '{id}.{a}', 'x{id}'), word), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) => `/${parts.join('/')}`),
  word,
);
const anyDocument = fc.record({
  openapi: fc.constantFrom('3.0.0', '3.1.0'),
  paths: fc.dictionary(
    fc.oneof(path, fc.constantFrom('/a', '/b/c', '/a_')),
    fc.dictionary(fc.constantFrom('get', 'post', 'delete'), fc.oneof(operation, plainOperation), { maxKeys: 3 }),
    {
      maxKeys: 4,
    },
  ),
  components: fc.record({ schemas: fc.record({ S: schema }) }),
});

const asked = (tool: ApiTool, args: JsonObject): ReturnType<typeof requestOf> =>
  requestOf(tool, args, { boundary: () => 'mark', secretNames: { query: new Set(), cookie: new Set() } });

describe('any document', () => {
  it('gives valid and unique names and valid schemas, or a refusal by name', () => {
    let tools = 0;
    fc.assert(
      fc.property(
        anyDocument,
        fc.constantFrom('s', 'a-server-of-the-longest-name-1234'.slice(0, 32)),
        (document, server) => {
          const found = unlessRefused(() => of(document, server), DocumentError);
          if (found === undefined) return;
          tools += found.tools.length;
          const names = found.tools.map(({ definition }) => definition['name'] as string);
          expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
          for (const name of names) {
            expect(name).toMatch(/^[A-Za-z0-9_-]+$/);
            expect(`${server}__${name}`.length).toBeLessThanOrEqual(48);
          }
          for (const { definition } of found.tools) {
            const { inputSchema, outputSchema = { type: 'object' } } = definition as Record<string, JsonObject>;
            expect([inputSchema?.['type'], outputSchema['type']]).toEqual(['object', 'object']);
            for (const each of [inputSchema, outputSchema]) {
              const check = compileSchema(each as JsonObject, linearPattern);
              unlessRefused(() => check({ body: { a: [{}] }, a: 'x', id: null }), TooCostly);
            }
            for (const name of Object.keys(inputSchema?.['properties'] as object))
              expect(name).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
          }
          for (const { key, reason } of found.refused) expect([key === '' ? 'x' : key, reason]).not.toContain('');
        },
      ),
      { numRuns: 200 },
    );
    expect(tools).toBeGreaterThan(50);
  });

  it('leads to no other place than the operation, whatever a caller says', () => {
    const paths = {
      '/v/{a}/x{b}.{a}/{c}': {
        get: {
          parameters: ['a', 'b', 'c'].map((name, n) => ({
            name,
            in: 'path',
            schema: {},
            style: ['simple', 'label', 'matrix'][n],
            explode: n > 0,
          })),
        },
      },
    };
    const [tool] = of({ paths }, 'api').tools as [ApiTool];
    const piece = fc.oneof(
      fc.constantFrom('..', '.', '%2e', '/', '%2f', '%252F', '\\', '?', '#', '@', ':', '', 'a', 'b', 'c'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    const plain = fc.constantFrom('a', 'x.y', 'ö', 'a b', '~');
    const value = fc.oneof(
      { arbitrary: plain, weight: 3 },
      fc.array(piece, { maxLength: 3 }).map((parts) => parts.join('')),
      fc.array(piece, { maxLength: 2 }),
      fc.dictionary(piece, piece, { maxKeys: 2 }),
    );
    let sent = 0;
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        const out = unlessRefused(() => asked(tool, { a, b, c }).path, BadArgument);
        if (out === undefined) return;
        sent += 1;
        const url = new URL(`https://api.example.com${out}`);
        expect([url.origin, url.pathname, url.search, url.hash]).toEqual(['https://api.example.com', out, '', '']);
        expect(out).toMatch(/^\/base\/v\/[^/\\]+\/x[^/\\]+\/[^/\\]+$/);
        const decoded = decodeURIComponent(decodeURIComponent(out).replaceAll(/%(?![0-9A-Fa-f]{2})/g, '%25'));
        expect([decoded.split('/').length, /\/\.{1,2}(?:\/|$)/.test(decoded)]).toEqual([6, false]);
      }),
      { numRuns: 600 },
    );
    expect(sent).toBeGreaterThan(50);
  });
});
