/** Clients of any revisions, one server, and a gateway between them. */
import { startGateway } from '../gateway/gateway.ts';
import type { Started } from '../gateway/gateway.ts';
import type { OpenCarrier } from './carrier.ts';
import type { MatrixClient } from './client.ts';
import { openClient } from './open-client.ts';
import { isStateless } from './revisions.ts';
import type { Revision } from './revisions.ts';
import type { RevisionServer } from './server.ts';
import type { Serving } from './server-http.ts';

export interface Way {
  /** Where the server is. */
  readonly serve: (revision: Revision) => Promise<Serving>;
  /** What carries the clients' messages. */
  readonly carry: (started: Started) => OpenCarrier;
  /** Whether the gateway finds out which era the server speaks, or was told. */
  readonly era: 'found' | 'told';
}

export interface Gathered<C> extends AsyncDisposable {
  readonly clients: C;
  readonly server: RevisionServer;
  readonly started: Started;
}

export interface Scope extends AsyncDisposable {
  use<T extends AsyncDisposable>(opened: T): T;
}

/** Ends what was opened, last first. */
export function createScope(): Scope {
  const all: AsyncDisposable[] = [];
  return {
    use: (opened) => {
      all.push(opened);
      return opened;
    },
    [Symbol.asyncDispose]: async () => {
      for (const opened of all.splice(0).toReversed()) await opened[Symbol.asyncDispose]();
    },
  };
}

/** The server's names are shown as they are. */
export async function gather<const R extends readonly Revision[]>(
  server: Revision,
  clients: R,
  way: Way,
): Promise<Gathered<{ readonly [K in keyof R]: MatrixClient }>> {
  const scope = createScope();
  try {
    return await gatherIn(scope, server, clients, way);
  } catch (error) {
    await scope[Symbol.asyncDispose]();
    throw error;
  }
}

async function gatherIn<const R extends readonly Revision[]>(
  scope: Scope,
  server: Revision,
  clients: R,
  { serve, carry, era }: Way,
): Promise<Gathered<{ readonly [K in keyof R]: MatrixClient }>> {
  const serving = scope.use(await serve(server));
  const told = isStateless(server) ? 'stateless' : 'session';
  const m = { ...serving.target, era: era === 'told' ? told : 'auto' };
  const started = scope.use(await startGateway({ mcpServers: { m }, naming: 'plain' }));
  const opened: MatrixClient[] = [];
  for (const revision of clients) opened.push(scope.use(await openClient(carry(started), revision)));
  return {
    clients: opened as { readonly [K in keyof R]: MatrixClient },
    server: serving.server,
    started,
    [Symbol.asyncDispose]: async () => await scope[Symbol.asyncDispose](),
  };
}
