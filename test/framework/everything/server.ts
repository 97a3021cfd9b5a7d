/**
 * The everything server of the framework as a program: `node test/framework/everything/server.ts [--port N] [--name NAME]
 * [--stdio]`. Over HTTP, WebSocket and SSE it prints the URL of its MCP endpoint on stdout, and ends on SIGTERM or SIGINT; over
 * stdio it ends when its input does.
 */
import { parseArgs } from 'node:util';
import { serve } from '@sallyport/server';
import { createEverything } from './everything.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    name: { type: 'string', default: 'everything' },
    stdio: { type: 'boolean', default: false },
  },
});
const server = createEverything(values.name);
// The suite and the tests ask far more at once than a person.
const shared = { log: false, limits: { rate: false } } as const;
const serving = values.stdio
  ? await serve(server, { ...shared, stdio: true })
  : await serve(server, { ...shared, http: { port: Number(values.port) }, websocket: true, sse: true });
if (serving.url !== undefined) process.stdout.write(`everything server listening on ${serving.url}\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close();
    void serving.close();
  });
}
