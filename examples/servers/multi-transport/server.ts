/** One registry on four transports at once: stdio, Streamable HTTP, WebSocket, and HTTP+SSE for clients of 2024. */
import { createServer, serve } from '@sallyport/server';
import * as z from 'zod';

const server = createServer({ name: 'counter', version: '1.0.0', instructions: 'Counts, for all who are connected.' });
const counter = { value: 0 };

server.addResource(
  { uri: 'counter://value', name: 'value', description: 'What has been counted.', mimeType: 'text/plain' },
  () => String(counter.value),
);

server.addTool(
  {
    name: 'count',
    description:
      'Adds to the counter that all clients share, and gives what it is then and over what one is connected.',
    inputSchema: z.strictObject({ by: z.int().min(1).max(100).default(1).describe('How many') }),
    outputSchema: z.object({ value: z.int(), transport: z.string() }),
    annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
  },
  ({ by }, { transport }) => {
    counter.value += by;
    server.resourceUpdated('counter://value');
    return { value: counter.value, transport };
  },
);

const port = Number(process.env['PORT'] ?? 3000);
const serving = await serve(server, { stdio: true, http: { port }, websocket: true, sse: true });
// On stderr: stdout is MCP's.
console.error(serving.url);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void serving.close());
