import type { Exchange } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { withParams, withTarget } from './restated.ts';

function exchange(text: string): Exchange {
  return { text, message: JSON.parse(text) } as unknown as Exchange;
}

describe('a request restated', () => {
  it('keeps what did not change as it was written', () => {
    const text =
      '{"jsonrpc":"2.0","id":1e2,"method":"m","x":1.0,"params":{"a":{"n":12345678901234567890},"b": 1,"c":2}}';
    const { message, text: restated } = withParams(exchange(text), { b: undefined, c: 'three', d: [4] });
    expect(restated).toBe(
      '{"jsonrpc":"2.0","id":1e2,"method":"m","x":1.0,"params":{"a":{"n":12345678901234567890},"c":"three","d":[4]}}',
    );
    expect(message.params).toEqual((JSON.parse(restated) as { params: unknown }).params);
  });

  it.each(['{"id":1,"method":"m"}', '{"id":1,"params":{"a":1,"a":2},"method":"m"}'])('says the same of %s', (text) => {
    const { message, text: restated } = withParams(exchange(text), { b: 1 });
    expect(JSON.parse(restated)).toEqual(message);
  });
});

describe('a call that names another', () => {
  const rest = '"_meta":{"progressToken":7},"task":{"ttl":60},"inputResponses":{"a":{}},"requestState":"s"';
  const textOf = (outer: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"call_tool","arguments":${outer},${rest}}}`;

  it.each([
    ['{"name":"t","arguments":{"n":12345678901234567890}}', '"arguments":{"n":12345678901234567890},'],
    ['{"name":"t"}', ''],
  ])('is that one with %s, and all else stays', (outer, kept) => {
    const text = textOf(outer);
    const other = withTarget(exchange(text), 's__t', 'arguments');
    const expected = `{"name":"s__t",${kept}${rest}}`;
    expect(JSON.parse(other.text)).toEqual(other.message);
    expect(other.message.params).toEqual(JSON.parse(expected));
    expect(other.text).toContain(kept);
  });
});
