/**
 * What a question finds among the tools that somebody sees. An index is made of documents and never changed; it holds nothing of
 * any other tool, so neither what is found nor how it is ranked tells of what somebody may not see.
 */

import type { Postings } from './postings.ts';
import { cleanQuery, partsOf } from './query.ts';
import type { SeenTool } from './types.ts';
import type { Words } from './words.ts';

export interface Found {
  readonly tool: SeenTool;
  /** To be held against the others of the same answer. */
  readonly score: number;
}

interface Rank {
  /** Of a word that stands for the one that was asked for. */
  readonly synonym: number;
  /** Of a word that differs by a letter. */
  readonly near: number;
  /** How much more a tool counts whose name is asked for in all its words, and how much of that for one that stands for it. */
  readonly named: number;
  readonly namedAlike: number;
  /** How much a wish among several counts against the whole question. */
  readonly part: number;
  /** How much the best tool of its server counts for each of them: one wish often takes several tools of one server. */
  readonly server: number;
}

const RANK: Rank = { synonym: 0.45, near: 0.3, named: 0.4, namedAlike: 0.6, part: 0.5, server: 0.35 };

/** Different words of one text that are looked for. */
const MAX_TERMS = 48;
/** Words that nobody knows, of which near ones are looked for: in one text, and in a question with all its parts. */
const MAX_NEAR = 6;
const MAX_NEAR_IN_ALL = 24;

export interface SearchIndexOptions {
  readonly tools: readonly SeenTool[];
  /** Of each tool: a number for its server, below `serverCount`. */
  readonly servers: Uint32Array;
  readonly serverCount: number;
  readonly postings: Postings;
  readonly words: Words;
  readonly synonyms: ReadonlyMap<string, readonly string[]>;
}

/** What near words were found while one question is looked at. */
type Near = Map<string, readonly string[]>;

export class SearchIndex {
  /** In the order of the catalogue; the same object for the same index. */
  readonly tools: readonly SeenTool[];
  /** Entries of the index: what it takes in memory, by about eight bytes each. */
  readonly size: number;
  readonly #options: SearchIndexOptions;
  /** Of each tool, while a word is looked for: the best of the words that stand for it. All 0 between. */
  readonly #best: Float32Array;
  readonly #touched: Uint32Array;

  constructor(options: SearchIndexOptions) {
    this.#options = options;
    this.tools = options.tools;
    this.size = options.postings.size;
    this.#best = new Float32Array(options.tools.length);
    this.#touched = new Uint32Array(options.tools.length);
  }

  /** The best first. `accepts`: which ones are looked for at all. */
  search(question: string, limit: number, accepts?: (tool: SeenTool) => boolean): Found[] {
    const { tools } = this.#options;
    const scores = this.scores(question);
    if (accepts !== undefined) for (const [at, tool] of tools.entries()) if (!accepts(tool)) scores[at] = 0;
    return this.ranked(scores, limit);
  }

  /** Of each tool: how well it fits by its words; 0 where none of them does. */
  scores(question: string): Float32Array {
    const cleaned = cleanQuery(question);
    const near: Near = new Map();
    const whole = this.#scores(cleaned, near);
    const parts = partsOf(cleaned);
    return parts.length < 2 ? whole : this.#combined(whole, parts, near);
  }

  /** The best by their scores and those of their servers. Of equals the first in the catalogue. */
  ranked(scores: Float32Array, limit: number): Found[] {
    const { servers, tools } = this.#options;
    const best = this.#bestOfServers(scores);
    const found: Found[] = [];
    let least = 0;
    for (let at = 0; at < scores.length; at++) {
      const own = scores[at] as number;
      if (own === 0) continue;
      const score = own + RANK.server * (best[servers[at] as number] as number);
      if (found.length >= limit && score <= least) continue;
      const place = found.findLastIndex((other) => other.score >= score) + 1;
      found.splice(place, 0, { tool: tools[at] as SeenTool, score });
      if (found.length > limit) found.pop();
      least = found.at(-1)?.score ?? 0;
    }
    return found;
  }

