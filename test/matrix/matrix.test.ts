/**
 * The era matrix: clients of five revisions on servers of five revisions, over HTTP, through one gateway for each pair. A
 * cell counts when the client was spoken to in its revision and the server in its own. Which cells cannot be, and why, is
 * in revisions.ts.
 */
import { describe, expect, it } from 'vitest';
import { overHttp } from './carrier.ts';
import type { Way } from './gather.ts';
import { FEATURES, nameOf, OUTSIDE, PAIRS, REVISIONS } from './revisions.ts';
import type { Pair } from './revisions.ts';
import { serveHttp } from './server-http.ts';
import { createTally, describePair, direct, throughGateway } from './tally.ts';

/** They know no elicitation. */
const OLD: ReadonlySet<string> = new Set(['2024-11-05', '2025-03-26']);

describe('without a gateway, to prove the client and the server of these tests', () => {
  const tally = createTally();
  for (const revision of REVISIONS) {
    describePair({ client: revision, server: revision }, tally, () => direct(revision));
  }

  it('counts every cell', () => {
    expect(tally.excluded).toHaveLength(2);
    expect(new Set(tally.counted).size).toBe(REVISIONS.length * FEATURES.length - 2);
  });
});

describe('through the gateway', () => {
  const tally = createTally();
  const way: Way = { serve: serveHttp, carry: ({ url }) => overHttp(url), era: 'found' };
  for (const pair of PAIRS) describePair(pair, tally, () => throughGateway(pair, way));

  it('counts every cell but the excluded ones', () => {
    const outside = Object.entries(OUTSIDE).map(([what, why]) => `${what}: ${why}`);
    process.stdout.write(['Excluded from the era matrix:', ...tally.excluded, ...outside, ''].join('\n'));
    const isOld = ({ client, server }: Pair): boolean => [client, server].some((revision) => OLD.has(revision));
    const elicitations = PAIRS.filter(isOld).map((pair) => nameOf({ ...pair, feature: 'elicitation' }));
    expect(tally.excluded.map((line) => line.split(':')[0])).toEqual(elicitations);
    expect(tally.excluded).toHaveLength(16);
    expect(new Set(tally.counted).size).toBe(5 * 5 * 9 - 16);
  });
});
