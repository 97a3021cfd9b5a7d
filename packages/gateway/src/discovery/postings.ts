/** The words of an index: in which tools each stands, what it weighs there, and how rare it is. Made in slices, never changed. */

import type { SearchDocument } from './document.ts';
import { NearWords } from './near.ts';

export interface Postings {
  /** How many there are: a word in a tool is one. */
  readonly size: number;
  /** Of each: its tool, and what the word weighs in it. Those of one word are together. */
  readonly tools: Uint32Array;
  readonly weights: Float32Array;
  has(word: string): boolean;
  /** Where those of a word begin and end. */
  rangeOf(word: string): readonly [start: number, end: number];
  rarity(word: string): number;
  /** The tools in whose own names a word stands. */
  namedBy(word: string): readonly number[];
  /** How rare the words of a tool's own name are together. */
  nameRarity(tool: number): number;
  /** Words that somebody may have meant by one that is not there. */
  near(word: string): readonly string[];
}

const NOWHERE: readonly [number, number] = [0, 0];
const NOBODY: readonly number[] = [];
/** Words that are dealt with at a step. */
const AT_ONCE = 500;

/** Where the words of the documents stand: by word, in how many, and in the names of which. */
interface Counted {
  readonly counts: Map<string, number>;
  readonly named: Map<string, number[]>;
}

type Ranges = ReadonlyMap<string, [start: number, end: number]>;

/** A slice of the work at each step. */
export function* createPostings(documents: readonly SearchDocument[]): Generator<undefined, Postings> {
  const { counts, named } = yield* count(documents);
  const ranges = new Map<string, [number, number]>();
  const near = new NearWords();
  let size = 0;
  for (const [term, many] of counts) {
    ranges.set(term, [size, size]);
    near.add(term);
    size += many;
    if (ranges.size % AT_ONCE === 0) yield;
  }
  const tools = new Uint32Array(size);
  const weights = new Float32Array(size);
  yield* fill(documents, ranges, tools, weights);
  const rarity = (word: string): number => {
    const [start, end] = ranges.get(word) ?? NOWHERE;
    return Math.log(1 + (documents.length - (end - start) + 0.5) / (end - start + 0.5));
  };
  const nameRarities = new Float32Array(documents.length);
  for (const [at, { name }] of documents.entries()) {
    nameRarities[at] = name.reduce((sum, word) => sum + rarity(word), 0);
    yield;
  }
  return {
    size,
    tools,
    weights,
    has: (word) => ranges.has(word),
    rangeOf: (word) => ranges.get(word) ?? NOWHERE,
    rarity,
    namedBy: (word) => named.get(word) ?? NOBODY,
    nameRarity: (tool) => nameRarities[tool] ?? 0,
    near: (word) => near.of(word),
  };
}

function* count(documents: readonly SearchDocument[]): Generator<undefined, Counted> {
  const counts = new Map<string, number>();
  const named = new Map<string, number[]>();
  for (const [at, { name, terms }] of documents.entries()) {
    for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
    for (const word of name) {
      const tools = named.get(word);
      if (tools === undefined) named.set(word, [at]);
      else tools.push(at);
    }
    yield;
  }
  return { counts, named };
}

function* fill(
  documents: readonly SearchDocument[],
  ranges: Ranges,
  tools: Uint32Array,
  weights: Float32Array,
): Generator<undefined, void> {
  for (const [at, { terms, weights: own }] of documents.entries()) {
    for (const [place, term] of terms.entries()) {
      const range = ranges.get(term) as [number, number];
      tools[range[1]] = at;
      weights[range[1]++] = own[place] ?? 0;
    }
    yield;
  }
}
