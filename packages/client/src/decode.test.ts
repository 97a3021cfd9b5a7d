import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLine, oversizeOf, type Decoded } from './decode.ts';

const RUNS = 20_000;
const decode = (text: string): Decoded => decodeLine(Buffer.from(text));

/** A result with another id put in, read as a client reads it. */
function forwarded(decoded: Decoded, id: string): unknown {
  if (decoded.kind !== 'result') throw new Error(decoded.kind);
  return JSON.parse(Buffer.concat([decoded.before, Buffer.from(JSON.stringify(id)), decoded.after]).toString());
}

describe('a result', () => {
  it.each([
    ['as most servers write it', '{"jsonrpc":"2.0","id":7,"result":{"a":1}}'],
    ['with the id at the end', '{"result":{"a":1},"jsonrpc":"2.0","id":7}'],
    ['with spaces', '{"jsonrpc": "2.0", "id": 7, "result": {"a": 1}}'],
    ['in an unknown layout', ' { "id" : 7 , "result":{"a":1},"jsonrpc":"2.0"}'],
    ['with a member beside', '{"jsonrpc":"2.0","id":7,"result":{"a":1},"vendor":{"id":3}}'],
  ])('%s is cut at its id', (_name, text) => {
    expect(decode(text)).toMatchObject({ kind: 'result', id: 7 });
    expect(forwarded(decode(text), 'mine')).toMatchObject({ jsonrpc: '2.0', id: 'mine', result: { a: 1 } });
  });

  it.each([false, true])('keeps ids within the result (large: %s)', (large) => {
    const result = { id: 1, rows: [{ id: 2 }], pad: 'x'.repeat(large ? 20_000 : 1) };
    const text = JSON.stringify({ jsonrpc: '2.0', id: 7, result });
    expect(forwarded(decode(text), 'mine')).toEqual({ jsonrpc: '2.0', id: 'mine', result });
  });

  it.each([
    ['a second id', '{"jsonrpc":"2.0","id":7,"result":{PAD},"id":9}'],
    ['a second id that is escaped', '{"jsonrpc":"2.0","id":7,"result":{PAD},"\\u0069d":9}'],
    ['two ids behind', '{"result":{PAD},"id":9,"jsonrpc":"2.0","id":7}'],
    ['a second result', '{"jsonrpc":"2.0","id":7,"result":{PAD},"result":{"id":1}}'],
  ])('with %s is not forwarded, however large', (_name, text) => {
    for (const pad of ['', `"pad":"${'x'.repeat(20_000)}"`]) {
      expect(decode(text.replace('PAD', pad))).toMatchObject({ kind: 'broken', id: 7 });
    }
  });
});

describe('anything else', () => {
  it.each([
    ['two messages', '{"jsonrpc":"2.0","id":7,"result":{}}{"jsonrpc":"2.0","id":8,"result":{}}'],
    ['something behind', '{"jsonrpc":"2.0","id":7,"result":{}} }'],
    ['half a message', '{"jsonrpc":"2.0","id":7,"result":{'],
    ['an id that is a string', '{"jsonrpc":"2.0","id":"7","result":{}}'],
    ['no message', '[1,2]garbage'],
    ['nesting without end', '['.repeat(100_000)],
  ])('%s is noise', (_name, text) => {
    expect(decode(text).kind).toBe('noise');
  });

  it('tells errors, requests, notifications and batches apart', () => {
    expect(decode('{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"x","data":{"y":1}}}')).toEqual({
      kind: 'error',
      id: 7,
      error: { code: -1, message: 'x', data: { y: 1 } },
    });
    expect(decode('{"jsonrpc":"2.0","id":"q","method":"ping"}').kind).toBe('request');
    expect(decode('{"jsonrpc":"2.0","method":"notifications/x"}').kind).toBe('notification');
    const batch = decode('[{"jsonrpc":"2.0","id":7,"result":{}},{"jsonrpc":"2.0","method":"n"}]');
    expect(batch.kind === 'batch' && batch.lines.map((line) => decodeLine(line).kind)).toEqual([
      'result',
      'notification',
    ]);
  });

  it('a response whose result is no JSON is broken', () => {
    expect(decode('{"jsonrpc":"2.0","id":7,"result":{"a":tru}}')).toMatchObject({ kind: 'broken', id: 7 });
  });

  it('a response without a result that is an object is broken', () => {
    expect(decode('{"jsonrpc":"2.0","id":7,"result":"text"}')).toMatchObject({ kind: 'broken', id: 7 });
  });
});

