import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeLiteral, expand, filesIn, type Lookup } from './expand.ts';

const lookup = (env: Lookup['env'], files: ReadonlyMap<string, string | Error> = new Map()): Lookup => ({ env, files });
const one = (text: string, env: Lookup['env'] = {}): unknown => expand(text, lookup(env)).value;

describe('expand', () => {
  it.each([
    ['${A}', 'one'],
    ['x${A}y${A}', 'xoneyone'],
    ['$A', '$A'],
    ['$$', '$'],
    ['$${A}', '${A}'],
    ['$$${A}', '$one'],
    ['$$$${A}', '$${A}'],
    ['${A', '${A'],
    ['${A$$', '${A$'],
    ['${}', '${}'],
    ['${1}', '${1}'],
    ['${A-b}', '${A-b}'],
    ['$', '$'],
    ['a$', 'a$'],
    ['${A:-two}', 'one'],
    ['${EMPTY:-two}', 'two'],
    ['${EMPTY}', ''],
    ['${NONE:-}', ''],
    ['${NONE:-a:-b}', 'a:-b'],
    ['${NONE:-$A}', '$A'],
    ['${DOLLAR}', '${A}$$'],
    ['${constructor}', '${constructor}'],
    ['${__proto__}', '${__proto__}'],
  ])('P1-08 %s becomes %s', (text, expected) => {
    expect(one(text, { A: 'one', EMPTY: '', DOLLAR: '${A}$$' })).toBe(expected);
  });

  it('never looks at the outcome again: any value of a variable arrives as it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (value, other) => {
        expect(one('${A}', { A: value, B: other })).toBe(value);
        expect(one('<${A}${B}>', { A: value, B: other })).toBe(`<${value}${other}>`);
      }),
    );
  });

  it('gives literal text back when it was escaped', () => {
    const text = fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', ':', '-', 'f', 'ile', ' ') });
    fc.assert(
      fc.property(text, (literal) => {
        const { value, problems, undefinedVariables } = expand(escapeLiteral(literal), lookup({ A: 'set' }));
        expect([value, problems, undefinedVariables.size]).toEqual([literal, [], 0]);
      }),
    );
  });

  it('leaves text without `${` and `$$` alone', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes('${') && !text.includes('$$'));
        expect(one(text)).toBe(text);
      }),
    );
  });

  it('expands a string of a million openings in one pass', () => {
    const text = '${'.repeat(500_000);
    expect(one(text)).toBe(text);
    expect(one(`${text}}`)).toBe(`${text}}`);
  });

  it('P1-09 names each undefined variable once with all its places', () => {
    const result = expand({ a: '${NOPE}', b: ['${NOPE}${ALSO}', 1, true, null] }, lookup({}));
    expect(result.value).toEqual({ a: '${NOPE}', b: ['${NOPE}${ALSO}', 1, true, null] });
    expect([...result.undefinedVariables]).toEqual([
      ['NOPE', [['a'], ['b', 0]]],
      ['ALSO', [['b', 0]]],
    ]);
  });

  it('puts files in, and says which cannot be read', () => {
    expect(filesIn({ a: '${file:x}', b: '$${file:y}', c: ['${file:x}${file:z}'] })).toEqual(['x', 'z']);
    const files = new Map<string, string | Error>([
      ['x', '${A}'],
      ['z', new Error('gone')],
    ]);
    const result = expand(['${file:x}', '${file:z}'], lookup({ A: '1' }, files));
    expect(result.value).toEqual(['${A}', '${file:z}']);
    expect(result.problems).toEqual([{ path: [1], message: '`${file:z}` cannot be read: gone' }]);
  });

  it.each([
    ['${env:X}', /Cursor, VS Code/],
    ['${input:token}', /VS Code/],
    ['${command:x}', /VS Code/],
    ['${secret:X}', /no secrets are at hand/],
    ['${exec:X}', /no secrets are at hand/],
    ['${what:ever}', /not known here/],
    ['${toString:x}', /not known here/],
  ])('refuses %s', (text, expected) => {
    const { problems } = expand({ k: text }, lookup({}));
    expect(problems).toEqual([{ path: ['k'], message: expect.stringMatching(expected) }]);
  });
});
