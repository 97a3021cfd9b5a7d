/**
 * What people who come from other frameworks count on, each as one row: what may be registered, what the server says of itself
 * while it serves, where it stands behind a proxy, which options are refused, and what survives a process that is killed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createServer, mount, serve, SERVE_ERRORS } from '@sallyport/server';
import type { McpServer, ServeOptions, Serving } from '@sallyport/server';
import { apiKey, dev, google, jwt, mtls, oidc } from '@sallyport/server/auth';
import { connectInMemory } from '@sallyport/server/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { overHttp, overSse, overWebSocket } from '../matrix/carrier.ts';
import { openClient } from '../matrix/open-client.ts';
import { start } from '../support/process.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KEY = 'k3yOfAnn-0123456789abcdefghijklmnop';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function quiet(): McpServer {
  return createServer({ name: 'test', version: '1.0.0', log: () => {} });
}

async function site(server: McpServer, options: ServeOptions = {}): Promise<Serving & { readonly url: string }> {
  const serving = await serve(server, { http: true, log: false, ...options });
  ends.push(() => serving.destroy());
  return serving as Serving & { readonly url: string };
}

interface Added {
  remove(): void;
}
type Add = (server: McpServer, name: string, handler: unknown) => Added;

const KINDS: Readonly<Record<string, readonly [name: string, list: string, member: string, add: Add]>> = {
  tool: ['a', 'tools/list', 'tools', (server, name, handler) => server.addTool({ name }, handler as () => string)],
  prompt: [
    'a',
    'prompts/list',
    'prompts',
    (server, name, handler) => server.addPrompt({ name }, handler as () => string),
  ],
  resource: [
    'test://a',
    'resources/list',
    'resources',
    (server, uri, handler) => server.addResource({ uri, name: 'a' }, handler as () => string),
  ],
  template: [
    'test://a/{b}',
    'resources/templates/list',
    'resourceTemplates',
    (server, uriTemplate, handler) => server.addResourceTemplate({ uriTemplate, name: 'a' }, handler as () => string),
  ],
};

describe.each(Object.entries(KINDS))('a %s', (_kind, [name, list, member, add]) => {
  it('has a name of its own and a function, is in its list until it is removed, and can come again', async () => {
    const server = quiet();
    const handler = (): string => 'x';
    const refused: readonly [name: string, handler: unknown][] = [
      ['', handler],
      [name, undefined],
      [name, 'x'],
    ];
    for (const [given, work] of refused) expect(() => add(server, given, work)).toThrow(TypeError);
    const added = add(server, name, handler);
    expect(() => add(server, name, handler)).toThrow(/already/);
    const client = await connectInMemory(server);
    const shown = async (): Promise<number> => ((await client.request(list))[member] as unknown[]).length;
    expect(await shown()).toBe(1);
    added.remove();
    added.remove();
    expect(await shown()).toBe(0);
    add(server, name, handler);
    expect(await shown()).toBe(1);
  });
});

describe('log messages', () => {
  const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

  it.each(LEVELS)(
    'reach a client that wants %s from that level on, its own and those of the server',
    async (wanted) => {
      const server = quiet();
      server.addTool({ name: 'say' }, (_given, { log }) => {
        for (const level of LEVELS) log(level, level, 'part');
        return '';
      });
      const client = await connectInMemory(server);
      await client.request('logging/setLevel', { level: wanted });
      await client.callTool('say');
      for (const level of LEVELS) server.log(level, level, 'whole');
      const expected = LEVELS.slice(LEVELS.indexOf(wanted));
      await client.untilNotice('notifications/message', ({ logger }) => logger === 'whole');
      const heard = (part: string): unknown[] =>
        client.notices.filter(({ params }) => params['logger'] === part).map(({ params }) => params['level']);
      expect([heard('part'), heard('whole')]).toEqual([expected, expected]);
    },
  );

  it('and notices of changes need nobody who hears them', () => {
    const server = quiet();
    const added = server.addTool({ name: 'a' }, () => '');
    const tell = (title: string): void => {
      server.log('info', 'nobody');
      server.resourceUpdated('test://nobody');
      added.update({ title });
    };
    expect(() => tell('A')).not.toThrow();
    server.close();
    expect(() => tell('B')).not.toThrow();
  });
});

describe('a server on all transports', () => {
  it('says who is connected over which, and who has gone', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const serving = await site(quiet(), { websocket: true, sse: true, stdio: { input, output } });
    const { url } = serving;
    const clients = [];
    for (const carry of [overHttp(url), overWebSocket(url), overSse(url)]) {
      clients.push(await openClient(carry, '2025-06-18'));
    }
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'piped', version: '1' } };
    input.write(`${JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })}\n`);
    await new Promise((resolve) => output.once('data', resolve));
    const who = (): string[] => serving.connections().map(({ revision, transport }) => `${transport} ${revision}`);
    expect(who()).toEqual(['http 2025-06-18', 'ws 2025-06-18', 'sse 2025-06-18', 'stdio 2025-06-18']);
    expect(serving.connections().at(-1)).toMatchObject({ endpoint: 'stdio', client: { name: 'piped' } });
    expect(serving.stats()).toMatchObject({ ws: 1, sse: 1, stdio: 1, sessions: 1, limited: 0 });
    for (const client of clients) await client[Symbol.asyncDispose]();
    input.end();
    await expect.poll(who).toEqual([]);
    await expect.poll(() => serving.stats()).toMatchObject({ ws: 0, sse: 0, stdio: 0, sessions: 0 });
    // Others may come.
    expect((await fetch(new URL('/healthz', url))).status).toBe(200);
  });
});

describe('behind a proxy, under a path of its own,', () => {
  it('the client is the one that a trusted proxy names, for handlers, routes and limits', async () => {
    const server = quiet();
    server.addTool({ name: 'where' }, (_given, { address, endpoint }) => `${address} ${endpoint}`);
    const { url } = await site(server, {
      path: '/tools/mcp',
      trustProxy: ['127.0.0.1'],
      hosts: ['app.example'],
      publicUrl: 'https://app.example',
      auth: apiKey({ keys: [{ name: 'ann', key: KEY, roles: [] }] }),
      limits: { rate: { perAddress: '3/h' } },
      routes: [
        { path: '/me', auth: 'none', handle: (_asked, _answer, { address, json, secure }) => json([address, secure]) },
      ],
    });
    expect(new URL(url).pathname).toBe('/tools/mcp');
    const through = (client: string): Record<string, string> => ({
      'x-forwarded-for': client,
      'x-forwarded-proto': 'https',
      authorization: `Bearer ${KEY}`,
    });
    const me = async (client: string): Promise<unknown> => {
      const answer = await fetch(new URL('/me', url), { headers: through(client) });
      return answer.status === 200 ? await answer.json() : answer.status;
    };
    expect(await me('192.0.2.7')).toEqual(['192.0.2.7', true]);
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'where',
        arguments: {},
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    });
    const called = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        ...through('192.0.2.7'),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'where',
      },
    });
    expect(await called.text()).toContain('192.0.2.7 /tools/mcp');
    expect(await me('192.0.2.7')).toEqual(['192.0.2.7', true]);
    // Another client of the same proxy has its own requests, and what a client puts before counts for nothing.
    expect([await me('192.0.2.7'), await me('198.51.100.9, 192.0.2.7'), await me('192.0.2.8')]).toEqual([
      429,
      429,
      ['192.0.2.8', true],
    ]);
    expect((await fetch(new URL('/mcp', url), { method: 'POST' })).status).toBe(401);
  });
});

describe('a mistake of the author', () => {
  const FOREIGN = { http: { host: '0.0.0.0' }, plainBehindProxy: true } as const;
  const MISTAKES: Readonly<Record<keyof typeof SERVE_ERRORS, () => unknown>> = {
    nothing_to_serve: () => serve(quiet(), { log: false }),
    open_without_auth: () => site(quiet(), FOREIGN),
    open_without_tls: () => site(quiet(), { http: { host: '0.0.0.0' }, openToStrangers: true }),
    dev_in_production: () => dev({ env: { NODE_ENV: 'production' } }),
    dev_beyond_loopback: () => site(quiet(), { ...FOREIGN, auth: dev() }),
    mtls_without_ca: () => site(quiet(), { auth: mtls() }),
    mount_needs_public_url: () =>
      mount(quiet(), { log: false, auth: jwt({ issuer: 'https://id.example', jwks: 'https://id.example/keys' }) }),
    not_for_tokens: () => oidc({ provider: google() }),
    bad_option: () => site(quiet(), { auth: jwt({ issuer: 'https://id.example', jwks: { keys: [] } }) }),
  };

  it('is one of those that are known', () => {
    expect(Object.keys(MISTAKES)).toEqual(Object.keys(SERVE_ERRORS));
  });

  it.each(Object.entries(MISTAKES))('has a code: %s', async (code, make) => {
    await expect((async () => await make())()).rejects.toMatchObject({ name: 'ServeError', code });
  });
});

describe('sessions in a file', () => {
  const PROGRAM = `
    import { createServer, serve } from '@sallyport/server';
    import { apiKey } from '@sallyport/server/auth';
    import { openSqlite } from '@sallyport/server/sqlite';
    const [path, key] = process.argv.slice(-2);
    const server = createServer({ name: 'kept', version: '1.0.0' });
    server.addTool({ name: 'steps' }, async (_given, { progress }) => {
      progress(1, 2);
      progress(2, 2);
      await new Promise(() => {});
    });
    const { url } = await serve(server, {
      http: true,
      auth: apiKey({ keys: [{ name: 'ann', key, roles: [] }] }),
      sessions: { store: openSqlite({ path }).sessions },
    });
    console.log('at ' + url);`;

  it('and what their streams said outlive a process that is killed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-kept-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const run = async (): Promise<{ readonly url: string; readonly kill: () => Promise<unknown> }> => {
      const args = ['--no-warnings', '--input-type=module', '-e', PROGRAM, '--', join(folder, 'state.db'), KEY];
      const child = start(process.execPath, args, { cwd: ROOT });
      ends.push(() => child.stop(0));
      const [, url = ''] = await child.untilLine(/^at (\S+)/);
      return { url, kill: () => child.stop(0) };
    };
    const headers = {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    };
    const first = await run();
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
    const greeted = await fetch(first.url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }),
    });
    await greeted.text();
    const mine = {
      ...headers,
      'mcp-session-id': greeted.headers.get('mcp-session-id') ?? '',
      'mcp-protocol-version': '2025-11-25',
    };
    const called = await fetch(first.url, {
      method: 'POST',
      headers: mine,
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'steps', arguments: {}, _meta: { progressToken: 7 } },
      }),
    });
    let said = '';
    const reader = called.body?.pipeThrough(new TextDecoderStream()).getReader();
    while (!said.includes('"progress":2')) said += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    const ids = [...said.matchAll(/^id: (.+)$/gm)].map(([, id = '']) => id);
    await first.kill();
    const second = await run();
    const resume = { ...mine, accept: 'text/event-stream', 'last-event-id': ids.at(-2) ?? '' };
    const rest = await (await fetch(second.url, { headers: resume })).text();
    expect([rest.includes('"progress":2'), rest.includes('"progress":1')]).toEqual([true, false]);
    const ping = { method: 'POST', headers: mine, body: '{"jsonrpc":"2.0","id":2,"method":"ping"}' };
    expect((await fetch(second.url, ping)).status).toBe(200);
  });
});
