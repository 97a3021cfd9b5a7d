/** The smallest server of the framework, as a program: over HTTP, its URL on stdout. */
import { createServer, serve } from '@sallyport/server';
import * as z from 'zod';

const server = createServer({ name: 'hello', version: '1.0.0' });
server.addTool(
  { name: 'hello', description: 'Greets.', inputSchema: z.object({ name: z.string() }) },
  ({ name }) => `Hello, ${name}!`,
);
// Who measures asks more often than anybody may.
const { url } = await serve(server, { http: true, log: false, limits: { rate: false } });
process.stdout.write(`${String(url)}\n`);
