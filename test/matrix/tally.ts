/** A pair of the matrix in a test file: its cells in sequence, each with what was seen on both wires, and the count. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../gateway/gateway.ts';
import type { MatrixClient } from './client.ts';
import { CELLS } from './features.ts';
import { leaksToClient, leaksToServer, seenByClient, seenByServer } from './observed.ts';
import { openClient } from './open-client.ts';
import { exclusion, FEATURES, nameOf } from './revisions.ts';
import type { Cell, Pair } from './revisions.ts';
import type { RevisionServer } from './server.ts';
import type { Serving } from './server-http.ts';

/** Cells that passed, and the revisions that were seen in them. */
export interface Tally {
  readonly counted: string[];
  readonly excluded: string[];
}

export function createTally(): Tally {
  return { counted: [], excluded: [] };
}

/** A client and a server that reach each other. */
export interface Reach extends AsyncDisposable {
  readonly client: MatrixClient;
  readonly server: RevisionServer;
  readonly isDirect: boolean;
}

/** Through a gateway that has this one server. */
export async function throughGateway(
  pair: Pair,
  serve: (revision: Pair['server']) => Promise<Serving>,
): Promise<Reach> {
  const stack = new AsyncDisposableStack();
  const serving = stack.use(await serve(pair.server));
  const started = stack.use(await startGateway({ mcpServers: { m: serving.target }, naming: 'plain' }));
  const client = stack.use(await openClient(started.url, pair.client));
  return { client, server: serving.server, isDirect: false, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** The client speaks to the server itself: shows that a failing cell is the gateway's. */
export async function direct(pair: Pair, serve: (revision: Pair['server']) => Promise<Serving>): Promise<Reach> {
  const stack = new AsyncDisposableStack();
  const serving = stack.use(await serve(pair.server));
  const client = stack.use(await openClient(String(serving.target['url']), pair.client));
  return { client, server: serving.server, isDirect: true, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function run(cell: Cell, { client, server, isDirect }: Reach): Promise<string> {
  const tag = nameOf(cell);
  const marks = [client.tape.items.length, server.tape.items.length] as const;
  await CELLS[cell.feature]({ client, server, tag, isDirect });
  const seen = { client: seenByClient(client), server: seenByServer(server, marks[1]) };
  expect(seen, tag).toEqual({ client: cell.client, server: cell.server });
  expect(leaksToClient(cell.client, client.tape.incoming(marks[0])), tag).toEqual([]);
  expect(leaksToServer(cell.server, server.tape.incoming()), tag).toEqual([]);
  return `${tag}, seen as ${seen.client} and ${seen.server}`;
}

/** The cells of a pair as tests. `reach` is called once. */
export function describePair(pair: Pair, tally: Tally, reach: () => Promise<Reach>): void {
  describe(`client ${pair.client} × server ${pair.server}`, () => {
    const at: { reach?: Reach } = {};
    beforeAll(async () => {
      at.reach = await reach();
    });
    afterAll(async () => await at.reach?.[Symbol.asyncDispose]());
    for (const feature of FEATURES) {
      const cell = { ...pair, feature };
      const reason = exclusion(cell);
      if (reason === undefined) {
        it(nameOf(cell), async () => void tally.counted.push(await run(cell, at.reach as Reach)));
      } else tally.excluded.push(`${nameOf(cell)}: ${reason}`);
    }
  });
}
