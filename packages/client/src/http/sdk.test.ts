/** The legs against servers made with the official SDKs, in this process. */

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { McpServer as McpServer1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport, type EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ask, askAllPages } from '../ask.ts';
import type { Cause, Leg, Outgoing, UpstreamAnswer } from '../leg.ts';
import { openHttpSession, openHttpStateless, probeHttp } from './open.ts';
import type { HttpOptions } from './options.ts';

const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function listen(
  handler: (request: http.IncomingMessage, response: http.ServerResponse) => unknown,
): Promise<URL> {
  const server = http.createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
}

interface Bench {
  readonly options: HttpOptions;
  /** Resolves with the next notification that no request caused. */
  readonly nextNotification: () => Promise<JsonRpcNotification>;
}

function bench(url: URL): Bench {
  const came: JsonRpcNotification[] = [];
  const waiting: Array<(message: JsonRpcNotification) => void> = [];
  const options: HttpOptions = {
    url,
    headers: {},
    env: {},
    clientInfo: { name: 'test', version: '1' },
    clientCapabilities: { sampling: {}, elicitation: {}, roots: {} },
    connectTimeoutMs: 5000,
    maxMessageBytes: 1 << 20,
    now: () => performance.now(),
    events: {
      onNotification: (message) => {
        const take = waiting.shift();
        if (take === undefined) came.push(message);
        else take(message);
      },
      onUnattributed: () => ({ error: { code: -32603, message: 'nobody' } }),
      onDown: () => undefined,
      log: () => undefined,
    },
  };
  return {
    options,
    nextNotification: () => {
      const message = came.shift();
      return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
    },
  };
}

function kept(leg: Leg): Leg {
  cleanups.push(() => leg.destroy());
  return leg;
}

interface Heard extends Cause {
  readonly notes: JsonRpcNotification[];
  readonly asked: JsonRpcRequest[];
}

function listener(): Heard {
  const notes: JsonRpcNotification[] = [];
  const asked: JsonRpcRequest[] = [];
  return {
    notes,
    asked,
    notify: (message) => notes.push(message),
    ask: async (message) => {
      asked.push(message);
      return { result: { roots: [{ uri: 'file:///root' }] } };
    },
  };
}

function callTool(leg: Leg, name: string, args: JsonObject, cause: Cause): Promise<UpstreamAnswer> {
  const outgoing: Outgoing = {
    method: 'tools/call',
    name,
    text: (id) => {
      const params = { name, arguments: args, _meta: { ...leg.ownMeta, progressToken: id } };
      return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params });
    },
    timeoutMs: 5000,
    maxMs: 5000,
    cause,
  };
  return leg.request(outgoing).answer;
}

function textOf(answer: UpstreamAnswer): string {
  if (answer.kind === 'error') throw new Error(JSON.stringify(answer.error));
  const message = JSON.parse(`${answer.before.toString()}0${answer.after.toString()}`) as {
    result: { content: [{ text: string }] };
  };
  return message.result.content[0].text;
}

function server2(): McpServer {
  const server = new McpServer(
    { name: 'sdk2', version: '2' },
    { capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {} } },
  );
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  server.registerTool('noisy', {}, async (ctx) => {
    const token = ctx.mcpReq._meta?.progressToken;
    if (token !== undefined) {
      await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } });
    }
    return { content: [{ type: 'text', text: 'done' }] };
  });
  server.registerResource('note', 'note://1', {}, () => ({ contents: [{ uri: 'note://1', text: 'x' }] }));
  return server;
}

describe('SDK v2, both eras on one path', () => {
  const start = async (): Promise<{ url: URL; handler: ReturnType<typeof createMcpHandler> }> => {
    const handler = createMcpHandler(server2);
    cleanups.push(() => handler.close());
    const handle = toNodeHandler(handler);
    // node:http types `method` and `url` as possibly undefined; for a request of a server they never are.
    const url = await listen((request, response) =>
      handle(Object.assign(request, { method: request.method ?? 'GET', url: request.url ?? '/' }), response),
    );
    return { url, handler };
  };

  it.each(['stateless', 'session'] as const)('is found to speak what is preferred: %s', async (preferred) => {
    const { url } = await start();
    const { leg } = await probeHttp(bench(url).options, preferred);
    kept(leg);
    expect(leg.era).toBe(preferred);
    expect(leg.server.info['name']).toBe('sdk2');
    const { items } = await askAllPages(leg, 'tools/list', 'tools', { timeoutMs: 5000 });
    expect(items.map((tool) => (tool as JsonObject)['name'])).toEqual(['echo', 'noisy']);
    expect(textOf(await callTool(leg, 'echo', { text: 'Größe' }, listener()))).toBe('Größe');
    const heard = listener();
    expect(textOf(await callTool(leg, 'noisy', {}, heard))).toBe('done');
    expect(heard.notes.map(({ method }) => method)).toEqual(['notifications/progress']);
    const unknown = await leg.request({
      method: 'no/such',
      text: (id) => JSON.stringify({ jsonrpc: '2.0', id, method: 'no/such', params: { _meta: leg.ownMeta } }),
      timeoutMs: 5000,
      maxMs: 5000,
    }).answer;
    expect(unknown).toMatchObject({ kind: 'error', error: { code: -32601 } });
    await leg.close();
  });

  it('tells of its changes', async () => {
    const { url, handler } = await start();
    const { options, nextNotification } = bench(url);
    const leg = kept(await openHttpStateless(options));
    leg.setSubscriptions(['note://1']);
    const first = nextNotification();
    // What is published before the subscription stands is lost, as it should be.
    const again = setInterval(() => handler.notify.resourceUpdated('note://1'), 5);
    cleanups.push(() => clearInterval(again));
    expect(await first).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri: 'note://1' },
    });
    clearInterval(again);
    handler.notify.toolsChanged();
    let next = await nextNotification();
    while (next.method === 'notifications/resources/updated') next = await nextNotification();
    expect(next.method).toBe('notifications/tools/list_changed');
  });
});

