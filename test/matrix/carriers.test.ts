/**
 * The cells of the era matrix over everything else that carries messages: stdio on both sides, in all pairs and with the
 * era of the server told; the transport of 2024-11-05 and WebSocket on the client's side.
 */
import { describe, expect, it } from 'vitest';
import { overSse, overStdio, overWebSocket } from './carrier.ts';
import type { Way } from './gather.ts';
import { isStateless, PAIRS, REVISIONS } from './revisions.ts';
import { serveHttp } from './server-http.ts';
import { serveStdio } from './server-stdio.ts';
import { createTally, describePair, throughGateway } from './tally.ts';

describe('stdio on both sides', () => {
  const tally = createTally();
  const way: Way = { serve: serveStdio, carry: overStdio, era: 'told' };
  for (const pair of PAIRS) describePair(pair, tally, () => throughGateway(pair, way));

  it('counts every cell but the excluded ones', () => {
    expect(new Set(tally.counted).size).toBe(5 * 5 * 9 - 16);
  });
});

describe('a client on the transport of 2024-11-05', () => {
  const tally = createTally();
  const way: Way = { serve: serveHttp, carry: ({ url }) => overSse(url), era: 'told' };
  for (const server of REVISIONS) {
    describePair({ client: '2024-11-05', server }, tally, () => throughGateway({ client: '2024-11-05', server }, way));
  }

  it('has every cell but elicitation, which is younger', () => {
    expect(new Set(tally.counted).size).toBe(5 * 8);
  });
});

describe('a client on a WebSocket', () => {
  const tally = createTally();
  const way: Way = { serve: serveHttp, carry: ({ url }) => overWebSocket(url), era: 'found' };
  const latest = PAIRS.filter(({ client, server }) => client >= '2025-11-25' && server >= '2025-11-25');
  for (const pair of latest) describePair(pair, tally, () => throughGateway(pair, way));

  it('has every cell of the latest revisions of both eras', () => {
    expect(latest.map(({ client, server }) => [isStateless(client), isStateless(server)])).toHaveLength(4);
    expect(new Set(tally.counted).size).toBe(4 * 9);
  });
});
