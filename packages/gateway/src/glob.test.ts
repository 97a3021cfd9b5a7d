import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher, globReaches } from './glob.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '_'), maxLength: 8 });
const glob = fc.string({ unit: fc.constantFrom('a', 'b', '_', '*', '?'), maxLength: 8 });

const asRegex = (pattern: string): RegExp => new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);

describe('a glob', () => {
  it('matches what the regular expression of the same meaning matches', () => {
    fc.assert(
      fc.property(fc.array(glob, { maxLength: 3 }), text, (globs, value) => {
        expect(globMatcher(globs)(value)).toBe(globs.some((each) => asRegex(each).test(value)));
      }),
      { numRuns: 5000 },
    );
  });

  it('reaches a prefix when something that begins with it can match', () => {
    fc.assert(
      fc.property(glob, text, text, (each, prefix, rest) => {
        fc.pre(rest !== '' && globMatcher([each])(prefix + rest));
        expect(globReaches(each, prefix)).toBe(true);
      }),
    );
    expect(globReaches('a__b', 'b__')).toBe(false);
    expect(globReaches('a__', 'a__')).toBe(false);
    expect(globReaches('a__*', 'ab__')).toBe(false);
  });

  it('takes every character but its own two as it is', () => {
    expect(globMatcher(['a.b+(c)[d]'])('a.b+(c)[d]')).toBe(true);
    expect(globMatcher(['a.b'])('axb')).toBe(false);
    expect(globMatcher(['*'])('a\nb')).toBe(true);
    expect(globMatcher([])('')).toBe(false);
  });
});
