import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readChallenge } from './challenge.ts';

describe('readChallenge', () => {
  it.each([
    [undefined, {}],
    ['', {}],
    ['Bearer', {}],
    ['Basic realm="x", error="invalid_token"', {}],
    ['bearer scope="b a b"', { scopes: ['b', 'a'] }],
    ['Bearer scope=""', { scopes: [] }],
    ['Bearer realm="a, b=c", error=insufficient_scope', { error: 'insufficient_scope' }],
    ['Bearer error="one", error="two"', { error: 'one' }],
    ['Bearer realm="\\"", resource_metadata="https://a/x?y"', { resourceMetadata: 'https://a/x?y' }],
    ['DPoP algs="ES256", Bearer scope="a", Basic scope="b"', { scopes: ['a'] }],
    ['Bearer SCOPE = "a"', { scopes: ['a'] }],
  ])('%s', (header, expected) => {
    expect(readChallenge(header)).toEqual(expected);
  });

  it('reads back every text that is quoted', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (value) => {
        const text = value.replace(/[\r\n\u2028\u2029]/g, '');
        const quoted = text.replace(/["\\]/g, '\\$&');
        expect(readChallenge(`Bearer resource_metadata="${quoted}", error="e"`)).toEqual({
          resourceMetadata: text,
          error: 'e',
        });
      }),
    );
  });

  it('reads no more than is reasonable', () => {
    expect(readChallenge(`Bearer ${'a=b, '.repeat(1000)}scope="x"`)).toEqual({ scopes: ['x'] });
    expect(readChallenge(`Bearer ${'a=b, '.repeat(2000)}scope="x"`)).toEqual({});
  });

  it('takes no time on what goes on and on', () => {
    for (const long of ['"'.repeat(1e6), 'a='.repeat(1e6), 'Bearer a="'.repeat(1e5), `Bearer a="${'\\'.repeat(1e6)}`]) {
      expect(readChallenge(long)).toEqual({});
    }
  });
});
