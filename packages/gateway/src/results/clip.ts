/**
 * What of a result is too long for a model, and what it reads in its place. Texts count, and what is structured; pictures, sounds and
 * links stay where they are, since their bytes are no tokens. Pure: what is kept, and where, is decided elsewhere.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { textCost } from '../tool-cost.ts';

/** A result that costs more than it may. */
export interface Long {
  /** All of it that is text. */
  readonly text: string;
  /** Tokens, estimated. */
  readonly cost: number;
  /** The content with this in the place of its texts. */
  readonly contentWith: (text: string) => JsonValue;
}

/** Undefined for a result that costs no more than the budget, in tokens. `isTyped`: its tool promises what is structured. */
export function longResult(result: JsonObject, budget: number, isTyped: boolean): Long | undefined {
  const blocks = Array.isArray(result['content']) ? result['content'] : [];
  const texts = blocks.flatMap((block) => (isText(block) ? [block.text] : []));
  const { structuredContent } = result;
  const data = structuredContent === undefined || isTyped ? '' : JSON.stringify(structuredContent);
  const text = texts.join('\n');
  const [cost, dataCost] = [textCost(text), textCost(data)];
  if (Math.max(cost, dataCost) <= budget) return undefined;
  // What is structured is nearly always the text once more.
  const whole = data === '' || isSame(texts, data) ? text : [...texts, data].join('\n');
  return { text: whole, cost: textCost(whole), contentWith: (head) => withHead(blocks, head) };
}

function withHead(blocks: readonly JsonValue[], head: string): JsonValue {
  const first = blocks.find(isText);
  const block = { ...first, type: 'text', text: head };
  const others = blocks.filter((each) => !isText(each));
  const at = first === undefined ? 0 : blocks.indexOf(first);
  return others.toSpliced(at, 0, block);
}

function isText(block: JsonValue): block is JsonObject & { readonly text: string } {
  return isObject(block) && block['type'] === 'text' && typeof block['text'] === 'string';
}

function isSame(texts: readonly string[], data: string): boolean {
  const [only] = texts;
  if (only === undefined || texts.length > 1) return false;
  try {
    return JSON.stringify(JSON.parse(only)) === data;
  } catch {
    return false;
  }
}

/** As much of a text from a place on as costs no more than the budget, cut between characters; a character at least. */
export function piece(text: string, offset: number, budget: number, limit: number): string {
  // No character costs less than a token in five.
  let taken = text.slice(offset, offset + Math.min(limit, budget * 5));
  for (let cost = textCost(taken); cost > budget && taken.length > 1; cost = textCost(taken)) {
    taken = taken.slice(0, Math.max(1, Math.floor((taken.length * budget) / cost)));
  }
  const isHalf = /[\ud800-\udbff]$/.test(taken) && offset + taken.length < text.length;
  if (!isHalf) return taken;
  return taken.length > 1 ? taken.slice(0, -1) : text.slice(offset, offset + 2);
}
