/** What a caller reads when something fails: stable words, and nothing about the machine (docs/PROTOCOL.md, "Errors"). */
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from './gateway.ts';
import type { Started } from './gateway.ts';
import { openSession, send, stateless } from './raw-client.ts';
import type { Message, RawClient } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';
import type { RawHttp } from './raw-http.ts';

const RAW_SERVER = new URL('raw-server.ts', import.meta.url).pathname;
const at: { servers: RawHttp[]; started?: Started } = { servers: [] };

/** What a server answers to a tool called `fail`, with its HTTP status. */
const FAILURES: Record<string, { status: number; error: object }> = {
  modern: { status: 404, error: { code: -32601, message: 'no such thing', data: { mine: [1] } } },
  params: { status: 400, error: { code: -32602, message: 'bad', data: 'text' } },
  login: { status: 401, error: { code: -32001, message: 'login' } },
  vendor: { status: 200, error: { code: 4711, message: 'vendor', data: null } },
};

const tools = [...Object.keys(FAILURES), 'odd'].map((name) => ({ name, inputSchema: {} }));
const resources = [{ uri: 'raw://a', name: 'a' }];

const failing =
  (era: 'session' | 'stateless') =>
  ({ id, method, params }: Message, wire: { send(text: string): void; response?: ServerResponse }): boolean => {
    if (method === 'resources/read') {
      const error =
        era === 'session'
          ? { code: -32002, message: 'gone' }
          : { code: -32602, message: 'gone', data: { uri: params?.['uri'] } };
      wire.send(JSON.stringify({ jsonrpc: '2.0', id, error }));
      return true;
    }
    const failure = method === 'tools/call' ? FAILURES[String(params?.['name'])] : undefined;
    if (failure === undefined) return false;
    const body = JSON.stringify({ jsonrpc: '2.0', id, error: failure.error });
    wire.response?.writeHead(failure.status, { 'content-type': 'application/json' }).end(body);
    return true;
  };

beforeAll(async () => {
  for (const era of ['session', 'stateless'] as const) {
    at.servers.push(await serveRaw({ era, tools, resources, prompts: [], before: failing(era) as never }));
  }
  const [session, modern] = at.servers;
  at.started = await startGateway({
    mcpServers: {
      s: { url: session?.url, era: 'session', headers: { authorization: 'Bearer own' } },
      m: { url: modern?.url, era: 'stateless', headers: { authorization: 'Bearer own' } },
      bare: { url: modern?.url, era: 'stateless' },
      down: { url: 'http://127.0.0.1:1/mcp' },
      missing: { command: '/no/such/program' },
      crash: { command: process.execPath, args: [RAW_SERVER] },
    },
  });
  await at.started.gateway.rooms.catalog.root.ready();
});

afterAll(async () => {
  await at.started?.[Symbol.asyncDispose]();
  for (const server of at.servers) await server[Symbol.asyncDispose]();
});

const url = (): string => (at.started as Started).url;
const clients: Record<'session' | 'stateless', () => Promise<RawClient>> = {
  session: () => openSession(url()),
  stateless: () => Promise.resolve(stateless(url())),
};

const OWN: readonly [
  string,
  string,
  Record<string, unknown>,
  [code: number, status: number],
  [code: number, status: number],
][] = [
  ['an unknown tool', 'tools/call', { name: 'nobody__x' }, [-32602, 200], [-32602, 200]],
  ['a tool without a name', 'tools/call', {}, [-32602, 200], [-32602, 200]],
  ['an unknown prompt', 'prompts/get', { name: 'nobody__x' }, [-32602, 200], [-32602, 200]],
  ['an unknown resource', 'resources/read', { uri: 'nobody://x' }, [-32002, 200], [-32602, 200]],
  ['a foreign cursor', 'tools/list', { cursor: 'AQID' }, [-32602, 200], [-32602, 200]],
  ['a cursor that is no text', 'tools/list', { cursor: 7 }, [-32602, 200], [-32602, 200]],
  ['an unknown method', 'vendor/x', {}, [-32601, 200], [-32601, 404]],
  ['a method of the other era', 'server/discover', {}, [-32601, 200], [0, 200]],
  ['a method of the other era', 'logging/setLevel', { level: 'info' }, [0, 200], [-32601, 404]],
  ['an unknown level', 'logging/setLevel', { level: 'loud' }, [-32602, 200], [-32601, 404]],
  ['a subscription to nothing', 'resources/subscribe', { uri: 'nobody://x' }, [-32002, 200], [-32601, 404]],
  ['a foreign task', 'tasks/get', { taskId: 'AQID' }, [-32602, 200], [-32602, 200]],
  ['a ref without a type', 'completion/complete', { ref: {}, argument: {} }, [-32602, 200], [-32602, 200]],
];

