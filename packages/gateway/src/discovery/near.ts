/** Words that somebody may have meant: those that differ by a letter or two. */

/** Words shorter than this are too alike to guess. */
const MIN_LENGTH = 4;
/** And these may differ by two letters. */
const LONG = 8;
const MAX_FOUND = 4;
/** Letters of a longer word that are told apart. */
const MAX_LENGTH = 40;

/** Words of one length that begin, or go on, with one letter. */
interface Bucket {
  readonly words: string[];
  /** Of each: the letters that occur in it. */
  readonly letters: number[];
}

/** Words among which others are looked for: those of the same length and beginning are together. */
export class NearWords {
  readonly #byFirst: Map<string, Bucket> = new Map();
  readonly #bySecond: Map<string, Bucket> = new Map();
  readonly #rows: readonly [Uint8Array, Uint8Array, Uint8Array] = [row(), row(), row()];

  add(word: string): void {
    if (word.length < MIN_LENGTH - 1 || word.length > MAX_LENGTH) return;
    const letters = lettersOf(word);
    put(this.#byFirst, `${word.length}${word[0]}`, word, letters);
    put(this.#bySecond, `${word.length}${word[1]}`, word, letters);
  }

  /** The nearest to one that none of them is; empty when none is near. */
  of(word: string): string[] {
    if (word.length < MIN_LENGTH || word.length > MAX_LENGTH || !/^[a-z]+$/.test(word)) return [];
    const most = word.length >= LONG ? 2 : 1;
    const letters = lettersOf(word);
    let bound = most;
    let found: string[] = [];
    const look = (bucket: Bucket | undefined, isKnown: (other: string) => boolean): void => {
      for (const [at, other] of bucket?.words.entries() ?? []) {
        // Each letter that differs makes two, at the most, that occur in one word and not in the other.
        if (bitsOf(letters ^ (bucket?.letters[at] ?? 0)) > bound * 2 || isKnown(other)) continue;
        const distance = distanceWithin(word, other, bound, this.#rows);
        if (distance > bound) continue;
        if (distance < bound) found = [];
        bound = distance;
        found.push(other);
      }
    };
    for (let length = word.length - most; length <= word.length + most; length++) {
      // Whoever mistypes gets the beginning right, nearly always.
      look(this.#byFirst.get(`${length}${word[0]}`), () => false);
      look(this.#bySecond.get(`${length}${word[1]}`), (other) => other[0] === word[0]);
    }
    return found.slice(0, MAX_FOUND);
  }
}

function put(buckets: Map<string, Bucket>, key: string, word: string, letters: number): void {
  let bucket = buckets.get(key);
  if (bucket === undefined) buckets.set(key, (bucket = { words: [], letters: [] }));
  bucket.words.push(word);
  bucket.letters.push(letters);
}

/** A bit for each. */
function lettersOf(word: string): number {
  let letters = 0;
  for (let at = 0; at < word.length; at++) letters |= 1 << (word.charCodeAt(at) & 31);
  return letters;
}

function bitsOf(bits: number): number {
  let left = bits;
  let count = 0;
  for (; left !== 0; left &= left - 1) count++;
  return count;
}

function row(): Uint8Array {
  return new Uint8Array(MAX_LENGTH + 1);
}

/**
 * Damerau-Levenshtein (adjacent letters swapped count once) of words of at most 40 letters; more than the bound for anything
 * further. `rows` are written to.
 */
export function distanceWithin(
  one: string,
  other: string,
  bound: number,
  rows: readonly [Uint8Array, Uint8Array, Uint8Array] = [row(), row(), row()],
): number {
  let [before, last, current] = rows;
  for (let at = 0; at <= other.length; at++) last[at] = at;
  for (let place = 1; place <= one.length; place++) {
    if (fillRow(one, other, place, [before, last, current]) > bound) return bound + 1;
    [before, last, current] = [last, current, before];
  }
  return last[other.length] ?? bound + 1;
}

/** How far the first `place` letters of one are from each beginning of the other; the least of it. */
function fillRow(
  one: string,
  other: string,
  place: number,
  [before, last, current]: readonly [Uint8Array, Uint8Array, Uint8Array],
): number {
  current[0] = place;
  let least = place;
  const letter = one.charCodeAt(place - 1);
  const previous = place > 1 ? one.charCodeAt(place - 2) : -1;
  for (let at = 1; at <= other.length; at++) {
    const change = (last[at - 1] ?? 0) + (letter === other.charCodeAt(at - 1) ? 0 : 1);
    let cost = Math.min((last[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1, change);
    const isSwap = at > 1 && letter === other.charCodeAt(at - 2) && previous === other.charCodeAt(at - 1);
    if (isSwap) cost = Math.min(cost, (before[at - 2] ?? 0) + 1);
    current[at] = cost;
    if (cost < least) least = cost;
  }
  return least;
}
