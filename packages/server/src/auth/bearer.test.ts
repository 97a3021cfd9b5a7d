import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bearerOf } from './bearer.ts';

describe('the token of a header', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   a.b_c~d+e/f-g==', 'a.b_c~d+e/f-g=='],
  ])('P3-01 of %j is %j', (header, token) => {
    expect(bearerOf(header)).toBe(token);
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearerabc',
    'Basic abc',
    'Bearer\tabc',
    'Bearer a b',
    'Bearer a, Bearer a',
    'Bearer a,b',
    'Bearer ä',
    ' Bearer a',
    'Bearer a\n',
  ])('P3-01 of %j is none', (header) => {
    expect(bearerOf(header)).toBeUndefined();
  });

  it('is never more than one word', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(bearerOf(`Bearer ${text}`) ?? '').toMatch(/^[\x21-\x2b\x2d-\x7e]*$/);
      }),
    );
  });
});
