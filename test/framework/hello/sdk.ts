/** The same server on the official SDK and its Node transport, as a program: sessions, answers as JSON. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';

const sessions = new Map<string, NodeStreamableHTTPServerTransport>();

async function open(): Promise<NodeStreamableHTTPServerTransport> {
  const transport: NodeStreamableHTTPServerTransport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => void sessions.set(id, transport),
  });
  const server = new McpServer({ name: 'hello', version: '1.0.0' });
  const inputSchema = z.object({ name: z.string() });
  server.registerTool('hello', { description: 'Greets.', inputSchema }, ({ name }) => ({
    content: [{ type: 'text', text: `Hello, ${name}!` }],
  }));
  await server.connect(transport);
  return transport;
}

const http = createServer((request, response) => {
  const known = sessions.get(String(request.headers['mcp-session-id']));
  void (known === undefined ? open() : Promise.resolve(known)).then((transport) =>
    transport.handleRequest(request, response),
  );
});
http.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${String((http.address() as AddressInfo).port)}/mcp\n`);
});
