import { describe, expect, it } from 'vitest';
import { readDocument } from './document.ts';

const read = (text: string): ReturnType<typeof readDocument> => readDocument(new TextEncoder().encode(text));
const doc = (more: object): string => JSON.stringify({ openapi: '3.1.0', ...more });

describe('a document', () => {
  it('is JSON or YAML, of 3.0 or 3.1', () => {
    expect(read(doc({})).version).toBe('3.1');
    expect(read('openapi: 3.0.4\npaths: {}').version).toBe('3.0');
    const { root } = read('openapi: "3.1"\nx: &a { y: 1 }\nz: *a\n200: ok\nday: 2026-01-02');
    expect(root).toEqual({ openapi: '3.1', x: { y: 1 }, z: { y: 1 }, 200: 'ok', day: '2026-01-02' });
  });

  const bomb = `openapi: 3.0.0\na0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from(
    { length: 12 },
    (_, n) => `a${n + 1}: &a${n + 1} [${Array.from({ length: 9 }, () => `*a${n}`).join(',')}]`,
  ).join('\n')}`;
  it.each([
    ['a bomb of aliases', bomb, /aliases/],
    ['an alias of itself', 'openapi: 3.0.0\na: &a [*a]', /nested deeper|parts|aliases/],
    ['a tag', 'openapi: 3.0.0\na: !!js/function x', /tags are not read/],
    ['deep JSON', `{"openapi":"3.0.0","a":${'['.repeat(5000)}${']'.repeat(5000)}}`, /nested deeper/],
    ['deep YAML', `openapi: 3.0.0\na: ${'['.repeat(5000)}${']'.repeat(5000)}`, /nested deeper/],
    ['much YAML', `openapi: 3.0.0\na: "${'x'.repeat(5_000_000)}"`, /write it as JSON/],
    ['two documents', 'openapi: 3.0.0\n---\nopenapi: 3.0.0', /second YAML document/],
    ['what is no YAML', 'openapi: [', /no valid YAML/],
    ['what is no JSON', '{"openapi": }', /no valid JSON/],
    ['a list', '[]', /it is no object/],
    ['a page', '<html>', /it is no object/],
    ['nothing', '', /empty|no object/],
    ['Swagger', 'swagger: "2.0"', /convert it/],
    ['another version', doc({ openapi: '3.2.0' }), /"3\.2\.0" is not read/],
    ['no version', '{}', /it has no `openapi`/],
  ])('is refused: %s', (_what, text, message) => {
    expect(() => read(text)).toThrow(message);
    expect(() => read(text)).toThrow(expect.objectContaining({ name: 'DocumentError' }));
  });

  it('refers to parts of itself alone', () => {
    const document = read(
      doc({
        a: { $ref: '#/b~1c/0', description: 'mine' },
        'b/c': [{ x: 1, description: 'yours' }],
        circle: { $ref: '#/circle' },
        far: { $ref: 'https://evil.example/#/x' },
        file: { $ref: '../x.yaml' },
        none: { $ref: '#/nothing' },
        inherited: { $ref: '#/constructor' },
      }),
    );
    const at = (name: string): unknown => document.resolve(document.root[name]);
    expect(at('a')).toEqual({ x: 1, description: 'mine' });
    expect(() => at('circle')).toThrow('without end');
    for (const name of ['far', 'file']) expect(() => at(name)).toThrow('only its own parts');
    for (const name of ['none', 'inherited']) expect(() => at(name)).toThrow('There is nothing at');
  });
});
