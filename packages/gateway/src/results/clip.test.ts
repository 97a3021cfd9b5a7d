import { assert, integer, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textCost } from '../tool-cost.ts';
import { longResult, piece } from './clip.ts';

const BIG = 'word '.repeat(2000);
const IMAGE = { type: 'image', data: 'A'.repeat(100_000), mimeType: 'image/png' };
const text = (given: string): { readonly type: 'text'; readonly text: string } => ({ type: 'text', text: given });

describe('a result', () => {
  it.each([
    ['small', { content: [text('a')] }],
    ['a large picture', { content: [text('a'), IMAGE] }],
    ['nothing', {}],
    ['no list', { content: BIG }],
    ['small twice', { content: [text('{"a":1}')], structuredContent: { a: 1 } }],
  ])('that is %s is left as it is', (_what, result) => {
    expect(longResult(result, 500, false)).toBeUndefined();
  });

  it('keeps what is no text where it is', () => {
    const long = longResult({ content: [IMAGE, text(BIG), IMAGE, text('end')] }, 500, false);
    expect(long?.text).toBe(`${BIG}\nend`);
    expect(long?.contentWith('head')).toEqual([IMAGE, text('head'), IMAGE]);
  });

  it('is kept once when its text is what is structured, and both when not', () => {
    const data = { words: BIG };
    expect(longResult({ content: [text(JSON.stringify(data))], structuredContent: data }, 500, false)?.text).toBe(
      JSON.stringify(data),
    );
    const long = longResult({ content: [text('see')], structuredContent: data }, 500, false);
    expect(long?.text).toBe(`see\n${JSON.stringify(data)}`);
    expect(longResult({ structuredContent: data }, 500, false)?.contentWith('head')).toEqual([text('head')]);
  });

  it('that its tool promised is no reason to shorten its text', () => {
    expect(longResult({ content: [text('see')], structuredContent: { words: BIG } }, 500, true)).toBeUndefined();
    expect(longResult({ content: [text(BIG)], structuredContent: { words: BIG } }, 500, true)?.text).toBe(BIG);
  });
});

describe('pieces of a text', () => {
  it('are the text, in characters that are whole, and cost no more than they may', () => {
    assert(
      property(
        string({ unit: 'grapheme', minLength: 1, maxLength: 400 }),
        integer({ min: 5, max: 50 }),
        (given, budget) => {
          const all: string[] = [];
          for (let at = 0; at < given.length; at += all.at(-1)?.length ?? 0) all.push(piece(given, at, budget, 1000));
          expect(all.join('')).toBe(given);
          for (const each of all) {
            expect(textCost(each)).toBeLessThanOrEqual(budget);
            expect(each.isWellFormed()).toBe(given.isWellFormed());
          }
        },
      ),
    );
  });
});
