import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JsonObject, JsonValue } from '@sallyport/wire';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stubsOf } from './stubs.ts';

const stub = (inputSchema: JsonValue, more: JsonObject = {}): string =>
  stubsOf([{ server: 's', tool: 't', definition: { inputSchema, ...more } }]);

const args = (inputSchema: JsonValue): string =>
  /t\(args\??: ([^]*)\): Promise<unknown>;/.exec(stub(inputSchema))?.[1]?.replaceAll(/\s+/g, ' ') ?? '';

describe('a tool as TypeScript', () => {
  it('is a method of its server, with what its texts say', () => {
    const definition = {
      description: 'Searches.\nThen */ it ends\u202e.',
      inputSchema: {
        type: 'object',
        properties: { query: { type: 'string', description: 'What for' }, 'max-results': { type: 'integer' } },
        required: ['query'],
      },
      outputSchema: {
        type: 'object',
        properties: { hits: { type: 'array', items: { type: 'string' } } },
        required: ['hits'],
      },
    };
    expect(stubsOf([{ server: 'my-server', tool: 'search', definition }])).toBe(`declare const tools: {
  "my-server": {
    /** Searches. Then *\\/ it ends . */
    search(args: {
      /** What for */
      query: string;
      "max-results"?: number;
    }): Promise<{
      hits: Array<string>;
    }>;
  };
};`);
  });

  it.each<[JsonValue, string]>([
    [{ type: 'object' }, 'Record<string, unknown>'],
    [{ type: 'object', additionalProperties: { type: 'number' } }, 'Record<string, number>'],
    [{ type: 'object', additionalProperties: false }, '{}'],
    [{ properties: { a: { enum: ['x', 1, null] } } }, '{ a?: "x" | 1 | null; }'],
    [{ properties: { a: { type: ['string', 'null'] } }, required: ['a'] }, '{ a: string | null; }'],
    [
      { properties: { a: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'integer' } }] } } },
      '{ a?: string | (Array<number>); }',
    ],
    [
      { properties: { a: { prefixItems: [{ type: 'string' }, { const: 2 }], type: 'array', items: false } } },
      '{ a?: [string, 2]; }',
    ],
    [{ properties: { a: { allOf: [{ type: 'string' }, { minLength: 1 }] } } }, '{ a?: string; }'],
    [{ properties: { a: { $ref: '#/$defs/b~1c' } }, $defs: { 'b/c': { type: 'boolean' } } }, '{ a?: boolean; }'],
    [{ properties: { a: { $ref: '#' } } }, '{ a?: { a?: unknown; }; }'],
    [{ properties: { a: { $ref: 'https://example.com/schema' } } }, '{ a?: unknown; }'],
    [{ properties: { a: true, b: false } }, '{ a?: unknown; b?: never; }'],
    [{ properties: { a: { type: 'string', nullable: true } } }, '{ a?: (string) | null; }'],
    [{ properties: { a: {} }, additionalProperties: true }, '{ a?: unknown; [other: string]: unknown; }'],
  ])('takes %j as %s', (schema, type) => {
    expect(args(schema)).toBe(type);
  });

  it('is written with less when it would be long', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 50 }, (_, n) => [`p${n}`, { type: 'string', description: 'word '.repeat(40) }]),
    );
    const text = stub({ type: 'object', properties });
    expect(text).not.toContain('word');
    expect(text).toContain('p49?: string;');
    const deep = (levels: number): JsonObject =>
      levels === 0
        ? { type: 'string' }
        : {
            type: 'object',
            properties: Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, deep(levels - 1)])),
          };
    expect(stub(deep(5)).length).toBeLessThan(7000);
  });

  it('type-checks, whatever its schema', { timeout: 60_000 }, async () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'B', '-', ' ', '"', '\\', '*', '/', '\n', '€', '\u2028', '`', '$', '{'),
    });
    const schema: fc.Arbitrary<JsonValue> = fc.letrec<{ schema: JsonValue }>((tie) => ({
      schema: fc.oneof(
        { depthSize: 'small' },
        fc.boolean(),
        fc.record<JsonObject>(
          {
            type: fc.constantFrom<JsonValue>(
              'string',
              'number',
              'array',
              'object',
              'null',
              ['string', 'object'],
              'odd',
            ),
            description: text,
            enum: fc.array(fc.oneof(text, fc.integer(), fc.constant(null)), { maxLength: 3 }),
            items: tie('schema'),
            prefixItems: fc.array(tie('schema'), { maxLength: 2 }),
            properties: fc.dictionary(text, tie('schema'), { maxKeys: 4 }),
            additionalProperties: tie('schema'),
            anyOf: fc.array(tie('schema'), { maxLength: 3 }),
            allOf: fc.array(tie('schema'), { maxLength: 2 }),
            required: fc.array(text, { maxLength: 3 }),
            $ref: fc.constantFrom('#', '#/properties/a', '#/%zz', 'x'),
          },
          { requiredKeys: [] },
        ),
      ),
    })).schema;
    const tools = fc.sample(fc.tuple(text, text, schema, schema), { numRuns: 400, seed: 7 });
    const named = tools.map(([server, tool, inputSchema, outputSchema], n) => ({
      server: `${server}${n % 20}`,
      tool: `${tool}${n}`,
      definition: { description: tool, inputSchema, outputSchema },
    }));
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-stubs-'));
    try {
      await writeFile(join(folder, 'stubs.ts'), `${stubsOf(named)}\nexport type All = typeof tools;\n`);
      const done = promisify(execFile)('tsc', [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--target',
        'esnext',
        '--types',
        '',
        join(folder, 'stubs.ts'),
      ]);
      await expect(done.catch(({ stdout }: { stdout: string }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