describe.each(['session', 'stateless'] as const)('the gateway, to a client of the %s era', (era) => {
  it.each(OWN)('about %s (%s)', async (_what, method, params, inSession, inStateless) => {
    const client = await clients[era]();
    const reply = await client.start(method, params);
    const { message } = await reply.last;
    const [code, status] = era === 'session' ? inSession : inStateless;
    expect({ code: message.error?.code ?? 0, status: reply.status }).toEqual({ code, status });
    const { code: word, uri } = message.error?.data ?? {};
    expect(word ?? 'none').toMatch(code === 0 ? /^none$/ : /^(?!none$)[a-z_]+$/);
    const namesUri = code === -32002 || (method === 'resources/read' && era === 'stateless');
    expect(uri).toBe(namesUri ? 'nobody://x' : undefined);
  });

  it('completes what is unknown with no values', async () => {
    const client = await clients[era]();
    for (const ref of [
      { type: 'ref/prompt', name: 'nobody' },
      { type: 'ref/resource', uri: 'nobody://{x}' },
    ]) {
      const { result } = await client.call('completion/complete', { ref, argument: { name: 'x', value: '' } });
      expect(result).toMatchObject({ completion: { values: [], hasMore: false } });
      expect(result?.['resultType']).toBe(era === 'session' ? undefined : 'complete');
    }
  });
});

describe('a server’s own error', () => {
  it.each([
    ['session', 's__vendor', 4711, 200],
    ['stateless', 'm__vendor', 4711, 200],
    ['stateless', 'm__modern', -32601, 404],
    ['stateless', 's__modern', -32601, 404],
    ['session', 's__modern', -32601, 200],
    ['session', 'm__modern', -32601, 200],
    ['stateless', 'm__params', -32602, 400],
    ['session', 'm__params', -32602, 200],
    // A status of 401 would send the client to a login that is not its own.
    ['stateless', 'm__login', -32001, 200],
    ['session', 's__login', -32001, 200],
  ] as const)('to a client of the %s era, from %s', async (era, name, code, status) => {
    const client = await clients[era]();
    const reply = await client.start('tools/call', { name, arguments: {} });
    const { error } = (await reply.last).message;
    const original = FAILURES[name.slice(3)]?.error;
    expect({ status: reply.status, error }).toEqual({ status, error: { ...original, code } });
  });

  it('that refuses a gateway without a credential, where nobody can log in, is told as the gateway’s', async () => {
    for (const era of ['session', 'stateless'] as const) {
      const reply = await (await clients[era]()).start('tools/call', { name: 'bare__login', arguments: {} });
      const { error } = (await reply.last).message;
      expect([reply.status, error?.code]).toEqual([200, -31001]);
      expect(error?.message).toContain('"bare"');
    }
  });

  it.each([
    ['session', 's', -32002],
    ['session', 'm', -32002],
    ['stateless', 's', -32602],
    ['stateless', 'm', -32602],
  ] as const)('about a resource that is gone, to a client of the %s era from %s', async (era, server, code) => {
    await using started = await startGateway({
      mcpServers: {
        up: { url: at.servers[server === 's' ? 0 : 1]?.url, era: server === 's' ? 'session' : 'stateless' },
      },
    });
    const client: RawClient = era === 'session' ? await openSession(started.url) : stateless(started.url);
    const { error } = await client.call('resources/read', { uri: 'raw://a' });
    expect(error?.code).toBe(code);
    expect(error?.data?.['uri']).toBe(era === 'stateless' || server === 'm' ? 'raw://a' : undefined);
  });
});

describe('P2-13 no error tells of the machine', () => {
  const paths: readonly [string, Record<string, unknown>][] = [
    ...OWN.map(([, method, params]): [string, Record<string, unknown>] => [method, params]),
    ['tools/call', { name: 'crash__crash' }],
    ['tools/call', { name: 'crash__garbage' }],
    ['tools/call', { name: 'crash__unknown' }],
    ['tools/call', { name: { toString: 1 } }],
    ['prompts/get', { name: '../../etc/passwd' }],
    ['resources/read', { uri: 'file:///etc/passwd' }],
    ['resources/read', { uri: '' }],
    ['tasks/list', { cursor: 'x' }],
    ['completion/complete', {}],
  ];

  it(`on ${paths.length} paths, and the log has each under its id`, { timeout: 60_000 }, async () => {
    await using started = await startGateway({
      mcpServers: {
        down: { url: 'http://127.0.0.1:1/mcp', timeout: { connect: '1s' } },
        missing: { command: '/no/such/program' },
        crash: { command: process.execPath, args: [RAW_SERVER], timeout: { call: '1s' } },
      },
    });
    const session = await openSession(started.url);
    for (const [method, params] of paths) {
      const { error, result } = await session.call(method, params);
      if (result !== undefined) continue;
      const text = JSON.stringify(error);
      expect(text).not.toMatch(
        /\bat .+:\d+|\/work\/|\/no\/such|node_modules|127\.0\.0\.1|ECONN|ENOENT|TypeError|raw-server|SELECT/,
      );
      const { id } = (error?.data ?? {}) as { id?: string };
      expect(started.log.items.some(({ detail }) => detail['id'] === id)).toBe(true);
    }
    const list = await session.call('tools/list');
    expect(JSON.stringify(list)).not.toMatch(/ECONN|ENOENT|127\.0\.0\.1|\/no\/such/);
  });

  it('when the body is none', async () => {
    const reply = await send(url(), '{"jsonrpc":', { 'mcp-protocol-version': '2025-11-25' });
    expect((await reply.last).message).toMatchObject({ error: { code: -32700 } });
  });
});
