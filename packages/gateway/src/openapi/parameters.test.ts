import { describe, expect, it } from 'vitest';
import { inCookie, inHeader, inPath, inQuery, type Parameter, type Style } from './parameters.ts';

const parameter = (style: Style, explode: boolean, more: Partial<Parameter> = {}): Parameter => ({
  name: 'color',
  in: 'query',
  required: false,
  style,
  explode,
  allowReserved: false,
  description: undefined,
  schema: {},
  ...more,
});
const LIST = ['blue', 'black', 'brown'];
const MAP = { R: 100, G: 200, B: 150 };
const joined = (pairs: readonly (readonly [string, string])[]): string => pairs.map((pair) => pair.join('=')).join('&');

describe('how values are written', () => {
  // The table of OpenAPI 3.1 §4.8.12.4, and what is left open there.
  it.each([
    ['form', false, 'color=blue', 'color=blue,black,brown', 'color=R,100,G,200,B,150'],
    ['form', true, 'color=blue', 'color=blue&color=black&color=brown', 'R=100&G=200&B=150'],
    ['spaceDelimited', false, 'color=blue', 'color=blue%20black%20brown', 'color=R%20100%20G%20200%20B%20150'],
    ['pipeDelimited', false, 'color=blue', 'color=blue%7Cblack%7Cbrown', 'color=R%7C100%7CG%7C200%7CB%7C150'],
    [
      'deepObject',
      true,
      'color=blue',
      'color=blue&color=black&color=brown',
      'color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150',
    ],
  ] as const)('in a query: %s, explode %s', (style, explode, scalar, list, map) => {
    const form = parameter(style, explode);
    expect([inQuery(form, 'blue'), inQuery(form, LIST), inQuery(form, MAP)].map(joined)).toEqual([scalar, list, map]);
  });

  it.each([
    ['simple', false, 'blue', 'blue,black,brown', 'R,100,G,200,B,150'],
    ['simple', true, 'blue', 'blue,black,brown', 'R=100,G=200,B=150'],
    ['label', false, '.blue', '.blue,black,brown', '.R,100,G,200,B,150'],
    ['label', true, '.blue', '.blue.black.brown', '.R=100.G=200.B=150'],
    ['matrix', false, ';color=blue', ';color=blue,black,brown', ';color=R,100,G,200,B,150'],
    ['matrix', true, ';color=blue', ';color=blue;color=black;color=brown', ';R=100;G=200;B=150'],
  ] as const)('in a path: %s, explode %s', (style, explode, scalar, list, map) => {
    const form = parameter(style, explode, { in: 'path' });
    expect([inPath(form, 'blue'), inPath(form, LIST), inPath(form, MAP)]).toEqual([scalar, list, map]);
  });

  it('in headers and cookies', () => {
    expect([false, true].map((explode) => inHeader(parameter('simple', explode), MAP))).toEqual([
      'R,100,G,200,B,150',
      'R=100,G=200,B=150',
    ]);
    expect(inHeader(parameter('simple', false), LIST)).toBe('blue,black,brown');
    expect(inCookie(parameter('form', false), ['a;b', 'c'])).toEqual([['color', 'a%3Bb,c']]);
    for (const value of ['a\r\nx: y', 'ä', '\u0000'])
      expect(() => inHeader(parameter('simple', false), value)).toThrow('printable');
  });

  it('as JSON, deep, and with what is reserved', () => {
    expect(joined(inQuery(parameter('json', false), MAP))).toBe(
      'color=%7B%22R%22%3A100%2C%22G%22%3A200%2C%22B%22%3A150%7D',
    );
    expect(joined(inQuery(parameter('deepObject', true), { a: { b: [1, 2] } }))).toBe(
      'color%5Ba%5D%5Bb%5D=1&color%5Ba%5D%5Bb%5D=2',
    );
    const reserved = parameter('form', true, { allowReserved: true });
    // What would begin another parameter or end the query is none of them.
    expect(joined(inQuery(reserved, 'a/b?c:d&e=f#g+h'))).toBe('color=a/b?c:d%26e%3Df%23g%2Bh');
    expect(joined(inQuery(parameter('form', true), "a/b &=?#+'()*!\ud800"))).toBe(
      'color=a%2Fb%20%26%3D%3F%23%2B%27%28%29%2A%21%EF%BF%BD',
    );
  });
});
