import type { JsonRpcRequest } from '@sallyport/wire';
import { assert, dictionary, integer, jsonValue, oneof, option, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argumentsText, argumentsWith } from './arguments.ts';
import { requestText, type ParamChanges } from './request-text.ts';

const parsed = (text: string): JsonRpcRequest => JSON.parse(text) as JsonRpcRequest;
const sent = (text: string, changes: ParamChanges = {}): string => requestText(parsed(text), text, changes)(7);

describe('requestText', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":"a","method":"m"}', {}, '{"jsonrpc":"2.0","id":7,"method":"m"}'],
    [
      '{"id":1,"x":1e400,"jsonrpc":"2.0","method":"m","params":{}}',
      {},
      '{"id":7,"x":1e400,"jsonrpc":"2.0","method":"m","params":{}}',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{ "name" : "a", "big":12345678901234567890 }}',
      { name: '"b"' },
      '{"jsonrpc":"2.0","id":7,"method":"m","params":{ "name" : "b", "big":12345678901234567890 }}',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{}}',
      { a: '1', b: '2' },
      '{"jsonrpc":"2.0","id":7,"method":"m","params":{"a":1,"b":2}}',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":"t","x":1e400}}}',
      {},
      '{"jsonrpc":"2.0","id":7,"method":"m","params":{"_meta":{"progressToken":7,"x":1e400}}}',
    ],
    // A member is taken out, or spelled with an escape: written anew.
    [
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"b":2}}',
      { a: undefined },
      '{"jsonrpc":"2.0","id":7,"method":"m","params":{"b":2}}',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{"n\\u0061me":"a"}}',
      { name: '"b"' },
      '{"jsonrpc":"2.0","id":7,"method":"m","params":{"name":"b"}}',
    ],
  ])('%s with %j', (text, changes, expected) => {
    expect(sent(text, changes)).toBe(expected);
  });

  it('means the same as before but for the id, the token and the changes, whatever it was', () => {
    assert(
      property(
        dictionary(string(), jsonValue()),
        option(oneof(string(), integer()), { nil: undefined }),
        string(),
        (given, progressToken, name) => {
          const params = { ...given, ...(progressToken !== undefined && { _meta: { progressToken, other: 1 } }) };
          const message = { jsonrpc: '2.0', id: 'x', method: 'm', params };
          const text = JSON.stringify(message);
          const expected = JSON.parse(text) as typeof message;
          const meta = progressToken === undefined ? {} : { _meta: { progressToken: 7, other: 1 } };
          expect(parsed(sent(text, { name: JSON.stringify(name) }))).toEqual({
            ...expected,
            id: 7,
            params: { ...expected.params, ...meta, name },
          });
        },
      ),
    );
  });
});

describe('rules on arguments', () => {
  const rules = {
    secret: { hide: true },
    mode: { hide: false, fix: 'safe' },
    limit: { hide: false, default: 10 },
    tag: { hide: true, default: 'x' },
  };
  const message = (args: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":${args}}}`;

  it.each([
    [
      '{"secret":1,"mode":"wild","tag":"mine","big":12345678901234567890,"far":1e400}',
      '{"mode":"safe","tag":"x","big":12345678901234567890,"far":1e400,"limit":10}',
    ],
    ['{"limit":null}', '{"limit":null,"mode":"safe","tag":"x"}'],
    ['{}', '{"mode":"safe","limit":10,"tag":"x"}'],
    ['{"s\\u0065cret":1,"other":2}', '{"other":2,"mode":"safe","limit":10,"tag":"x"}'],
    ['"no object"', '{"mode":"safe","limit":10,"tag":"x"}'],
  ])('%s leaves as %s', (args, expected) => {
    const text = message(args);
    const result = argumentsText(parsed(text), text, rules);
    expect(result).toBe(expected);
    expect(argumentsWith(parsed(text).params?.['arguments'], rules)).toEqual(JSON.parse(expected));
  });
});
