/**
 * Finds tools: by their words, and where an endpoint knows what they mean by that as well, the two fused by reciprocal rank
 * (G. Cormack, C. Clarke, S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", 2009).
 */

import type { Indexes } from './indexes.ts';
import type { Meanings } from './meanings.ts';
import type { Found } from './search-index.ts';
import type { SeenTool, Sight } from './types.ts';

/** The best first. `accepts`: which ones are looked for at all. */
export type Find = (
  sight: Sight,
  question: string,
  limit: number,
  accepts?: (tool: SeenTool) => boolean,
) => Promise<readonly Found[]>;

/** Of each order, so many are fused. */
const DEPTH = 100;
/** Of the paper: how little the first places count more than those behind them. */
const K = 60;

export function createFind(indexes: Indexes, meanings: Pick<Meanings, 'of'> | undefined): Find {
  return async (sight, question, limit, accepts) => {
    const index = await indexes.of(sight);
    const near = await meanings?.of(index.tools, question);
    if (near === undefined) return index.search(question, limit, accepts);
    const byMeaning = index.tools
      .map((tool, at) => ({ tool, score: near[at] ?? 0 }))
      .filter(({ tool }) => accepts?.(tool) !== false)
      .toSorted((one, other) => other.score - one.score);
    return fused([index.search(question, DEPTH, accepts), byMeaning.slice(0, DEPTH)]).slice(0, limit);
  };
}

function fused(orders: readonly (readonly Found[])[]): Found[] {
  const scores = new Map<SeenTool, number>();
  for (const order of orders) {
    for (const [at, { tool }] of order.entries()) scores.set(tool, (scores.get(tool) ?? 0) + 1 / (K + at + 1));
  }
  return [...scores].map(([tool, score]) => ({ tool, score })).toSorted((one, other) => other.score - one.score);
}
