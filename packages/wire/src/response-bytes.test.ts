import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { members } from './json-text.ts';
import { membersOfBytes, resultBytes, resultHead, scanResult } from './response-bytes.ts';

type Layout = (id: string, result: string) => string;

const known: readonly Layout[] = [
  (id, result) => `{"jsonrpc":"2.0","id":${id},"result":${result}}`,
  (id, result) => `{"jsonrpc": "2.0", "id": ${id}, "result": ${result}}`,
  (id, result) => `{"result":${result},"jsonrpc":"2.0","id":${id}}`,
  (id, result) => `{"result": ${result}, "jsonrpc": "2.0", "id": ${id}}`,
  (id, result) => `{"result":${result},"id":${id},"jsonrpc":"2.0"}`,
];

const unknown: readonly Layout[] = [
  (id, result) => `{"id":${id},"jsonrpc":"2.0","result":${result}}`,
  (id, result) => `{"jsonrpc":"2.0","result":${result},"id":${id}}`,
  (id, result) => ` {"jsonrpc":"2.0","id":${id},"result":${result}}`,
  (id, result) => `{\n "jsonrpc": "2.0",\n "id": ${id},\n "result": ${result}\n}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id},"result":${result},"id":77}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id},"result":${result},"result":{}}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id},"result":${result},"\\u0069d":77,"x":{}}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id},"result":${result},"method":"sampling/createMessage","params":{}}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id},"result":${result},"error":{"code":1,"message":"","data":{}}}`,
  (id, result) => `{"result":${result},"id":77,"jsonrpc":"2.0","id":${id}}`,
  (id, result) => `{"result":${result},"method":"x","jsonrpc":"2.0","id":${id}}`,
  (id, result) => `[{"jsonrpc":"2.0","id":${id},"result":${result}}]`,
  (id, result) => `{"jsonrpc":"2.0","id":"${id}","result":${result}}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id}.5,"result":${result}}`,
  (id, result) => `{"jsonrpc":"2.0","id":-${id},"result":${result}}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id}e1,"result":${result}}`,
  (id, result) => `{"jsonrpc":"2.0","id":null,"was":${id},"result":${result}}`,
  (id, result) => `{"jsonrpc":"1.0","id":${id},"result":${result}}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id},"result":[${result}]}`,
  (id, result) => `{"jsonrpc":"2.0","id":${id},"error":${result}}`,
  (id, result) => `{"result":[${result}],"jsonrpc":"2.0","id":${id}}`,
  (id, result) => `{"result":{"x":1},"y":${result},"jsonrpc":"2.0","id":${id}}`,
];

/** Text that looks like the edges of a response, wherever text may stand in a result. */
const lure = fc.constantFrom(
  ',"jsonrpc":"2.0","id":5}',
  '{"jsonrpc":"2.0","id":5,"result":{',
  '}},"id":5,"x":{"y":"',
  '"',
  '\\',
  '\\"',
  '\\\\',
  '}',
  '{',
  ']',
  '\n',
  'é',
  '😀',
  '\ud800',
  '"id"',
);
const text = fc.oneof(
  fc.string(),
  fc.array(lure, { maxLength: 6 }).map((parts) => parts.join('')),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.constantFrom(null, true, 0, -1.5, 1e300),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom('id', 'jsonrpc', 'result', 'method')), tie('value'), { maxKeys: 4 }),
  ),
}));
const result = fc
  .tuple(fc.dictionary(text, value, { maxKeys: 4, noNullPrototype: true }), fc.constantFrom(0, 1, '\t'))
  .map(([object, indent]) => JSON.stringify(object, undefined, indent));
const id = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 2, 999_999_999_999_999)).map(String);

function renamed(cut: { before: Buffer; after: Buffer }, newId: string): unknown {
  return JSON.parse(Buffer.concat([cut.before, Buffer.from(newId), cut.after]).toString());
}

