/** A pair of the matrix in a test file: its cells in sequence, each with what was seen on both wires, and the count. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { overHttp } from './carrier.ts';
import type { MatrixClient } from './client.ts';
import { CELLS } from './features.ts';
import { createScope, gather } from './gather.ts';
import type { Way } from './gather.ts';
import { leaksToClient, leaksToServer, seenByClient, seenByServer } from './observed.ts';
import { openClient } from './open-client.ts';
import { exclusion, FEATURES, nameOf } from './revisions.ts';
import type { Cell, Pair, Revision } from './revisions.ts';
import type { RevisionServer } from './server.ts';
import { serveHttp } from './server-http.ts';

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
  /** There is no gateway. */
  readonly isDirect: boolean;
  /** The gateway may ask the server once for the other era, to find out what it speaks. */
  readonly mayProbe: boolean;
}

/** Through a gateway that has this one server. */
export async function throughGateway(pair: Pair, way: Way): Promise<Reach> {
  const gathered = await gather(pair.server, [pair.client], way);
  const { clients, server } = gathered;
  const dispose = async (): Promise<void> => await gathered[Symbol.asyncDispose]();
  return { client: clients[0], server, isDirect: false, mayProbe: way.era === 'found', [Symbol.asyncDispose]: dispose };
}

/** The client speaks to the server itself: shows that a failing cell is the gateway's. */
export async function direct(revision: Revision): Promise<Reach> {
  const scope = createScope();
  const { server, target } = scope.use(await serveHttp(revision));
  const client = scope.use(await openClient(overHttp(String(target['url'])), revision));
  const dispose = async (): Promise<void> => await scope[Symbol.asyncDispose]();
  return { client, server, isDirect: true, mayProbe: false, [Symbol.asyncDispose]: dispose };
}

/** The revisions in which the client and the server were spoken to. Rejects when the cell fails. */
async function run(cell: Cell, { client, server, isDirect, mayProbe }: Reach): Promise<Record<keyof Pair, string>> {
  const tag = nameOf(cell);
  const marks = [client.tape.items.length, server.tape.items.length] as const;
  await CELLS[cell.feature]({ client, server, tag, isDirect });
  expect(leaksToClient(cell.client, client.tape.incoming(marks[0])), tag).toEqual([]);
  expect(leaksToServer(cell.server, server.tape.incoming(), mayProbe), tag).toEqual([]);
  return { client: seenByClient(client), server: seenByServer(server, marks[1]) };
}

/** The cells of a pair as tests. `reach` is called once. */
export function describePair(pair: Pair, tally: Tally, reach: () => Promise<Reach>): void {
  const cells = FEATURES.map((feature) => ({ ...pair, feature }));
  const isThere = (cell: Cell): boolean => exclusion(cell) === undefined;
  for (const cell of cells) if (!isThere(cell)) tally.excluded.push(`${nameOf(cell)}: ${exclusion(cell)}`);
  describe(`client ${pair.client} × server ${pair.server}`, () => {
    const at: { reach?: Reach } = {};
    beforeAll(async () => {
      at.reach = await reach();
    });
    afterAll(async () => await at.reach?.[Symbol.asyncDispose]());
    it.each(cells.filter(isThere).map((cell) => [nameOf(cell), cell] as const))('%s', async (_name, cell) => {
      const seen = await run(cell, at.reach as Reach);
      expect(seen).toEqual({ client: cell.client, server: cell.server });
      tally.counted.push(nameOf(cell));
    });
  });
}
