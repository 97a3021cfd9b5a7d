/** The gateway by its other doors: WebSocket and legacy HTTP+SSE, views and single servers, each with what is its own. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type Started } from './gateway.ts';
import { openSession, send, stateless, textOf } from './raw-client.ts';

const RAW_SERVER = new URL('raw-server.ts', import.meta.url).pathname;
const EVERYTHING = new URL('../everything/server.ts', import.meta.url).pathname;
const raw = { command: process.execPath, args: [RAW_SERVER] };

const at: { started?: Started } = {};
const started = (): Started => at.started as Started;
const base = (): string => `http://127.0.0.1:${started().port}`;

beforeAll(async () => {
  at.started = await startGateway({
    mcpServers: {
      a: { ...raw, tags: ['first'] },
      b: { ...raw, tools: { rename: { say: 'talk' } } },
      e: { command: process.execPath, args: [EVERYTHING, '--stdio', '--eras', 'session'] },
    },
    views: { few: { servers: ['a', 'b'], tools: ['a__say', 'b__*'] }, tagged: { tags: ['first'] } },
  });
  await started().gateway.rooms.catalog.root.ready();
});

afterAll(async () => {
  await at.started?.[Symbol.asyncDispose]();
});

const doors = [
  { door: 'WebSocket', transport: () => new WebSocketClientTransport(new URL(`${base()}/mcp`.replace('http', 'ws'))) },
  { door: 'HTTP+SSE', transport: () => new SSEClientTransport(new URL(`${base()}/sse`)) },
];

describe.each(doors)('by $door', ({ door, transport }) => {
  const connect = async (): Promise<Client> => {
    const client = new Client({ name: door, version: '1' }, { capabilities: { sampling: {} } });
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: 'sampled here' },
    }));
    await client.connect(transport());
    return client;
  };

  it('an SDK client lists, calls, reads, is asked and gets progress', async () => {
    const client = await connect();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('e__echo');
    expect((await client.callTool({ name: 'e__echo', arguments: { text: 'héllo\n' } })).content).toEqual([
      { type: 'text', text: 'héllo\n' },
    ]);
    expect((await client.readResource({ uri: 'test://static-text' })).contents).toHaveLength(1);
    const sampled = await client.callTool({ name: 'e__test_sampling', arguments: { prompt: 'x' } });
    expect(JSON.stringify(sampled.content)).toContain('sampled here');
    const progress: number[] = [];
    await client.callTool({ name: 'e__test_tool_with_progress', arguments: {} }, undefined, {
      onprogress: (each) => progress.push(each.progress),
    });
    expect(progress.length).toBeGreaterThan(0);
    await client.close();
  });

  it('is a session as long as it is there', async () => {
    const mine = (): number =>
      [...started().gateway.rooms.sessions].filter(({ client }) => client.info?.['name'] === door).length;
    const client = await connect();
    expect(mine()).toBe(1);
    await client.close();
    await expect.poll(mine).toBe(0);
  });
});

describe('a place of its own', () => {
  const toolsAt = async (path: string): Promise<string[]> => {
    const { result } = await stateless(`${base()}${path}`).call('tools/list');
    return ((result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name).toSorted();
  };

  it('is each server, with its names as they are', async () => {
    expect(await toolsAt('/mcp/s/a')).toContain('say');
    expect(await toolsAt('/mcp/s/b')).toContain('talk');
    const client = stateless(`${base()}/mcp/s/a`);
    expect(textOf(await client.call('tools/call', { name: 'say', arguments: { text: 'x' } }))).not.toContain('error');
    expect((await client.call('tools/call', { name: 'a__say', arguments: {} })).error?.code).toBe(-32602);
    expect((await client.call('tools/call', { name: 'talk', arguments: {} })).error?.code).toBe(-32602);
  });

  it('is each view, and what is narrowed by a query', async () => {
    const few = await toolsAt('/mcp/v/few');
    expect(few.filter((name) => name.startsWith('a__'))).toEqual(['a__say']);
    expect(few).toContain('b__talk');
    expect(few.some((name) => name.startsWith('e__'))).toBe(false);
    expect((await toolsAt('/mcp/v/tagged')).every((name) => name.startsWith('a__'))).toBe(true);
    expect(await toolsAt('/mcp?tools=a__say,b__say')).toEqual(['a__say', 'b__talk']);
    expect(await toolsAt('/mcp/v/few?servers=e')).toEqual([]);
    const client = stateless(`${base()}/mcp/v/few`);
    expect((await client.call('tools/call', { name: 'a__pid', arguments: {} })).error).toMatchObject({
      code: -32602,
      message: 'Unknown tool: a__pid',
    });
  });

  it.each(['/mcp/s/none', '/mcp/v/none', '/mcp/x', '/mcp/s/a/', '/mcp?servers=none', '/mcp?tools=%'])(
    'is not %s',
    async (path) => {
      const reply = await send(`${base()}${path}`, '{"jsonrpc":"2.0","id":1,"method":"ping"}', {});
      expect(reply.status).toBe(404);
      expect((await reply.last).message.error?.data?.['code']).toBe('no_such_path');
    },
  );

  it('has sessions of its own', async () => {
    const session = await openSession(`${base()}/mcp/s/a`);
    const elsewhere = await send(`${base()}/mcp`, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', session.headers);
    expect(elsewhere.status).toBe(404);
    const narrowed = await openSession(`${base()}/mcp?tools=a__say`);
    const wider = await send(`${base()}/mcp`, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', narrowed.headers);
    expect(wider.status).toBe(404);
    expect((await session.call('tools/list')).error).toBeUndefined();
  });

  it('is reached by WebSocket as well', async () => {
    const client = new Client({ name: 't', version: '1' });
    await client.connect(new WebSocketClientTransport(new URL(`${base()}/mcp/v/few`.replace('http', 'ws'))));
    expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain('e__echo');
    await client.close();
  });
});
