import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES, MAX_ID_LENGTH, MAX_METHOD_LENGTH } from './limits.ts';
import { classify, failure, isErrorObject, isRequestId, readMessage, type Incoming } from './message.ts';

const request = (id: string): string => `{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`;
const codeOf = (incoming: Incoming): number | string =>
  incoming.kind === 'invalid' ? incoming.error.error.code : incoming.kind;

/** No JSON: arrays. */
const badArrays = [
  '[',
  '[1',
  '[1,',
  '[1,]',
  '[1,,2]',
  '[,1]',
  '[,]',
  '[1]]',
  '[1]x',
  '[1 2]',
  '["a" "b"]',
  '["a"',
  '["",',
  '["a",\n4\n,1,',
  '[3[4]]',
  '[:1]',
  '["a":1]',
  '[1:2]',
  '[*]',
  '[-]',
  '[\u000ba\\f]',
  '[\u000b1]',
  '[\\f]',
  '[1}',
  '[{]',
  '[{}',
  '[1,\n1\n,1',
  '["x"',
  'a]',
  ']',
  '][',
  '[x',
  '[x]',
  '[,"a"]',
  '["",]',
  '[ , ""]',
  '[1,,]',
  '[""],',
  '[1]\u0000',
  '[\u00a01]',
  '[\u20601]',
  '[\ufeff1]',
  '[1;2]',
  '[1/*,*/]',
  '[1]//',
  '[1]#',
  '[++1]',
  '[[],[[]]',
  '[[[[[[[[',
  '[nul]',
  '[fals]',
  '[tru]',
  '[True]',
  '[NULL]',
  '[undefined]',
  '[NaN]',
  '[Infinity]',
  '[-Infinity]',
  "['a']",
  '[`a`]',
  '[(1)]',
  '[<1>]',
  '[1] [2]',
  '[1]\n[2]',
];
/** No JSON: objects. */
const badObjects = [
  '{',
  '{"',
  '{"a"',
  '{"a":',
  '{"a":1',
  '{"a":1,',
  '{"a":1,}',
  '{"a":1,,}',
  '{,"a":1}',
  '{"a" 1}',
  '{"a"::1}',
  '{"a":1 "b":2}',
  '{"a":1;"b":2}',
  '{"a",1}',
  '{"a"}',
  '{:1}',
  '{1:1}',
  '{a:1}',
  "{'a':1}",
  '{null:1}',
  '{"a":}',
  '{"a":1}}',
  '{"a":1}x',
  '{"a":1}{',
  '{"a":1}#',
  '{"a":1}//',
  '{"a":1}/**/',
  '{/**/"a":1}',
  '{"a":1/*x*/}',
  '{"a":"b"]',
  '{"a":[}',
  '{]',
  '}',
  '}{',
  '{}}',
  '{}{}',
  '{} {}',
  '{"a":a}',
  '{"a":-}',
  '{"a":+1}',
  '{"a":01}',
  '{"a":"a}',
  '{"a":"\t"}',
  '{"a"\u00a0:1}',
  '{"\u0000":1}',
  '{"a":1,"b"}',
  '{\\u0022a":1}',
  '{"a":\\u0031}',
  '{"a":"b",\u0000}',
  '{"x", null}',
  '{"x"::"b"}',
  '{\ufeff"a":1}',
  '{🇨🇭}',
  '{9999E9999:1}',
  '{"id":0,,,,,}',
  '{"asd":"asd"',
  '{"a":true} "x"',
  '{"jsonrpc":"2.0","id":1,"method":"ping"',
  '{"jsonrpc":"2.0","id":1,"method":"ping"}}',
  '{"jsonrpc":"2.0","id":1,"method":"ping"},',
  '{"jsonrpc":"2.0" "id":1}',
  '{"jsonrpc":"2.0","id":1,"method":ping}',
  '{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1,"method":"ping"}\n{"jsonrpc":"2.0","id":2,"method":"ping"}',
  'data: {"jsonrpc":"2.0"}',
  '{"jsonrpc":"2.0","id":0x1}',
];
/** No JSON: numbers. */
const badNumbers = [
  '01',
  '-01',
  '00',
  '0x1',
  '0X1F',
  '0b1',
  '0o7',
  '1.',
  '.1',
  '-.1',
  '-',
  '+1',
  '--1',
  '- 1',
  '1e',
  '1E+',
  '1e-',
  '1.e1',
  '1.5.5',
  '0.e1',
  '0e',
  '0E+',
  '1eE2',
  '1e2.5',
  '2.e+3',
  '1_000',
  '1 000',
  '1,000',
  '１',
  '1a',
  '-foo',
  '-1x',
  '0.3e',
  '0.3e+',
  '9.e+',
  '1n',
  '1f',
  '0.1.2',
  'Inf',
  '-NaN',
  '1e1e1',
  '٣',
  '1\u0000',
  '0.',
  '-0.',
  '-2.',
  '2.e3',
  '1+2',
  '1-',
  '∞',
  '½',
  '1e٣',
];
/** No JSON: strings, words, the document itself. */
const badRest = [
  '',
  ' ',
  '\n',
  '\t\r\n ',
  '"',
  '"a',
  'a"',
  '"a""',
  '"\\',
  '"\\"',
  '"\\x00"',
  '"\\a"',
  '"\\\'"',
  '"\\0"',
  '"\\u"',
  '"\\u1"',
  '"\\u12"',
  '"\\u123"',
  '"\\u123g"',
  '"\\U0041"',
  '"\\u{41}"',
  '"\\ud800\\u"',
  '"\\ud800\\u1x"',
  '"\\\\\\"',
  '"\u0000"',
  '"\u001f"',
  '"\n"',
  '"\r"',
  '"\t"',
  '"\b"',
  "'a'",
  '`a`',
  '"a"b',
  '"\\e"',
  '"\\🌀"',
  '"\\ "',
  '\\u0022a\\u0022',
  '“a”',
  'a',
  'True',
  'TRUE',
  'tru',
  'truee',
  'fals',
  'nul',
  'nulll',
  'none',
  'undefined',
  'NaN',
  'Infinity',
  '<.>',
  '<null>',
  '*',
  '#',
  '//',
  '/**/',
  '/**/1',
  '1//x',
  '1/*',
  '\ufeff',
  '\ufeff{}',
  '\ufeff1',
  '\u0000',
  '\u0000{}',
  '{}\u0000',
  '\u000c{}',
  '\u000b1',
  '\u00851',
  '\u20281',
  '\u2060',
  'å',
  '!',
  '%7B%7D',
  '&quot;a&quot;',
  '---\n{}',
  'a: 1',
  'a=1&b=2',
  'GET / HTTP/1.1\r\n\r\n',
  '<?xml version="1.0"?>',
  'null null',
  'true,',
  ',',
  ':',
  '1 2',
  '"a" "b"',
  '1 true',
  'null,',
  '""x',
  '"\\u000"',
  '"\\ud83d\\"',
];
/** JSON, and no message. */
const otherJson = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1',
  '-1',
  '0.1',
  '1E400',
  '-1e400',
  '1e-400',
  '123456789012345678901234567890',
  '1e+2',
  '1E-2',
  '0e+1',
  '""',
  '"a"',
  '" "',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ud83d\\ude00"',
  '"\u2028\u2029"',
  '"\u007f"',
  '"\\/"',
  '"\\uFFFF"',
  '{}',
  ' {} ',
  '\n{}\n',
  '{"a":1}',
  '{"":0}',
  '{"\\u0000":1}',
  '{"a":{"b":[{}]}}',
  '{"__proto__":{"jsonrpc":"2.0"}}',
  '{"constructor":1}',
  '[]',
  ' [ ] ',
  '[[]]',
  '[[],[]]',
  '[[{}]]',
  '{"jsonrpc":"2.0"}',
  '{"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":2.0,"id":1,"method":"a"}',
  '{"jsonrpc":"2","id":1,"method":"a"}',
  '{"id":1,"method":"a"}',
  '{"jsonrpc":"1.0","id":1,"method":"a"}',
  '{"jsonrpc":null,"id":1,"method":"a"}',
  '{"jsonrpc":"2.0","id":1,"method":""}',
  '{"jsonrpc":"2.0","id":1,"method":null}',
  '{"jsonrpc":"2.0","id":1,"method":1}',
  '{"jsonrpc":"2.0","id":1,"method":["a"]}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":null}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":[]}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":"b"}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":0}',
  '{"jsonrpc":"2.0","method":"a","params":[1]}',
  '{"jsonrpc":"2.0","id":1,"method":"a","result":{}}',
  '{"jsonrpc":"2.0","id":1,"method":"a","error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","method":"a","result":null}',
  '{"jsonrpc":"2.0","id":1,"result":null}',
  '{"jsonrpc":"2.0","id":1,"result":[]}',
  '{"jsonrpc":"2.0","id":1,"result":1}',
  '{"jsonrpc":"2.0","id":null,"result":{}}',
  '{"jsonrpc":"2.0","result":{}}',
  '{"jsonrpc":"2.0","id":1.5,"result":{}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"error":null}',
  '{"jsonrpc":"2.0","id":1,"error":null}',
  '{"jsonrpc":"2.0","id":1,"error":"a"}',
  '{"jsonrpc":"2.0","id":1,"error":{}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":1e300,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
  '{"jsonrpc":"2.0","id":{},"error":{"code":1,"message":""}}',
  '{"JSONRPC":"2.0","id":1,"method":"a"}',
  '{"jsonrpc":"2.0","id":1,"Method":"a"}',
  '{"__proto__":{"jsonrpc":"2.0","id":1,"method":"a"}}',
  '{"jsonrpc":"2.0","id":[1],"method":"a"}',
];

