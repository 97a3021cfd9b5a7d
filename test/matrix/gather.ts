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

/** The server's names are shown as they are. */
export async function gather<const R extends readonly Revision[]>(
  server: Revision,
  clients: R,
  { serve, carry, era }: Way,
): Promise<Gathered<{ readonly [K in keyof R]: MatrixClient }>> {
  const stack = new AsyncDisposableStack();
  const serving = stack.use(await serve(server));
  const told = isStateless(server) ? 'stateless' : 'session';
  const m = { ...serving.target, era: era === 'told' ? told : 'auto' };
  const started = stack.use(await startGateway({ mcpServers: { m }, naming: 'plain' }));
  const opened: MatrixClient[] = [];
  for (const revision of clients) opened.push(stack.use(await openClient(carry(started), revision)));
  return {
    clients: opened as { readonly [K in keyof R]: MatrixClient },
    server: serving.server,
    started,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
