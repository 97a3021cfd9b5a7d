/**
 * Whether one of many byte strings stands in some bytes. Every one of them is at least as long as a word of four bytes and a step
 * together, so that one aligned word in every step is looked at: what is there has one of its first words at such a place.
 */

export interface Literals {
  /** Bytes of the longest one. */
  readonly longest: number;
  holds(bytes: Buffer): boolean;
}

const WORD = 4;
/** Bytes between two words that are looked at. */
const MAX_STEP = 16;
/** Of the table, as a power of two. */
const TABLE_BITS = 14;
const SHIFT = 32 - TABLE_BITS;
/** Knuth's multiplier: spreads words over the table. */
const SPREAD = 0x9e3779b1;
/** In the table: several words have this place. */
const SEVERAL = -1;

interface Candidate {
  readonly literal: Buffer;
  /** Of the word in it. */
  readonly offset: number;
}

export function createLiterals(literals: readonly Buffer[]): Literals {
  if (literals.length === 0) return { longest: 0, holds: () => false };
  const lengths = literals.map(({ length }) => length);
  const step = stepFor(Math.min(...lengths));
  const table = new Int32Array(1 << TABLE_BITS);
  const candidates = new Map<number, Candidate[]>();
  for (const literal of literals) {
    // At whichever place it begins, one of these is at a multiple of the step.
    for (let offset = 0; offset < step; offset++) {
      const word = wordAt(literal, offset);
      const place = Math.imul(word, SPREAD) >>> SHIFT;
      table[place] = table[place] === 0 || table[place] === word ? word : SEVERAL;
      const same = candidates.get(word) ?? [];
      if (same.length === 0) candidates.set(word, same);
      same.push({ literal, offset });
    }
  }
  const find = (bytes: Buffer): boolean =>
    search(bytes, step / WORD, table, (word, at) => {
      return candidates.get(word)?.some(({ literal, offset }) => stands(literal, bytes, at - offset)) === true;
    });
  return {
    longest: Math.max(...lengths),
    holds: (bytes) => find(bytes) || (isEscaped(bytes) && find(unescaped(bytes))),
  };
}

/** A multiple of a word, so that words are read in one go. */
function stepFor(shortest: number): number {
  return Math.min(MAX_STEP, Math.floor((shortest - WORD + 1) / WORD) * WORD);
}

function search(
  bytes: Buffer,
  stride: number,
  table: Int32Array,
  isThere: (word: number, at: number) => boolean,
): boolean {
  const start = (WORD - (bytes.byteOffset % WORD)) % WORD;
  if (bytes.length < start + WORD) return false;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, (bytes.length - start) >> 2);
  for (let index = 0; index < words.length; index += stride) {
    const word = words[index] as number;
    const known = table[Math.imul(word, SPREAD) >>> SHIFT] as number;
    if (known !== 0 && (known === word || known === SEVERAL) && isThere(word, index * WORD + start)) return true;
  }
  return false;
}

/** As this machine reads it. */
function wordAt(bytes: Buffer, offset: number): number {
  return new Int32Array(Uint8Array.from(bytes.subarray(offset, offset + WORD)).buffer)[0] as number;
}

function stands(literal: Buffer, bytes: Buffer, at: number): boolean {
  const end = at + literal.length;
  return at >= 0 && end <= bytes.length && bytes.compare(literal, 0, literal.length, at, end) === 0;
}

/** Escapes of JSON of characters that need none (RFC 8259 §7). */
const ESCAPES = /\\+(?:u00([2-7][0-9a-f])|\/)/gi;

function isEscaped(bytes: Buffer): boolean {
  return bytes.includes('\\u00') || bytes.includes('\\/');
}

function unescaped(bytes: Buffer): Buffer {
  const plain = (_escape: string, code: string | undefined): string =>
    code === undefined ? '/' : String.fromCharCode(Number.parseInt(code, 16));
  return Buffer.from(bytes.toString('latin1').replace(ESCAPES, plain), 'latin1');
}
