/** The smallest server: one tool over HTTP, for whoever is at this machine. */
import { createServer, serve } from '@sallyport/server';
import * as z from 'zod';

const server = createServer({ name: 'hello', version: '1.0.0', instructions: 'Greets people by their names.' });

server.addTool(
  {
    name: 'hello',
    description: 'Greets somebody.',
    inputSchema: z.strictObject({ name: z.string().min(1).max(100).describe('Who is greeted') }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  ({ name }) => `Hello, ${name}!`,
);

const serving = await serve(server, { http: { port: Number(process.env['PORT'] ?? 3000) } });
console.log(serving.url);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void serving.close());
