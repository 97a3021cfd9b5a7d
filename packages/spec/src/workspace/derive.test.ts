import { describe, expect, it } from 'vitest';
import { createDerive } from './derive.ts';

const text = (letter: string, length: number): string => letter.repeat(length);

describe('what is made of a text', () => {
  it('is made once while the text is the same, and anew for another or for another way', () => {
    const made: string[] = [];
    const one = (given: string): object => ({ made: made.push(`one ${given[0]}`) });
    const other = (given: string): object => ({ made: made.push(`other ${given[0]}`) });
    const derive = createDerive();
    const first = derive(text('a', 30_000), one);
    expect(derive(text('a', 30_000), one)).toBe(first);
    derive(text('a', 30_000), other);
    derive(text('b', 30_000), one);
    expect(derive(text('a', 30_000), one)).toBe(first);
    expect(made).toEqual(['one a', 'other a', 'one b']);
  });

  it('is not kept of small texts, nor of more than two million characters', () => {
    let count = 0;
    const make = (): number => (count += 1);
    const derive = createDerive();
    for (const letter of ['a', 'a', 'b']) derive(text(letter, 100), make);
    expect(count).toBe(3);
    for (const letter of ['a', 'b', 'c']) derive(text(letter, 900_000), make);
    expect(count).toBe(6);
    // The oldest had to go; the two others are there.
    for (const letter of ['c', 'b']) derive(text(letter, 900_000), make);
    expect(count).toBe(6);
    derive(text('a', 900_000), make);
    expect(count).toBe(7);
    for (let round = 0; round < 2; round += 1) derive(text('z', 2_000_001), make);
    expect(count).toBe(9);
  });
});
