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