describe('readMessage on what is no message', () => {
  const noJson = [...badArrays, ...badObjects, ...badNumbers, ...badRest];

  it('has a corpus of its own size, without doubles', () => {
    expect(new Set([...noJson, ...otherJson]).size).toBe(noJson.length + otherJson.length);
    expect(noJson.length + otherJson.length).toBeGreaterThan(300);
  });

  it('INP-01 answers -32700 to what is not JSON', () => {
    expect(noJson.filter((text) => codeOf(readMessage(text)) !== -32_700)).toEqual([]);
  });

  it('INP-01 answers -32600 to JSON that is no message', () => {
    expect(otherJson.filter((text) => codeOf(readMessage(text)) !== -32_600)).toEqual([]);
  });

  it('answers -32700 to a good message that was cut short anywhere', () => {
    const text = '{"jsonrpc":"2.0","id":"a\\u0041","method":"x","params":{"n":[1.5e3,true,null,"\\""]}}';
    for (let end = 0; end < text.length; end++) expect(codeOf(readMessage(text.slice(0, end)))).toBe(-32_700);
    expect(readMessage(text).kind).toBe('request');
  });

  it.each([
    ['100,000 levels', '['.repeat(100_000) + ']'.repeat(100_000)],
    [
      '100,000 levels in params',
      `{"jsonrpc":"2.0","id":1,"method":"a","params":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`,
    ],
    ['65 levels', '['.repeat(65) + ']'.repeat(65)],
    ['800,000 members in 4 MiB', `{${'"":0,'.repeat(800_000)}"":0}`],
  ])('INP-02 refuses %s before parsing', (_what, text) => {
    expect(readMessage(text)).toMatchObject({
      kind: 'invalid',
      error: { key: 'parse', error: { message: /too many/ } },
    });
  });

  it('accepts 64 levels and a string of 4 MiB', () => {
    const deep = `{"jsonrpc":"2.0","method":"a","params":${'{"a":'.repeat(62)}{}${'}'.repeat(62)}}`;
    expect(readMessage(deep).kind).toBe('notification');
    const long = `{"jsonrpc":"2.0","method":"a","params":{"s":"${'\\"'.repeat(MAX_BODY_BYTES / 2)}"}}`;
    expect(readMessage(long).kind).toBe('notification');
  });
});

