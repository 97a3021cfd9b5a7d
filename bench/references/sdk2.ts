/**
 * The gateway one writes first with the TypeScript SDK, version 2: a transport for every session, the SDK's handler for
 * stateless requests, one client for every upstream. `node sdk2.ts --port N --upstreams FILE`. Neither key nor limits.
 */

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import {
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
  type NodeIncomingMessageLike,
} from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { readUpstreams, splitName } from './upstreams.ts';

const { values } = parseArgs({ options: { port: { type: 'string' }, upstreams: { type: 'string', default: '' } } });
const clients = new Map<string, Client>();
await Promise.all(
  readUpstreams(values.upstreams).map(async (each) => {
    const client = new Client({ name: 'sdk2', version: '1.0.0' });
    const transport =
      'url' in each ? new StreamableHTTPClientTransport(new URL(each.url)) : new StdioClientTransport(each);
    await client.connect(transport);
    clients.set(each.name, client);
  }),
);

function createServer(): Server {
  const server = new Server({ name: 'sdk2', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', async () => {
    const lists = [...clients].map(async ([name, client]) => {
      const { tools } = await client.listTools();
      return tools.map((tool) => ({ ...tool, name: `${name}__${tool.name}` }));
    });
    return { tools: (await Promise.all(lists)).flat() };
  });
  server.setRequestHandler('tools/call', async ({ params }) => {
    const { server: name, tool } = splitName(params.name);
    const client = clients.get(name);
    if (client === undefined) throw new Error(`There is no server ${name}.`);
    return await client.callTool({ name: tool, ...(params.arguments && { arguments: params.arguments }) });
  });
  return server;
}

const stateless = toNodeHandler(createMcpHandler(() => createServer()));
const sessions = new Map<string, NodeStreamableHTTPServerTransport>();

async function open(): Promise<NodeStreamableHTTPServerTransport> {
  const transport = new NodeStreamableHTTPServerTransport({
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
    const handle = async (): Promise<void> => {
      if (request.headers['mcp-protocol-version'] === '2026-07-28') {
        // node:http says that `method` may be undefined, the SDK that it may be absent.
        await stateless(request as NodeIncomingMessageLike, response);
        return;
      }
      const transport = sessions.get(String(request.headers['mcp-session-id'])) ?? (await open());
      await transport.handleRequest(request, response);
    };
    handle().catch((error: Error) => response.destroy(error));
  })
  .listen(Number(values.port), '127.0.0.1');
