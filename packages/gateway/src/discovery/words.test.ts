import { assert, integer, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distanceWithin, NearWords } from './near.ts';
import { cleanQuery, partsOf } from './query.ts';
import { spelled } from './spelling.ts';
import { stem } from './stem.ts';
import { Words } from './words.ts';

describe('stems', () => {
  it.each([
    // From Porter's paper.
    ['caresses', 'caress'],
    ['ponies', 'poni'],
    ['agreed', 'agre'],
    ['plastered', 'plaster'],
    ['motoring', 'motor'],
    ['sing', 'sing'],
    ['conflated', 'conflat'],
    ['troubled', 'troubl'],
    ['hopping', 'hop'],
    ['falling', 'fall'],
    ['filing', 'file'],
    ['happy', 'happi'],
    ['sky', 'sky'],
    ['relational', 'relat'],
    ['conditional', 'condit'],
    ['vietnamization', 'vietnam'],
    ['operator', 'oper'],
    ['triplicate', 'triplic'],
    ['hopefulness', 'hope'],
    ['revival', 'reviv'],
    ['adjustment', 'adjust'],
    ['adoption', 'adopt'],
    ['probate', 'probat'],
    ['controll', 'control'],
    ['generate', 'gener'],
    ['generating', 'gener'],
  ])('%s is %s', (word, wanted) => {
    expect(stem(word)).toBe(wanted);
  });

  it('end, and never grow by more than a letter', () => {
    assert(property(string(), (word) => stem(word).length <= word.length + 1));
  });
});

describe('spellings', () => {
  it.each([
    ['visualise', 'visualize'],
    ['analysed', 'analyzed'],
    ['organisation', 'organization'],
    ['colour', 'color'],
    ['neighbourhood', 'neighborhood'],
    ['written', 'write'],
    ['indices', 'index'],
    ['rise', 'rise'],
    ['four', 'four'],
    ['analysis', 'analysis'],
  ])('%s is searched as %s', (word, wanted) => {
    expect(spelled(word)).toBe(wanted);
  });
});

describe('words', () => {
  const words = new Words();

  it.each([
    ['getHTMLPage2', ['get', 'html', 'page', '2', 'gethtmlpage2']],
    ['snake_case-name', ['snake', 'case', 'name']],
    ['the cities of a country', ['citi', 'countri']],
    ['查询天气', ['查询', '询天', '天气']],
    ['用Bing搜索', ['用', 'bing', '搜索']],
    ['Ünïcode naïve', ['ünïcode', 'naïve']],
  ])('of %s', (text, wanted) => {
    expect(words.of(text)).toEqual(wanted);
  });
});

describe('near words', () => {
  it('are those that differ least', () => {
    const near = (word: string, ...words: readonly string[]): string[] => {
      const known = new NearWords();
      for (const each of words) known.add(each);
      return known.of(word);
    };
    expect(near('wether', 'weather', 'whether', 'other', 'mother')).toEqual(['weather', 'whether']);
    expect(near('hepler', 'helper', 'keeper')).toEqual(['helper']);
    expect(near('calender', 'calendars', 'calendar', 'colander')).toEqual(['calendar']);
    expect(near('abc', 'abd')).toEqual([]);
    expect(near('forecast', 'broadcast')).toEqual([]);
  });

  it('the distance is the same both ways, and no further than the longer word', () => {
    assert(
      property(
        tuple(string({ maxLength: 9 }), string({ maxLength: 9 })),
        integer({ min: 0, max: 3 }),
        ([one, other], bound) => {
          const there = distanceWithin(one, other, bound);
          expect(Math.min(there, bound + 1)).toBe(Math.min(distanceWithin(other, one, bound), bound + 1));
          expect(distanceWithin(one, one, bound)).toBe(0);
        },
      ),
    );
  });
});

describe('a question', () => {
  it('is taken apart where it asks for several things, and not where it names several', () => {
    expect(cleanQuery('Save it as notes.txt, not at example.com/a.txt or moment.js')).toBe(
      'Save it as txt file, not at example.com/a.txt or moment.js',
    );
    expect(partsOf('Get the price of gold and silver')).toEqual(['Get the price of gold and silver']);
    expect(partsOf('Find the paper. Read it, then write a summary')).toEqual([
      'Find the paper',
      'Read it',
      'write a summary',
    ]);
  });

  it('is bounded, with its beginning and its end', () => {
    const cleaned = cleanQuery(`begin ${'word '.repeat(50_000)} end`);
    expect(cleaned.length).toBeLessThan(4100);
    expect(cleaned.startsWith('begin')).toBe(true);
    const long = cleanQuery(`begin ${'word '.repeat(5000)} end`);
    expect(long.endsWith('end')).toBe(true);
    expect(cleanQuery(`a${' \t'.repeat(50_000)}b\n \n\nc`)).toBe('a b\nc');
  });
});

describe('a text of characters that stand for many', () => {
  it('is no longer than twice what it was', () => {
    const words = new Words().of('\ufdfa'.repeat(8000));
    expect(words.join('').length).toBeLessThan(2 * 8000 + 100);
    expect(new Words().of('㍿')).toHaveLength(3);
  });
});
