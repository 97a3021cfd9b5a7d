/** For tests: the reference server "everything", in this process, on a transport of the test. Nothing of the package imports it. */

interface Everything {
  readonly server: { connect(transport: object): Promise<void>; close(): Promise<void> };
  readonly cleanup: (sessionId?: string) => void;
}

const SERVER = '../../../../node_modules/@modelcontextprotocol/server-everything/dist/server/index.js';

/** Serves one session on a transport of the official SDK. Call what is returned when it is over. */
export async function serveEverything(transport: object, sessionId?: string): Promise<() => Promise<void>> {
  const entry = new URL(SERVER, import.meta.url).href;
  const { createServer } = (await import(entry)) as { createServer: () => Everything };
  const { server, cleanup } = createServer();
  await server.connect(transport);
  return async () => {
    cleanup(sessionId);
    await server.close();
  };
}
