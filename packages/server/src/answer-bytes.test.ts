import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { responseLatin1, responseLength, responseStart, responseText } from './answer-bytes.ts';
import { preparedResult, type Answer } from './exchange.ts';

type Result = Answer & { kind: 'result' };

const ids = fc.oneof(fc.integer(), fc.string({ unit: 'binary' }), fc.string());

describe('a response as bytes and as a string of bytes', () => {
  it('is the same whatever stands in the id and in the result', () => {
    fc.assert(
      fc.property(ids, fc.uint8Array(), fc.uint8Array(), (id, before, after) => {
        const answer: Result = { kind: 'result', before: Buffer.from(before), after: Buffer.from(after) };
        const bytes = responseStart(id, answer);
        expect(Buffer.from(responseLatin1(id, answer), 'latin1').equals(bytes)).toBe(true);
        expect(responseLength(id, answer)).toBe(bytes.length);
      }),
    );
  });

  it.each([7, 'a', 'ünïcode', '漢字 😀', 'line\nbreak "quoted"'])('reads back with the id %j', (id) => {
    const answer = preparedResult('{"text":"é 漢 😀"}') as Result;
    const text = Buffer.from(responseLatin1(id, answer), 'latin1').toString('utf8');
    expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', id, result: { text: 'é 漢 😀' } });
  });
});

it('of a value that no JSON can say is an error, and ends no process', () => {
  const text = responseText(7, { kind: 'value', result: { count: 1n } as never });
  expect(JSON.parse(text)).toMatchObject({ id: 7, error: { code: -32603 } });
});
