/** What text costs in a model's context, estimated: no tokenizer is loaded to serve. */

import type { JsonObject } from '@sallyport/wire';

/** Characters of JSON in ASCII that make one token (o200k), on the average of real definitions. */
const CHARACTERS_PER_TOKEN = 4.7;
/** Tokens of one character that is not, on the average of Chinese definitions. */
const TOKENS_PER_WIDE = 0.75;

const WIDE = /[^ -\u024f]/g;

/** Tokens, rounded up. */
export function textCost(text: string): number {
  const wide = text.match(WIDE)?.length ?? 0;
  return Math.ceil((text.length - wide) / CHARACTERS_PER_TOKEN + wide * TOKENS_PER_WIDE);
}

/** Letters of a name that make one token: of words about, and of anything that could be one at least. */
export const LETTERS_PER_TOKEN = { words: 5, anything: 2 } as const;
/** The same of what no word looks like. */
const LETTERS_OF_NO_WORD = 1.4;
const MAX_WORD = 12;
/** As tokenizers of this kind part a name before they count. */
const PIECES = /[0-9]{1,3}|[A-Z]*[a-z]+|[A-Z]+|[^A-Za-z0-9]+/g;

/** Tokens of a name in ASCII, of which prose would be a poor measure: names are short words, numbers, or anything. */
export function nameCost(name: string, lettersPerToken: number): number {
  return name.match(PIECES)?.reduce((cost, piece) => cost + pieceCost(piece, lettersPerToken), 0) ?? 0;
}

function pieceCost(piece: string, lettersPerToken: number): number {
  if (!/[A-Za-z]/.test(piece)) return Math.ceil(piece.length / 8);
  const vowels = (piece.match(/[aeiouy]/gi)?.length ?? 0) / piece.length;
  const isPlain = /^[A-Z]?[a-z]+$/.test(piece) && vowels >= 0.2 && vowels <= 0.75;
  if (!isPlain) return Math.ceil(piece.length / LETTERS_OF_NO_WORD);
  if (piece.length <= 3) return 1;
  return Math.ceil(piece.length / (piece.length > MAX_WORD ? LETTERS_PER_TOKEN.anything : lettersPerToken));
}

/** Of a tool as clients see it. */
export type ToolCost = (tool: { readonly shown: JsonObject }) => number;

/** Remembers what it has counted, as long as the definition is the same object. */
export function createToolCost(): ToolCost {
  const known = new WeakMap<JsonObject, number>();
  return ({ shown }) => {
    let cost = known.get(shown);
    if (cost === undefined) known.set(shown, (cost = textCost(JSON.stringify(shown))));
    return cost;
  };
}