describe('fuzzing', () => {
  it('every result comes through unchanged', { timeout: 60_000 }, () => {
    const spaces = fc.constantFrom('', ' ');
    fc.assert(
      fc.property(
        fc.nat(),
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
        spaces,
        (id, result, order, space) => {
          const parts = ['"jsonrpc":"2.0"', `"id":${space}${id}`, `"result":${space}${JSON.stringify(result)}`];
          const text = `{${order.map((index) => parts[index]).join(`,${space}`)}}`;
          const decoded = decode(text);
          expect(decoded).toMatchObject({ kind: 'result', id });
          expect(forwarded(decoded, 'mine')).toEqual(
            JSON.parse(JSON.stringify({ jsonrpc: '2.0', id: 'mine', result })),
          );
        },
      ),
      { numRuns: RUNS / 2 },
    );
  });

  it('no line makes it throw, and what it calls a result is one', { timeout: 60_000 }, () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '{',
        '}',
        '"id":1',
        '"jsonrpc":"2.0"',
        '"result":{',
        '"method":"x"',
        ',',
        '\\u0069',
        '"',
        '[',
        ']',
        'é',
        ' ',
        '\\',
      ),
      fc.string({ maxLength: 5 }),
    );
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      fc.array(piece, { maxLength: 20 }).map((pieces) => Buffer.from(pieces.join(''))),
      fc
        .array(piece, { maxLength: 6 })
        .map((pieces) => Buffer.from(`{"jsonrpc":"2.0","id":5,"result":{}${pieces.join('')}}`)),
    );
    fc.assert(
      fc.property(line, (bytes) => {
        const decoded = decodeLine(bytes);
        if (decoded.kind !== 'result') return;
        const message = forwarded(decoded, 'mine') as { id: unknown; result: unknown };
        expect(message.id).toBe('mine');
        expect(message.result).toBeTypeOf('object');
      }),
      { numRuns: RUNS },
    );
  });
});

describe('the edges of a message that was too large', () => {
  const result = { text: `"id":3,"jsonrpc":"2.0"}${'x'.repeat(1000)}","id":4}` };
  const edgesOf = (text: string): [Buffer, Buffer] => {
    const bytes = Buffer.from(text);
    return [bytes.subarray(0, 256), bytes.subarray(-256)];
  };

  it.each([
    ['id first', JSON.stringify({ jsonrpc: '2.0', id: 7, result })],
    ['id before the version', JSON.stringify({ id: 7, jsonrpc: '2.0', result })],
    ['an error', JSON.stringify({ jsonrpc: '2.0', id: 7, error: { code: 1, message: 'x', data: result } })],
    ['white space', JSON.stringify({ jsonrpc: '2.0', id: 7, result }).replaceAll('":', '": ').replaceAll(',"', ', "')],
    ['the official TypeScript SDK', JSON.stringify({ result, jsonrpc: '2.0', id: 7 })],
    ['id before the version, at the end', JSON.stringify({ result, id: 7, jsonrpc: '2.0' })],
    ['version first and id last', JSON.stringify({ jsonrpc: '2.0', result, id: 7 })],
    ['a CR behind it', `${JSON.stringify({ result, jsonrpc: '2.0', id: 7 })}\r`],
  ])('tell its id: %s', (_name, text) => {
    expect(oversizeOf(...edgesOf(text))).toEqual({ kind: 'response', id: 7 });
  });

  it.each([
    ['a notification', JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { result } })],
    ['a request', JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'sampling/createMessage', params: { result } })],
    [
      'a request of the official TypeScript SDK',
      JSON.stringify({ method: 'x', params: { result }, jsonrpc: '2.0', id: 7 }),
    ],
  ])('tell that no call waits for %s', (_name, text) => {
    expect(oversizeOf(...edgesOf(text))).toEqual({ kind: 'said' });
  });

  it.each([
    ['no end', JSON.stringify({ result, jsonrpc: '2.0', id: 7 }), undefined],
    ['an id that is a text', JSON.stringify({ jsonrpc: '2.0', id: '7', result })],
    ['an id within the result', JSON.stringify({ result: { ...result, id: 7 } })],
    ['an id within a text', JSON.stringify({ jsonrpc: '2.0', result: `${'x'.repeat(1000)},"id":7}` })],
    ['what may be a request', JSON.stringify({ params: { result }, method: 'x', jsonrpc: '2.0', id: 7 })],
    ['no response', JSON.stringify([{ result, jsonrpc: '2.0', id: 7 }])],
  ])('tell nothing of %s', (_name, text, ...cut) => {
    const [head, tail] = edgesOf(text);
    expect(oversizeOf(head, cut.length > 0 ? undefined : tail)).toEqual({ kind: 'unknown' });
  });
});