describe('resultBytes', () => {
  it('cuts every known layout at its id, whatever the result holds', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...known),
        id,
        result,
        fc.constantFrom('', '\n', ' \r\n'),
        (layout, digits, json, end) => {
          const cut = resultBytes(Buffer.from(layout(digits, json) + end));
          expect(cut?.id).toBe(Number(digits));
          expect(Buffer.concat([cut!.before, Buffer.from(digits), cut!.after]).toString()).toBe(layout(digits, json));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('changes nothing but the one id at the top of whatever it cuts', () => {
    fc.assert(
      fc.property(fc.constantFrom(...known, ...unknown), id, result, (layout, digits, json) => {
        const message = Buffer.from(layout(digits, json));
        const cut = resultBytes(message);
        if (cut === undefined) return;
        const before = JSON.parse(message.toString()) as Record<string, unknown>;
        expect(before['id']).toBe(cut.id);
        expect(renamed(cut, '4711')).toEqual({ ...before, id: 4711 });
        expect(Object.keys(before).toSorted()).toEqual(['id', 'jsonrpc', 'result']);
      }),
      { numRuns: 5000 },
    );
  });

  it.each(unknown.map((layout) => [layout('12', '{"a":{}}'), layout] as const))(
    'leaves %s to a parser, with any result',
    (_example, layout) => {
      fc.assert(
        fc.property(id, result, (digits, json) => {
          expect(resultBytes(Buffer.from(layout(digits, json)))).toBeUndefined();
        }),
        { numRuns: 50 },
      );
    },
  );

  it.each([
    ['another message on the next line', '{"jsonrpc":"2.0","id":1,"result":{}}\n{"jsonrpc":"2.0","id":2,"result":{}}'],
    ['another message right behind', '{"jsonrpc":"2.0","id":1,"result":{}}{"jsonrpc":"2.0","id":2,"result":{}}'],
    ['another message before the tail', '{"result":{}}\n{"result":{},"jsonrpc":"2.0","id":1}'],
    ['garbage', '{"jsonrpc":"2.0","id":1,"result":{}} x}'],
    ['a closing brace too many', '{"jsonrpc":"2.0","id":1,"result":{}}}'],
    ['a closing brace too few', '{"jsonrpc":"2.0","id":1,"result":{"a":{}}'],
    ['a string that never closes', '{"jsonrpc":"2.0","id":1,"result":{"a":"}}'],
    ['an id with a leading zero', '{"jsonrpc":"2.0","id":01,"result":{}}'],
    ['an id past 2^53', '{"jsonrpc":"2.0","id":9007199254740993,"result":{}}'],
    ['a tail in a string', '{"result":{"a":",\\"jsonrpc\\":\\"2.0\\",\\"id\\":5}'],
    ['a wide space in the tail', '{"result":{},   "jsonrpc":"2.0","id":5}'],
    ['nothing', ''],
    ['white space', ' \n'],
  ])('refuses %s', (_what, message) => {
    expect(resultBytes(Buffer.from(message))).toBeUndefined();
  });

  it('cuts through a view that is a part of a larger buffer', () => {
    const whole = Buffer.from('xx{"jsonrpc":"2.0","id":5,"result":{}}yy');
    expect(resultBytes(whole.subarray(2, -2))?.after.toString()).toBe(',"result":{}}');
  });
});

/** Whether head and scan take the message for a response, when its first 70 bytes come first and the rest in pieces. */
function followed(message: Buffer, sizes: readonly number[]): boolean {
  const head = resultHead(message.subarray(0, 70));
  if (head === undefined) return false;
  const scan = scanResult();
  if (!scan.push(head.after)) return false;
  for (let at = 70, turn = 0; at < message.length; turn++) {
    const size = sizes[turn % sizes.length]! + (turn % sizes.length === 0 ? 1 : 0);
    if (!scan.push(message.subarray(at, at + size))) return false;
    at += size;
  }
  return scan.ended;
}

describe('resultHead and scanResult', () => {
  it('agree with resultBytes on a response that comes in any pieces', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          ...known.slice(0, 2),
          ...unknown.filter((layout) => layout('1', '{}').startsWith('{"jsonrpc"')),
        ),
        id,
        result,
        fc.array(fc.nat(20), { minLength: 1, maxLength: 20 }),
        (layout, digits, json, sizes) => {
          const message = Buffer.from(layout(digits, json));
          expect(followed(message, sizes)).toBe(resultBytes(message) !== undefined);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['0', 0],
    ['7', 7],
    ['10', 10],
    ['123456789012345', 123456789012345],
    ['1234567890123456', undefined],
    ['00', undefined],
    ['01', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['', undefined],
    ['"1"', undefined],
  ])('read the id %s alike with spaces and without', (digits, expected) => {
    for (const space of ['', ' ']) {
      const start = `{"jsonrpc":"2.0","id":${space}`;
      const head = resultHead(Buffer.from(`${start}${digits},"result":{"a`));
      const whole = head && { id: head.id, before: head.before.toString(), after: head.after.toString() };
      expect(whole).toEqual(
        expected === undefined ? undefined : { id: expected, before: start, after: ',"result":{"a' },
      );
    }
  });

  it('is not ended before the last brace, and accepts white space alone behind it', () => {
    const scan = scanResult();
    expect([scan.push(Buffer.from(',"result":{"a":"\\')), scan.ended]).toEqual([true, false]);
    expect([scan.push(Buffer.alloc(0)), scan.ended]).toEqual([true, false]);
    expect([scan.push(Buffer.from('"}}"}')), scan.ended]).toEqual([true, false]);
    expect([scan.push(Buffer.from(' }\r\n')), scan.ended]).toEqual([true, true]);
    expect([scan.push(Buffer.from('\n')), scan.ended]).toEqual([true, true]);
    expect(scan.push(Buffer.from('{'))).toBe(false);
  });

  it.each(['\\"'.repeat(1 << 19), '\\\\'.repeat(1 << 19), 'x'.repeat(1 << 20), `x${'\\"'.repeat(1 << 19)}`])(
    'follows long strings (%#)',
    (inside) => {
      const message = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"a":"${inside}"}}`);
      expect(resultBytes(message)?.id).toBe(1);
      expect(resultBytes(Buffer.concat([message, Buffer.from('1}')]))).toBeUndefined();
    },
  );
});

describe('the members of an object in bytes', () => {
  it('are those of its text, whatever it holds', () => {
    const objects = fc.tuple(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.nat(4), fc.boolean());
    fc.assert(
      fc.property(objects, ([object, space, twice]) => {
        const json = JSON.stringify(object, null, space);
        const written = twice ? json.replace(/\{\s*("(?:[^"\\]|\\.)*":)/, '{$1 1,$1') : json;
        const bytes = Buffer.from(written);
        expect(membersOfBytes(bytes, 0)).toEqual(members(bytes.toString('latin1'), 0));
      }),
      { numRuns: 2000 },
    );
  });

  it('are never looked for beyond the end of what is no JSON', () => {
    const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', ' ', 'a', '1'), { maxLength: 40 });
    fc.assert(
      fc.property(pieces, (all) => {
        const broken = `{${all.join('')}`;
        for (const { start, end } of membersOfBytes(Buffer.from(broken), 0)?.values() ?? []) {
          expect([start <= end, end <= broken.length]).toEqual([true, true]);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
