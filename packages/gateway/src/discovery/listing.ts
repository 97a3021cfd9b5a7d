/**
 * The servers in the descriptions of our tools: as much as fits a budget of tokens, so that a model knows what is behind them.
 * First every server with what it says of itself, then with less of it, then names alone, then as many names as fit. Pure: the same
 * servers give the same bytes.
 */

import { oneLine } from '../one-line.ts';
import { textCost } from '../tool-cost.ts';
import type { SeenServer } from './types.ts';

/** Characters of a description, from the most. */
const LENGTHS: readonly number[] = [160, 120, 90, 70, 50, 35];

/** A line for each server, `lead` first. */
export function serverLines(servers: readonly SeenServer[], budget: number): string {
  for (const length of LENGTHS) {
    const lines = servers.map(({ description, name }) => {
      const text = oneLine(description, length);
      return text === '' ? `- ${name}` : `- ${name}: ${text}`;
    });
    const text = lines.join('\n');
    if (textCost(text) <= budget) return text;
  }
  return serverNames(servers, budget);
}

/** The names alone, as many as fit. */
function serverNames(servers: readonly SeenServer[], budget: number): string {
  const names: string[] = [];
  // A name of letters and dashes costs more than prose.
  let left = budget;
  for (const { name } of servers) {
    left -= textCost(`${name}, `) * 1.25;
    if (left < 0) break;
    names.push(name);
  }
  const more = servers.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
