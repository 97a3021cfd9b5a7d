/**
 * Whether one of many byte strings stands in some bytes. Every one of them is at least as long as a word and a step together, so
 * that one aligned word in every step is looked at: what is there has one of its first words at such a place. Strings come and go
 * without all the others being read again.
 */

import { WORD, wordsOf, type Words } from './words.ts';

export interface Literals {
  /** Bytes of the longest one. */
  readonly longest: number;
  /** `read`: their words, where they were read before. */
  holds(bytes: Buffer, read?: Words): boolean;
}

export interface LiteralSet extends Literals {
  /** Of at least eight bytes. Gives what takes it out again. */
  add(literal: Buffer): () => void;
}

/** Bytes between two words that are looked at, at most. */
const MAX_STEP = 32;
/** Of the first table, as a power of two. */
const FIRST_BITS = 12;
const MAX_BITS = 20;
/** Places of a table for each word in it. */
const ROOM = 4;
/** Knuth's multiplier: spreads words over the table. */
const SPREAD = 0x9e3779b1;
/** In the table: several words have this place. No text has it as a word: it is not UTF-8. */
const SEVERAL = -1;
/** How many offsets can be told apart in a candidate. */
const OFFSETS = MAX_STEP;

export function createLiterals(): LiteralSet {
  return new SampledLiterals();
}

class SampledLiterals implements LiteralSet {
  longest = 0;
  /** Undefined: taken out. Its place is not used again before all are entered anew. */
  #literals: (Buffer | undefined)[] = [];
  #count = 0;
  #step = MAX_STEP;
  #table: Int32Array = new Int32Array(1 << FIRST_BITS);
  #shift = 32 - FIRST_BITS;
  /** By word: which literal, and where the word is in it, in one number. */
  readonly #candidates: Map<number, number[]> = new Map();

  add(literal: Buffer): () => void {
    const index = this.#literals.push(literal) - 1;
    this.#count++;
    this.longest = Math.max(this.longest, literal.length);
    const step = stepFor(literal.length);
    if (step < this.#step || this.#candidates.size * ROOM > this.#table.length) this.#renew(Math.min(step, this.#step));
    else this.#enter(literal, index);
    return () => {
      const at = this.#literals.indexOf(literal);
      if (at === -1) return;
      this.#literals[at] = undefined;
      this.#count--;
      if (this.#count < this.#literals.length / 2) this.#renew(MAX_STEP);
    };
  }

  holds(bytes: Buffer, read: Words = wordsOf(bytes)): boolean {
    if (this.#count === 0) return false;
    const { words } = read;
    const table = this.#table;
    const shift = this.#shift;
    const stride = this.#step / WORD;
    for (let index = 0; index < words.length; index += stride) {
      const word = words[index] as number;
      const known = table[Math.imul(word, SPREAD) >>> shift] as number;
      if ((known === word || known === SEVERAL) && this.#stands(bytes, read, index)) return true;
    }
    return false;
  }

  #stands(bytes: Buffer, { start, words }: Words, index: number): boolean {
    const candidates = this.#candidates.get(words[index] as number);
    if (candidates === undefined) return false;
    const at = index * WORD + start;
    return candidates.some((candidate) => {
      const literal = this.#literals[Math.floor(candidate / OFFSETS)];
      return literal !== undefined && standsAt(literal, bytes, at - (candidate % OFFSETS));
    });
  }

  /** At whichever place it begins, one of these words is at a multiple of the step. */
  #enter(literal: Buffer, index: number): void {
    for (let offset = 0; offset < this.#step; offset++) {
      const word = wordAt(literal, offset);
      const place = Math.imul(word, SPREAD) >>> this.#shift;
      const there = this.#table[place] as number;
      this.#table[place] = there === 0 || there === word ? word : SEVERAL;
      const same = this.#candidates.get(word);
      if (same === undefined) this.#candidates.set(word, [index * OFFSETS + offset]);
      else same.push(index * OFFSETS + offset);
    }
  }

  /** All of them anew, with as long a step as the shortest lets it be. */
  #renew(most: number): void {
    this.#literals = this.#literals.filter((literal) => literal !== undefined);
    const lengths = this.#literals.map((literal) => (literal as Buffer).length);
    this.longest = Math.max(0, ...lengths);
    this.#step = lengths.reduce((step, length) => Math.min(step, stepFor(length)), most);
    const words = this.#literals.length * this.#step;
    const bits = Math.min(MAX_BITS, Math.max(FIRST_BITS, Math.ceil(Math.log2(words * ROOM * 2))));
    this.#shift = 32 - bits;
    this.#table = new Int32Array(1 << bits);
    this.#candidates.clear();
    for (const [index, literal] of this.#literals.entries()) this.#enter(literal as Buffer, index);
  }
}

/** A multiple of a word, so that words are read in one go. */
function stepFor(shortest: number): number {
  return Math.min(MAX_STEP, Math.floor((shortest - WORD + 1) / WORD) * WORD);
}

/** As this machine reads it. */
function wordAt(bytes: Buffer, offset: number): number {
  return new Int32Array(Uint8Array.from(bytes.subarray(offset, offset + WORD)).buffer)[0] as number;
}

function standsAt(literal: Buffer, bytes: Buffer, at: number): boolean {
  const end = at + literal.length;
  return at >= 0 && end <= bytes.length && bytes.compare(literal, 0, literal.length, at, end) === 0;
}