describe('names', () => {
  it.each([
    '{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}',
    '{"jsonrpc":"2.0","id":1,"method":"a","\\u006dethod":"b"}',
    '{"jsonrpc":"2.0","id":1,"id":1,"method":"a"}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"good","name":"bad"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":[{"path":"/ok","path":"/etc"}]}}}',
    '{"jsonrpc":"2.0","id":1,"method":"a","params":{"__proto__":1,"__proto__":2}}',
  ])('that stand twice are refused: %s', (text) => {
    expect(readMessage(text)).toMatchObject({
      kind: 'invalid',
      id: 1,
      error: { error: { code: -32_600, message: /twice/ } },
    });
  });

  it('that differ are accepted, whatever they are', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (params) => {
        const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'a', params: { a: params } });
        expect(readMessage(text).kind).toBe('request');
      }),
    );
    const odd =
      '{"jsonrpc":"2.0","method":"a","params":{"__proto__":1,"constructor":2,"toString":3,"10":4,"2":5,"":6,":":7}}';
    expect(readMessage(odd).kind).toBe('notification');
  });
});

describe('ids', () => {
  it.each([
    '1',
    '0',
    '-1',
    '9007199254740991',
    '-9007199254740991',
    '""',
    '"a"',
    '"1"',
    '"\\ud800"',
    '"\\u0000"',
    '1.0',
    '1e2',
    `"${'x'.repeat(MAX_ID_LENGTH)}"`,
  ])('INP-02 are echoed without loss: %s', (id) => {
    const incoming = readMessage(request(id));
    expect(incoming.kind).toBe('request');
    const echoed = JSON.stringify(
      failure({ code: 1, message: '' }, (incoming as { message: { id: string } }).message.id),
    );
    expect(Object.is((JSON.parse(echoed) as { id: unknown }).id, JSON.parse(id))).toBe(true);
  });

  it.each([
    'null',
    '1.5',
    '-0',
    '-0.0',
    '1e400',
    '-1e400',
    '9007199254740992',
    '9007199254740993',
    '123456789012345678901234567890',
    '{}',
    '[]',
    '[1]',
    'true',
    'false',
    '0.1',
    `"${'x'.repeat(MAX_ID_LENGTH + 1)}"`,
  ])('INP-02 are refused and not echoed: %s', (id) => {
    const incoming = readMessage(request(id));
    expect(incoming).toMatchObject({ kind: 'invalid', error: { key: 'invalid_request' } });
    expect(incoming).not.toHaveProperty('id');
  });

  it('of a message that is bad otherwise are kept for the answer', () => {
    expect(readMessage('{"jsonrpc":"2.0","id":"a","method":1}')).toMatchObject({ kind: 'invalid', id: 'a' });
    expect(readMessage('{"jsonrpc":"1.0","id":7,"method":"a"}')).toMatchObject({ kind: 'invalid', id: 7 });
    expect(readMessage('{"jsonrpc":"2.0","id":7,"result":1}')).toMatchObject({ kind: 'invalid', id: 7 });
  });

  it('agree with a guard on values', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (id) => {
        expect(isRequestId(id)).toBe(!Object.is(id, -0));
      }),
    );
    fc.assert(
      fc.property(fc.double(), (id) => {
        expect(isRequestId(id)).toBe(Number.isSafeInteger(id) && !Object.is(id, -0));
      }),
    );
  });
});

