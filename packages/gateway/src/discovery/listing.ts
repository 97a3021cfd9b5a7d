/**
 * The servers in the descriptions of our tools: as much as fits a budget of tokens, so that a model knows what is behind them.
 * First every server with what it says of itself, then with less of it, then names alone, then as many names as fit. Pure: the same
 * servers give the same bytes.
 */

import { oneLine } from '../one-line.ts';
import { LETTERS_PER_TOKEN, nameCost, textCost } from '../tool-cost.ts';
import type { SeenServer } from './types.ts';

/** Characters of a description, from the most. */
const LENGTHS: readonly number[] = [160, 120, 90, 70, 50, 35];
/** Tokens around a name in a line of its own, around what is said of it there, and between names alone. */
const AROUND = 2;
const AROUND_TEXT = 2;
const BETWEEN = 1;

export interface ListingBudget {
  readonly tokens: number;
  /** Of names. `words` for a budget that may be passed by names that are none. */
  readonly names?: keyof typeof LETTERS_PER_TOKEN;
}

/** What the names cost, once each. */
export function namesCost(servers: readonly SeenServer[], names: ListingBudget['names'] = 'anything'): number {
  return servers.reduce((sum, { name }) => sum + nameCost(name, LETTERS_PER_TOKEN[names]) + AROUND, 0);
}

/** A line for each server, with at least so many characters of a description; undefined where that does not fit. */
export function serverLines(
  servers: readonly SeenServer[],
  { names, tokens }: ListingBudget,
  least: number,
): string | undefined {
  const left = tokens - namesCost(servers, names);
  for (const length of LENGTHS) {
    if (length < least) return undefined;
    const texts = servers.map(({ description }) => oneLine(description, length));
    if (texts.reduce((sum, text) => sum + textCost(text) + AROUND_TEXT, 0) > left) continue;
    return servers.map(({ name }, at) => `- ${name}${texts[at] === '' ? '' : `: ${texts[at] ?? ''}`}`).join('\n');
  }
  return undefined;
}

/** The names alone, as many as fit. */
export function serverNames(servers: readonly SeenServer[], { names = 'anything', tokens }: ListingBudget): string {
  const named: string[] = [];
  let left = tokens;
  for (const { name } of servers) {
    left -= nameCost(name, LETTERS_PER_TOKEN[names]) + BETWEEN;
    if (left < 0) break;
    named.push(name);
  }
  const more = servers.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
