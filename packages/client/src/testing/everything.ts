/** For tests: the reference server "everything", in this process, on a transport of the test. Nothing of the package imports it. */

import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

interface Everything {
  readonly server: { connect(transport: Transport): Promise<void>; close(): Promise<void> };
  readonly cleanup: (sessionId?: string) => void;
}

const ENTRY: string = import.meta
  .resolve('@modelcontextprotocol/sdk/types.js')
  .replace(/\/sdk\/dist\/.*$/, '/server-everything/dist/server/index.js');

/** Serves one session on the transport. Call what is returned when it is over. */
export async function serveEverything(transport: Transport, sessionId?: string): Promise<() => Promise<void>> {
  const { createServer } = (await import(ENTRY)) as { createServer: () => Everything };
  const { server, cleanup } = createServer();
  await server.connect(transport);
  return async () => {
    cleanup(sessionId);
    await server.close();
  };
}
