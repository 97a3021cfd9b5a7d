/** Bytes read four at a time. What looks for secrets looks at one word in several, which is what makes it cheap. */

/** Bytes of a word. */
export const WORD = 4;

export interface Words {
  /** As this machine orders their bytes. */
  readonly words: Int32Array;
  /** Where the first of them is: memory is read in words at multiples of their length. */
  readonly start: number;
}

export function wordsOf({ buffer, byteOffset, length }: Buffer): Words {
  const start = (WORD - (byteOffset % WORD)) % WORD;
  const count = length < start ? 0 : Math.floor((length - start) / WORD);
  return { words: count === 0 ? NONE : new Int32Array(buffer, byteOffset + start, count), start };
}

const NONE: Int32Array = new Int32Array(0);
