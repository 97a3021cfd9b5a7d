import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkParamHeaders,
  checkStandardHeaders,
  decodeHeaderValue,
  encodeHeaderValue,
  mirrorParams,
  nameOf,
  paramHeaders,
  singleHeader,
  standardHeaders,
  type HeaderBag,
  type ParamHeader,
} from './headers.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { JsonRpcRequest } from './message.ts';

const sentinel = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;

/** Text with everything that is hard in a header: controls, white space at the ends, sentinels, other alphabets. */
const hardText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.constantFrom('=?base64?', '?=', 'YQ==', ' ', '\t', '\r\n', '\0', 'é', '😀', '\ufeff', 'a', ':', ','), {
      maxLength: 5,
    })
    .map((parts) => parts.join('')),
);

describe('header values', () => {
  it('come back from the sentinel as they were, through plain header text', () => {
    fc.assert(
      fc.property(hardText, (value) => {
        const encoded = encodeHeaderValue(value);
        expect(encoded).toMatch(/^[\x20-\x7e\t]+$/);
        expect(encoded).toBe(encoded.trim());
        expect(decodeHeaderValue(encoded)).toBe(value.toWellFormed());
        expect(decodeHeaderValue(` \t${encoded}\t `)).toBe(value.toWellFormed());
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['tools/call', 'tools/call'],
    ['a b\tc', 'a b\tc'],
    ['file:///a?b=c', 'file:///a?b=c'],
    ['', '=?base64??='],
    [' a', sentinel(' a')],
    ['a\t', sentinel('a\t')],
    ['é', sentinel('é')],
    ['a\r\nX-Evil: 1', sentinel('a\r\nX-Evil: 1')],
    ['=?base64?YQ==?=', sentinel('=?base64?YQ==?=')],
    ['=?base64?', sentinel('=?base64?')],
  ])('%j travels as %j', (value, encoded) => {
    expect(encodeHeaderValue(value)).toBe(encoded);
  });

  it.each([
    ['no padding', '=?base64?YQ?='],
    ['stray bits', '=?base64?YR==?='],
    ['the URL alphabet', '=?base64?_-__?='],
    ['a space inside', '=?base64?YQ= =?='],
    ['a line break inside', '=?base64?YQ==\n?='],
    ['padding alone', '=?base64?====?='],
    ['not UTF-8', `=?base64?${Buffer.of(0xff).toString('base64')}?=`],
    ['an overlong form', `=?base64?${Buffer.of(0xc0, 0xaf).toString('base64')}?=`],
    ['a surrogate in UTF-8', `=?base64?${Buffer.of(0xed, 0xa0, 0x80).toString('base64')}?=`],
    ['start and end that share a character', '=?base64?='],
  ])('a sentinel with %s is refused', (_what, value) => {
    expect(decodeHeaderValue(value)).toBeUndefined();
  });

  it.each(['=?base64?YQ==', 'YQ==?=', '=?BASE64?YQ==?=', '=?base64 ?YQ==?=', 'x=?base64?YQ==?='])(
    'what is no sentinel is itself: %s',
    (value) => {
      expect(decodeHeaderValue(value)).toBe(value);
    },
  );

  it('keep a byte order mark', () => {
    expect(decodeHeaderValue(sentinel('\ufeffa'))).toBe('\ufeffa');
  });

  it('never agree with a name that has no UTF-8', () => {
    const name = '\ud800';
    const headers = standardHeaders('2026-07-28', 'tools/call', name);
    expect(checkStandardHeaders(headers, call('tools/call', { name }))?.key).toBe('header_mismatch');
  });
});

describe('singleHeader', () => {
  it.each([
    [undefined, undefined],
    ['a', 'a'],
    [' \ta\t ', 'a'],
    [' ', ''],
    [[], undefined],
    [['a '], 'a'],
    [['a', 'a'], undefined],
    [['a', 'b'], undefined],
  ])('%j is %j', (value, wanted) => {
    expect(singleHeader({ x: value }, 'x')).toBe(wanted);
  });
});

function call(method: string, params?: Record<string, JsonValue>): JsonRpcRequest {
  return { jsonrpc: '2.0', id: 1, method, ...(params && { params }) };
}

describe('standard headers', () => {
  it('agree with the request they were made for', () => {
    const methods = fc.constantFrom(
      'tools/call',
      'prompts/get',
      'resources/read',
      'tasks/get',
      'tools/list',
      'odd\r\nmethod',
    );
    fc.assert(
      fc.property(methods, hardText, (method, raw) => {
        const name = raw.toWellFormed();
        const message = call(method, { name, uri: name, taskId: name });
        const headers = standardHeaders('2026-07-28', method, nameOf(method, message.params));
        for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e\t]+$/);
        expect(checkStandardHeaders(headers, message)?.key).toBe(method.includes('\n') ? 'header_mismatch' : undefined);
      }),
    );
  });

  const named = call('tools/call', { name: 'é' });
  it.each<[string, JsonRpcRequest, HeaderBag, string | undefined]>([
    ['both right', named, { 'mcp-method': 'tools/call', 'mcp-name': sentinel('é') }, undefined],
    ['no method', named, { 'mcp-name': sentinel('é') }, 'Mcp-Method'],
    [
      'the method twice',
      named,
      { 'mcp-method': ['tools/call', 'tools/call'], 'mcp-name': sentinel('é') },
      'Mcp-Method',
    ],
    ['another method', named, { 'mcp-method': 'tools/list', 'mcp-name': sentinel('é') }, 'Mcp-Method'],
    ['the method in capitals', named, { 'mcp-method': 'Tools/Call', 'mcp-name': sentinel('é') }, 'Mcp-Method'],
    [
      'the method and the name joined',
      named,
      { 'mcp-method': 'tools/call, tools/call', 'mcp-name': sentinel('é') },
      'Mcp-Method',
    ],
    ['no name', named, { 'mcp-method': 'tools/call' }, 'Mcp-Name'],
    ['another name', named, { 'mcp-method': 'tools/call', 'mcp-name': 'e' }, 'Mcp-Name'],
    [
      'the name in Latin-1',
      call('tools/call', { name: 'Ã©' }),
      { 'mcp-method': 'tools/call', 'mcp-name': 'Ã©' },
      undefined,
    ],
    ['a bad sentinel', named, { 'mcp-method': 'tools/call', 'mcp-name': '=?base64?w6k?=' }, 'Mcp-Name'],
    ['the name twice', named, { 'mcp-method': 'tools/call', 'mcp-name': ['é', 'é'] }, 'Mcp-Name'],
    ['an empty name', named, { 'mcp-method': 'tools/call', 'mcp-name': '' }, 'Mcp-Name'],
    [
      'space around',
      call('tools/call', { name: 'a' }),
      { 'mcp-method': ' tools/call ', 'mcp-name': '\ta ' },
      undefined,
    ],
    ['a name that is no string', call('tools/call', { name: 1 }), { 'mcp-method': 'tools/call' }, undefined],
    ['a header for no name', call('tools/call', {}), { 'mcp-method': 'tools/call', 'mcp-name': 'a' }, undefined],
    ['no params', call('tools/call'), { 'mcp-method': 'tools/call' }, undefined],
    [
      'the uri',
      call('resources/read', { uri: 'a', name: 'b' }),
      { 'mcp-method': 'resources/read', 'mcp-name': 'b' },
      'Mcp-Name',
    ],
    ['the task', call('tasks/cancel', { taskId: 't' }), { 'mcp-method': 'tasks/cancel' }, 'Mcp-Name'],
    [
      'a name where there is none',
      call('tools/list'),
      { 'mcp-method': 'tools/list', 'mcp-name': '=?base64?!?=' },
      undefined,
    ],
    ['a method of the prototype', call('constructor', { name: 'a' }), { 'mcp-method': 'constructor' }, undefined],
  ])('SES-07 %s', (_what, message, headers, header) => {
    const error = checkStandardHeaders(headers, message);
    expect(error?.error.data).toEqual(header && { code: 'header_mismatch', header });
    expect(error?.error.code).toBe(header && -32_020);
  });

  it('are read in a time that does not explode with white space', () => {
    const name = `a${' '.repeat(200_000)}b`;
    expect(decodeHeaderValue(name)).toBe(name);
    expect(decodeHeaderValue(`${name}${' '.repeat(200_000)}`)).toBe(name);
  });
});

const property = (extra: Record<string, JsonValue>): JsonValue => ({ type: 'object', properties: { a: extra } });
const region = { type: 'string', 'x-mcp-header': 'Region' };

describe('x-mcp-header declarations', () => {
  it('are found at any depth of properties', () => {
    const schema = {
      type: 'object',
      properties: {
        region,
        plain: { type: 'string', default: { 'x-mcp-header': 'No' }, enum: [{ 'x-mcp-header': 'No' }] },
        'x-mcp-header': { type: 'integer', 'x-mcp-header': 'Count' },
        properties: { type: 'object', properties: { properties: { type: 'boolean', 'x-mcp-header': 'Deep' } } },
      },
    };
    expect(paramHeaders(schema)).toEqual({
      valid: true,
      declarations: [
        { path: ['region'], header: 'mcp-param-region', type: 'string' },
        { path: ['x-mcp-header'], header: 'mcp-param-count', type: 'integer' },
        { path: ['properties', 'properties'], header: 'mcp-param-deep', type: 'boolean' },
      ],
    });
  });

  it.each<[string, JsonValue | undefined]>([
    ['no schema', undefined],
    ['a schema of one word', true],
    ['a list', [1]],
    ['no declaration', { type: 'object', properties: { a: { type: 'string' } } }],
    ['properties that is no map', { properties: null }],
    ['a definition of that name', { $defs: { 'x-mcp-header': { type: 'string' } } }],
    ['data that looks like one', property({ const: region, default: region, enum: [region], examples: [region] })],
  ])('%s has none', (_what, schema) => {
    expect(paramHeaders(schema)).toEqual({ valid: true, declarations: [] });
  });

  it.each<[string, JsonValue, RegExp]>([
    ['an empty name', property({ type: 'string', 'x-mcp-header': '' }), /token/],
    ['a space', property({ type: 'string', 'x-mcp-header': 'a b' }), /token/],
    ['a colon', property({ type: 'string', 'x-mcp-header': 'a:b' }), /token/],
    ['a line break', property({ type: 'string', 'x-mcp-header': 'a\r\nb' }), /token/],
    ['a line break at the end', property({ type: 'string', 'x-mcp-header': 'a\n' }), /token/],
    ['another alphabet', property({ type: 'string', 'x-mcp-header': 'é' }), /token/],
    ['a number as name', property({ type: 'string', 'x-mcp-header': 1 }), /token/],
    ['null', property({ type: 'string', 'x-mcp-header': null }), /token/],
    ['an object', property({ type: 'string', 'x-mcp-header': {} }), /token/],
    ['the type number', property({ type: 'number', 'x-mcp-header': 'A' }), /type/],
    ['the type object', property({ type: 'object', 'x-mcp-header': 'A' }), /type/],
    ['the type array', property({ type: 'array', 'x-mcp-header': 'A' }), /type/],
    ['the type null', property({ type: 'null', 'x-mcp-header': 'A' }), /type/],
    ['a list of types', property({ type: ['string', 'null'], 'x-mcp-header': 'A' }), /type/],
    ['no type', property({ 'x-mcp-header': 'A' }), /type/],
    ['the root', { type: 'string', 'x-mcp-header': 'A' }, /schema itself/],
    [
      'two that differ in case',
      { properties: { a: region, b: { ...region, 'x-mcp-header': 'REGION' } } },
      /same header/,
    ],
    ...[
      'items',
      'prefixItems',
      'contains',
      'additionalProperties',
      'unevaluatedProperties',
      'propertyNames',
      'oneOf',
      'anyOf',
      'allOf',
      'not',
      'if',
      'then',
      'else',
      'x-unknown',
    ].flatMap((keyword): [string, JsonValue, RegExp][] => [
      [keyword, property({ [keyword]: region }), /chain/],
      [`properties under ${keyword}`, property({ [keyword]: [{ properties: { b: region } }] }), /chain/],
    ]),
    ...['patternProperties', 'dependentSchemas', '$defs', 'definitions'].map((keyword): [string, JsonValue, RegExp] => [
      keyword,
      property({ [keyword]: { default: region } }),
      /chain/,
    ]),
  ])('%s is invalid', (_what, schema, reason) => {
    expect(paramHeaders(schema)).toEqual({ valid: false, reason: expect.stringMatching(reason) as string });
  });

  it('in a schema without end are invalid, not a crash', () => {
    let schema: JsonValue = {};
    for (let level = 0; level < 100_000; level++) schema = { not: schema };
    expect(paramHeaders(schema).valid).toBe(false);
  });
});

describe('Mcp-Param headers', () => {
  const declared = (type: ParamHeader['type'], ...path: string[]): ParamHeader => ({
    path,
    header: 'mcp-param-x',
    type,
  });

  it('agree with the arguments they were made from', () => {
    const argument = fc.oneof(
      hardText.map((text) => text.toWellFormed()),
      fc.boolean(),
      fc.double(),
      fc.maxSafeInteger(),
      fc.constant(null),
    );
    fc.assert(
      fc.property(argument, fc.constantFrom('string', 'integer', 'boolean'), (value, type) => {
        const declarations = [declared(type, 'a', 'b')];
        const headers = mirrorParams(declarations, { a: { b: value } });
        for (const text of Object.values(headers)) expect(text).toMatch(/^[\x20-\x7e\t]+$/);
        expect(checkParamHeaders(declarations, { a: { b: value } }, headers)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[JsonValue | undefined, string | undefined]>([
    [{ a: 'us' }, 'us'],
    [{ a: true }, 'true'],
    [{ a: 42 }, '42'],
    [{ a: -0 }, '0'],
    [{ a: 1.5 }, '1.5'],
    [{ a: '' }, '=?base64??='],
    [{ a: 2 ** 53 }, undefined],
    [{ a: Number.POSITIVE_INFINITY }, undefined],
    [{ a: null }, undefined],
    [{ a: {} }, undefined],
    [{ a: ['us'] }, undefined],
    [{}, undefined],
    [[], undefined],
    [undefined, undefined],
  ])('SES-07 of %j: %j', (args, header) => {
    expect(mirrorParams([declared('string', 'a')], args)['mcp-param-x']).toBe(header);
  });

  it('never take an argument from a prototype', () => {
    expect(mirrorParams([declared('string', 'a')], Object.create({ a: 'us' }) as JsonObject)).toEqual({});
    expect(mirrorParams([declared('string', '__proto__', 'a')], {})).toEqual({});
  });

  it.each<[ParamHeader['type'], JsonValue, string | string[] | undefined, boolean]>([
    ['string', 'us', 'us', true],
    ['string', 'us', ' us ', true],
    ['string', 'us', sentinel('us'), true],
    ['string', 'us', 'US', false],
    ['string', 'us', undefined, false],
    ['string', 'us', ['us', 'us'], false],
    ['string', 'us', '=?base64?dXM?=', false],
    ['string', '42', '42.0', false],
    ['integer', 42, '42', true],
    ['integer', 42, '42.0', true],
    ['integer', 42, '+42', false],
    ['integer', 42, '0x2a', false],
    ['integer', 42, '4.2e1', false],
    ['integer', 42, '', false],
    ['integer', 42, '43', false],
    ['integer', '42', '42.0', false],
    ['integer', -0, '-0', true],
    ['boolean', true, 'true', true],
    ['boolean', true, 'True', false],
    ['boolean', true, '1', false],
    ['string', null, 'ignored', true],
    ['string', {}, undefined, true],
  ])('%s %j against %j: %s', (type, value, header, agrees) => {
    const error = checkParamHeaders([declared(type, 'a')], { a: value }, { 'mcp-param-x': header });
    expect(error?.error.data).toEqual(agrees ? undefined : { code: 'header_mismatch', header: 'mcp-param-x' });
  });
});