  #bestOfServers(scores: Float32Array): Float32Array {
    const { serverCount, servers } = this.#options;
    const best = new Float32Array(serverCount);
    for (const [at, score] of scores.entries()) {
      const server = servers[at] as number;
      if (score > (best[server] as number)) best[server] = score;
    }
    return best;
  }

  /** Each wish is as good as the others: its best tool counts as much as the best of the whole question. */
  #combined(whole: Float32Array, parts: readonly string[], near: Near): Float32Array {
    const combined = normalised(whole);
    for (const part of parts) {
      const scores = normalised(this.#scores(part, near));
      for (let at = 0; at < combined.length; at++) {
        const score = (scores[at] ?? 0) * RANK.part;
        if (score > (combined[at] ?? 0)) combined[at] = score;
      }
    }
    return combined;
  }

  #scores(text: string, near: Near): Float32Array {
    const { postings, tools } = this.#options;
    const scores = new Float32Array(tools.length);
    const asked = this.#asked(text);
    let guessed = 0;
    let count = 0;
    for (const word of asked) {
      if (count++ >= MAX_TERMS) break;
      const isKnown = postings.has(word);
      this.#addWord(scores, word, isKnown || guessed++ >= MAX_NEAR ? [] : this.#nearTo(word, near));
    }
    this.#addNames(scores, asked);
    return scores;
  }

  #nearTo(word: string, near: Near): readonly string[] {
    let found = near.get(word);
    if (found !== undefined) return found;
    found = near.size >= MAX_NEAR_IN_ALL ? [] : this.#options.postings.near(word);
    near.set(word, found);
    return found;
  }

  /** The words of a text, and those that two of them make where the tools write them as one: `mind map`, `cash flow`. */
  #asked(text: string): Set<string> {
    const { postings, words: split } = this.#options;
    const words = split.of(text).slice(0, MAX_TERMS * 2);
    const joined = words.flatMap((word, at) => {
      const pair = `${words[at - 1] ?? ''}${word}`;
      return at > 0 && postings.has(pair) ? [pair] : [];
    });
    return new Set([...words, ...joined]);
  }

  /** What a word adds to each tool: itself, or the best of the words that stand for it. */
  #addWord(scores: Float32Array, word: string, near: readonly string[]): void {
    let count = this.#collect(0, word, 1);
    for (const other of near) count = this.#collect(count, other, RANK.near);
    for (const other of this.#options.synonyms.get(word) ?? []) count = this.#collect(count, other, RANK.synonym);
    for (let at = 0; at < count; at++) {
      const tool = this.#touched[at] ?? 0;
      scores[tool] = (scores[tool] ?? 0) + (this.#best[tool] ?? 0);
      this.#best[tool] = 0;
    }
  }

  /** Gives how many tools are touched by now. */
  #collect(touched: number, word: string, factor: number): number {
    const { postings } = this.#options;
    const [start, end] = postings.rangeOf(word);
    const rarity = factor * postings.rarity(word);
    let count = touched;
    for (let at = start; at < end; at++) {
      const tool = postings.tools[at] ?? 0;
      const weight = rarity * (postings.weights[at] ?? 0);
      const before = this.#best[tool] ?? 0;
      if (weight <= before) continue;
      if (before === 0) this.#touched[count++] = tool;
      this.#best[tool] = weight;
    }
    return count;
  }

  #addNames(scores: Float32Array, asked: ReadonlySet<string>): void {
    const { postings, synonyms } = this.#options;
    const factors = new Map<string, number>();
    for (const word of asked) {
      factors.set(word, 1);
      for (const other of synonyms.get(word) ?? []) if (!factors.has(other)) factors.set(other, RANK.namedAlike);
    }
    // What was found of each name, then how much more its tool counts.
    const named = new Float32Array(scores.length);
    for (const [word, factor] of factors) {
      const rarity = factor * postings.rarity(word);
      for (const tool of postings.namedBy(word)) named[tool] = (named[tool] ?? 0) + rarity;
    }
    for (let at = 0; at < named.length; at++) {
      const found = named[at] ?? 0;
      if (found > 0) scores[at] = (scores[at] ?? 0) * (1 + (RANK.named * found) / postings.nameRarity(at));
    }
  }
}

function normalised(scores: Float32Array): Float32Array {
  let best = 0;
  for (const score of scores) if (score > best) best = score;
  return best === 0 ? scores : scores.map((score) => score / best);
}
