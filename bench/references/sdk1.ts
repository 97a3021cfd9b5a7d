/**
 * The gateway one writes first with the TypeScript SDK, version 1: a server and a transport for every session, one client
 * for every upstream. `node sdk1.ts --port N --upstreams FILE`. Neither key nor limits.
 */

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { readUpstreams, splitName } from './upstreams.ts';

const { values } = parseArgs({ options: { port: { type: 'string' }, upstreams: { type: 'string', default: '' } } });
const clients = new Map<string, Client>();
await Promise.all(
  readUpstreams(values.upstreams).map(async (each) => {
    const client = new Client({ name: 'sdk1', version: '1.0.0' });
    const transport =
      'url' in each ? new StreamableHTTPClientTransport(new URL(each.url)) : new StdioClientTransport(each);
    await client.connect(transport);
    clients.set(each.name, client);
  }),
);

function createServer(): Server {
  const server = new Server({ name: 'sdk1', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, async () => {
    const lists = [...clients].map(async ([name, client]) => {
      const { tools } = await client.listTools();
      return tools.map((tool) => ({ ...tool, name: `${name}__${tool.name}` }));
    });
    return { tools: (await Promise.all(lists)).flat() };
  });
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const { server: name, tool } = splitName(params.name);
    const client = clients.get(name);
    if (client === undefined) throw new Error(`There is no server ${name}.`);
    return await client.callTool({ ...params, name: tool });
  });
  return server;
}

const sessions = new Map<string, StreamableHTTPServerTransport>();

async function open(): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => {
      sessions.set(id, transport);
    },
    onsessionclosed: (id) => {
      sessions.delete(id);
    },
  });
  await createServer().connect(transport);
  return transport;
}

http
  .createServer((request, response) => {
    const known = sessions.get(String(request.headers['mcp-session-id']));
    const opened = known === undefined ? open() : Promise.resolve(known);
    opened
      .then((transport) => transport.handleRequest(request, response))
      .catch((error: Error) => response.destroy(error));
  })
  .listen(Number(values.port), '127.0.0.1');