type Transport = NodeStreamableHTTPServerTransport | StreamableHTTPServerTransport;

/** One server and transport a session, as the examples of the SDKs have it. */
async function sessions(
  begin: (keep: (id: string, transport: Transport) => void) => Promise<Transport>,
  forgotten: 404 | 400,
): Promise<{ url: URL; forget: () => void }> {
  const transports = new Map<string, Transport>();
  const url = await listen((request, response) => {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? transports.get(id) : undefined;
    if (id !== undefined && known === undefined) {
      const message = forgotten === 404 ? 'Session not found' : 'Bad Request: No valid session ID provided';
      response.writeHead(forgotten, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: null }));
      return;
    }
    const serve = async (): Promise<void> => {
      const transport = known ?? (await begin((session, made) => transports.set(session, made)));
      await transport.handleRequest(request, response);
    };
    serve().catch((error: unknown) => response.destroy(error as Error));
  });
  return { url, forget: () => transports.clear() };
}

describe('SDK v2, sessions', () => {
  it('asks the call for roots and tells of its changes', async () => {
    let server: McpServer | undefined;
    const { url } = await sessions(async (keep) => {
      server = server2();
      server.registerTool('rooted', {}, async (ctx) => {
        const { roots } = await ctx.mcpReq.send({ method: 'roots/list' });
        return { content: [{ type: 'text', text: JSON.stringify(roots) }] };
      });
      const transport: NodeStreamableHTTPServerTransport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (id) => keep(id, transport),
      });
      await server.connect(transport);
      return transport;
    }, 404);
    const { options, nextNotification } = bench(url);
    const leg = kept(await openHttpSession(options));
    const heard = listener();
    expect(textOf(await callTool(leg, 'rooted', {}, heard))).toBe('[{"uri":"file:///root"}]');
    expect(heard.asked.map(({ method }) => method)).toEqual(['roots/list']);
    const told = nextNotification();
    const again = setInterval(() => server?.sendToolListChanged(), 5);
    cleanups.push(() => clearInterval(again));
    expect((await told).method).toBe('notifications/tools/list_changed');
    clearInterval(again);
    await leg.close();
  });
});

/** Keeps all events and replays those after one. */
function eventStore(): EventStore {
  const events: Array<{ readonly stream: string; readonly message: object }> = [];
  return {
    storeEvent: async (stream, message) => String(events.push({ stream, message }) - 1),
    replayEventsAfter: async (last, { send }) => {
      const { stream } = events[Number(last)]!;
      for (const [index, event] of events.entries()) {
        const isEmpty = Object.keys(event.message).length === 0;
        if (index > Number(last) && event.stream === stream && !isEmpty)
          await send(String(index), event.message as never);
      }
      return stream;
    },
  };
}

describe('SDK v1', () => {
  const start = (forgotten: 404 | 400 = 404): Promise<{ url: URL; forget: () => void }> =>
    sessions(async (keep) => {
      const server = new McpServer1({ name: 'sdk1', version: '1' }, { capabilities: { tools: { listChanged: true } } });
      server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text }) => ({
        content: [{ type: 'text', text }],
      }));
      server.registerTool('leave', {}, async (extra) => {
        extra.closeSSEStream?.();
        return { content: [{ type: 'text', text: 'resumed' }] };
      });
      const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (id) => keep(id, transport),
        eventStore: eventStore(),
        retryInterval: 20,
      });
      await server.connect(transport);
      return transport;
    }, forgotten);

  it('is found to begin sessions alone, lists and calls', async () => {
    const { url } = await start();
    const { leg, eras } = await probeHttp(bench(url).options, 'stateless');
    kept(leg);
    expect([leg.era, eras, leg.revision]).toEqual(['session', ['session'], '2025-11-25']);
    const { tools } = await ask(leg, 'tools/list', undefined, { timeoutMs: 5000 });
    expect(tools).toHaveLength(2);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => callTool(leg, 'echo', { text: `n${index}` }, listener())),
    );
    expect(answers.map(textOf)).toEqual(Array.from({ length: 20 }, (_, index) => `n${index}`));
    await leg.close();
  });

  it('closes the stream of a call and answers on a resumed one', async () => {
    const { url } = await start();
    const leg = kept(await openHttpSession(bench(url).options));
    expect(textOf(await callTool(leg, 'leave', {}, listener()))).toBe('resumed');
  });

  it.each([404, 400] as const)('forgets the session, with %d, and the call does not notice', async (status) => {
    const { url, forget } = await start(status);
    const leg = kept(await openHttpSession(bench(url).options));
    forget();
    expect(textOf(await callTool(leg, 'echo', { text: 'again' }, listener()))).toBe('again');
  });
});