describe('kinds', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":1,"method":"a"}', 'request'],
    ['{"jsonrpc":"2.0","id":1,"method":"a","params":{},"x":1}', 'request'],
    ['{"jsonrpc":"2.0","method":"a"}', 'notification'],
    ['{"jsonrpc":"2.0","method":"a","params":{"_meta":5}}', 'notification'],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', 'response'],
    ['{"jsonrpc":"2.0","id":1,"result":{"error":{}},"x":1}', 'response'],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"","data":null}}', 'response'],
    ['{"jsonrpc":"2.0","error":{"code":-1,"message":""}}', 'response'],
    ['[1]', 'batch'],
    [`{"jsonrpc":"2.0","method":"${'x'.repeat(MAX_METHOD_LENGTH)}"}`, 'notification'],
    [`{"jsonrpc":"2.0","method":"${'x'.repeat(MAX_METHOD_LENGTH + 1)}"}`, 'invalid'],
  ])('%s', (text, kind) => {
    expect(readMessage(text).kind).toBe(kind);
  });

  it('leave a null id out of an error response', () => {
    const incoming = readMessage('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"},"x":1}');
    expect(incoming).toEqual({
      kind: 'response',
      message: { jsonrpc: '2.0', error: { code: -32_700, message: 'm' }, x: 1 },
    });
  });

  it('keep unknown members and every value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (extra) => {
        const message = { ...extra, jsonrpc: '2.0', id: 1, method: 'a', params: {} };
        const incoming = classify(JSON.parse(JSON.stringify(message)) as never);
        const sent = JSON.parse(JSON.stringify(message)) as unknown;
        const known = extra['result'] === undefined && extra['error'] === undefined;
        expect(known ? incoming : { kind: incoming.kind }).toEqual(
          known ? { kind: 'request', message: sent } : { kind: 'invalid' },
        );
      }),
    );
  });

  it('of errors', () => {
    expect([{ code: 1, message: '' }, { code: 1 }, { code: 1.5, message: '' }, null, []].map(isErrorObject)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(failure({ code: 1, message: 'm' })).toEqual({ jsonrpc: '2.0', error: { code: 1, message: 'm' } });
  });
});

describe('batches', () => {
  const entry = '{"jsonrpc":"2.0","method":"a"}';
  const batch = (length: number, one = entry): string => `[${Array.from({ length }, () => one).join(',')}]`;

  it.each([
    ['empty', '[]', /must not be empty/],
    ['51', batch(51), /50 messages at most/],
    ['nested', `[${entry},[${entry}]]`, /must not hold a batch/],
    ['nested and empty', '[[]]', /must not hold a batch/],
  ])('%s: refused', (_what, text, message) => {
    expect(readMessage(text)).toMatchObject({ kind: 'invalid', error: { key: 'invalid_request', error: { message } } });
  });

  it('of 50, mixed, are handed over entry by entry', () => {
    const incoming = readMessage(
      `[${request('1')},1,null,{"jsonrpc":"2.0","id":3,"result":{}},${batch(46).slice(1, -1)}]`,
    );
    expect(incoming.kind).toBe('batch');
    const entries = incoming.kind === 'batch' ? incoming.entries : [];
    expect(entries).toHaveLength(50);
    expect(entries.slice(0, 5).map((each) => classify(each).kind)).toEqual([
      'request',
      'invalid',
      'invalid',
      'response',
      'notification',
    ]);
  });
});
