import { compileSchema, type JsonObject, type JsonValue, type Schema } from '@sallyport/wire';
import { assert, jsonValue, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearPattern } from './patterns.ts';

const problems = (schema: Schema, value: JsonValue): string[] =>
  compileSchema(schema, linearPattern)(value).map(({ at, message }) => `${at}: ${message}`);
const fits = (schema: Schema, value: JsonValue): boolean => problems(schema, value).length === 0;

const DRAFT_7 = 'http://json-schema.org/draft-07/schema#';

describe('a schema', () => {
  it.each<[JsonObject, JsonValue[], JsonValue[]]>([
    [{ type: 'integer' }, [1, 1.0, -3], [1.5, '1', null, true, []]],
    [{ type: ['string', 'null'] }, ['', null], [0, {}]],
    [{ enum: [1, 'a', { x: [1] }] }, [1, 'a', { x: [1] }], [2, { x: [2] }, '1']],
    [{ const: { a: 1, b: 2 } }, [{ b: 2, a: 1 }], [{ a: 1 }]],
    [{ minimum: 1, exclusiveMaximum: 3, multipleOf: 0.1 }, [1, 2.3, 'x'], [0, 3, 1.05]],
    [{ minLength: 2, maxLength: 2 }, ['ab', '😀😀', 5], ['a', '😀', 'abc']],
    [{ pattern: '^\\/[a-z]+\\u0041?$' }, ['/ab', '/abA'], ['ab', '/ab/']],
    [{ required: ['a'], properties: { a: { type: 'string' } } }, [{ a: '' }, []], [{}, { a: 1 }]],
    [
      { properties: { a: true }, patternProperties: { '^x': { type: 'number' } }, additionalProperties: false },
      [{ a: 1, x1: 2 }],
      [{ b: 1 }, { x1: '' }],
    ],
    [
      { propertyNames: { maxLength: 1 }, minProperties: 1, maxProperties: 2 },
      [{ a: 1 }],
      [{}, { aa: 1 }, { a: 1, b: 1, c: 1 }],
    ],
    [{ prefixItems: [{ type: 'string' }], items: { type: 'number' } }, [[], ['a', 1]], [[1], ['a', 'b']]],
    [{ contains: { type: 'number' }, minContains: 2, maxContains: 3 }, [[1, 2, 'a'], 'x'], [[1], [1, 2, 3, 4]]],
    [
      { uniqueItems: true, minItems: 1, maxItems: 3 },
      [[1, '1', { a: 1 }]],
      [
        [],
        [
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ],
        [1, 2, 3, 4],
      ],
    ],
    [{ allOf: [{ minimum: 1 }, { maximum: 2 }], not: { const: 1.5 } }, [1, 2], [0, 3, 1.5]],
    [{ oneOf: [{ type: 'number' }, { type: 'integer' }] }, [1.5], [1, 'a']],
    [{ if: { type: 'string' }, then: { minLength: 1 }, else: { type: 'null' } }, ['a', null], ['', 1]],
    [
      { dependentRequired: { a: ['b'] }, dependentSchemas: { c: { required: ['d'] } } },
      [
        { a: 1, b: 1 },
        { c: 1, d: 1 },
      ],
      [{ a: 1 }, { c: 1 }],
    ],
    [
      {
        $ref: '#/$defs/tree',
        $defs: { tree: { properties: { next: { $ref: '#/$defs/tree' }, n: { type: 'number' } } } },
      },
      [{ next: { next: { n: 1 } } }],
      [{ next: { next: { n: 'x' } } }],
    ],
    [{ $ref: '#named', $defs: { a: { $anchor: 'named', type: 'string' } } }, ['a'], [1]],
    [{ $ref: 'other', $defs: { a: { $id: 'other', type: 'string' } } }, ['a'], [1]],
    [
      { properties: { a: true }, allOf: [{ properties: { b: true } }], unevaluatedProperties: false },
      [{ a: 1, b: 1 }],
      [{ c: 1 }],
    ],
    [
      { anyOf: [{ properties: { a: { const: 1 } }, required: ['a'] }, true], unevaluatedProperties: false },
      [{ a: 1 }, {}],
      [{ a: 2 }],
    ],
    [{ prefixItems: [true], contains: { const: 7 }, unevaluatedItems: false }, [[1, 7]], [[7, 8]]],
  ])('%j', (schema, good, bad) => {
    for (const value of good) expect([value, problems(schema, value)]).toEqual([value, []]);
    for (const value of bad) expect([value, fits(schema, value)]).toEqual([value, false]);
  });

  it('is read as draft-07 where it says so', () => {
    const list = { $schema: DRAFT_7, items: [{ type: 'string' }], additionalItems: false };
    expect([fits(list, ['a']), fits(list, ['a', 1]), fits(list, [1])]).toEqual([true, false, false]);
    const reference = {
      $schema: DRAFT_7,
      definitions: { a: { type: 'string' } },
      $ref: '#/definitions/a',
      maxLength: 1,
    };
    expect([fits(reference, 'long'), fits(reference, 1)]).toEqual([true, false]);
    expect(fits({ $schema: DRAFT_7, dependencies: { a: ['b'] } }, { a: 1 })).toBe(false);
  });

  it('says which member is wrong, and all that is', () => {
    const schema = {
      type: 'object',
      properties: {
        path: { type: 'string' },
        at: { type: 'array', items: { properties: { n: { minimum: 1 } } } },
        or: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      },
      required: ['path'],
      additionalProperties: false,
    };
    expect(problems(schema, { at: [{ n: 1 }, { n: 0 }], or: 5, more: 1 })).toEqual([
      'path: required',
      'at[1].n: expected at least 1',
      'or: expected string or null',
      'more: not allowed',
    ]);
  });

  it.each([
    [{ $schema: 'https://example.com/dialect' }, 'its dialect is not supported: "https://example.com/dialect"'],
    [{ $ref: 'https://example.com/schema.json' }, 'outside of it'],
    [{ $ref: '#/$defs/none' }, 'not there'],
    [{ $ref: 'file:///etc/passwd' }, 'outside of it'],
    [{ pattern: '(?=a)b' }, 'linear time'],
    [{ type: 'file' }, '`type` has a value that is none'],
    [{ properties: [] }, '`properties` is no object'],
    [{ $dynamicRef: '#x' }, 'not supported'],
    [{ items: 5 }, 'no schema'],
  ])('%j cannot be used', (schema, why) => {
    expect(() => compileSchema(schema as JsonObject, linearPattern)).toThrow(why);
  });

  it('has no more parts, and none deeper, than can be afforded', () => {
    const deep = (levels: number): Schema => (levels === 0 ? true : { not: deep(levels - 1) });
    expect(() => compileSchema(deep(200), linearPattern)).toThrow('too deep');
    expect(() => compileSchema({ enum: Array.from({ length: 60_000 }, (_, n) => n) }, linearPattern)).toThrow(
      'too many parts',
    );
    expect(() => compileSchema({ pattern: '((a{0,100}){0,100})' }, linearPattern)).toThrow('pattern');
  });

  it('ends the check of a value that costs too much', () => {
    const doubling: Record<string, JsonValue> = { x40: true };
    for (let n = 0; n < 40; n++)
      doubling[`x${n}`] = { allOf: [{ $ref: `#/$defs/x${n + 1}` }, { $ref: `#/$defs/x${n + 1}` }] };
    expect(() => problems({ $ref: '#/$defs/x0', $defs: doubling }, {})).toThrow('costs too much');
    expect(() => problems({ $ref: '#' }, {})).toThrow('without an end');
    expect(() => problems({ pattern: '^(a+)+$' }, 'a'.repeat(4_000_000))).toThrow('costs too much');
  });

  it('without a word about it holds of everything', () => {
    assert(property(jsonValue(), (value) => fits({}, value) && !fits(false, value)));
  });
});
