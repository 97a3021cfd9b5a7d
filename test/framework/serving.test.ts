/**
 * `serve` and `mount` as an author has them: the packages as they are built, official clients, other people's frameworks, and a
 * process of its own over stdio. What needs none of these is tested beside the sources.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { serve as serveHono } from '@hono/node-server';
import { createServer, mount, ServeError, type McpServer, type Mounted, type MountOptions } from '@sallyport/server';
import { apiKey } from '@sallyport/server/auth';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { openSdk1, openSdk2 } from '../support/clients.ts';

const repository = new URL('../../', import.meta.url);
const KEY = 'Zq3v9Lk2Xw8Rt5Yp1Nb7Mc4Jd6Hf0Gs-';
const HEADERS = { authorization: `Bearer ${KEY}` };

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function notes(): McpServer {
  const server = createServer({ name: 'notes', version: '1.0.0', log: () => {} });
  server.addTool(
    { name: 'whoami', description: 'Who calls.', inputSchema: { type: 'object' } },
    (_given, { user }) => user.id,
  );
  server.addTool(
    { name: 'count', description: 'Counts.', inputSchema: { type: 'object' } },
    async (_given, context) => {
      for (const step of [1, 2, 3]) context.progress(step, 3);
      return 'counted';
    },
  );
  return server;
}

async function mounted(options: MountOptions = {}): Promise<Mounted> {
  const auth = apiKey({ keys: [{ name: 'ann', key: KEY, roles: [] }] });
  const made = await mount(notes(), { auth, log: false, websocket: true, health: '/healthz', ...options });
  ends.push(() => made.destroy());
  return made;
}

type Listen = (made: Mounted) => Promise<number>;

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port;
}

function listen(server: ReturnType<typeof createHttpServer>): Promise<number> {
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(portOf(server))));
}

const hosts: Readonly<Record<string, Listen>> = {
  'node:http': (made) => {
    const server = createHttpServer((request, response) => made.node(request, response));
    server.on('upgrade', (request, socket, head) => {
      if (!made.upgrade(request, socket, head)) socket.destroy();
    });
    return listen(server);
  },
  Express: (made) => {
    const app = express();
    app.use((request, response, next) => made.express(request, response, next));
    app.use(express.json());
    app.get('/theirs', (_request, response) => void response.send('theirs'));
    return listen(createHttpServer(app));
  },
  Fastify: async (made) => {
    const app = Fastify();
    made.fastify(app);
    app.get('/theirs', () => 'theirs');
    ends.push(() => app.close());
    await app.listen({ host: '127.0.0.1', port: 0 });
    return portOf(app.server);
  },
  'Hono on Node': async (made) => {
    const app = new Hono();
    app.use(async (context, next) => await made.hono(context, next));
    app.get('/theirs', (context) => context.text('theirs'));
    const { promise, resolve } = Promise.withResolvers<number>();
    const server = serveHono({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => resolve(port));
    ends.push(() => new Promise((done) => server.close(done)));
    return await promise;
  },
  'a fetch handler': async (made) => {
    const app = new Hono();
    // Without Node's objects there is nothing but the request.
    app.use(async ({ req }, next) => await made.hono({ req, env: {} }, next));
    app.get('/theirs', (context) => context.text('theirs'));
    const { promise, resolve } = Promise.withResolvers<number>();
    const server = serveHono({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => resolve(port));
    ends.push(() => new Promise((done) => server.close(done)));
    return await promise;
  },
};

describe.each(Object.entries(hosts))('mounted into %s', (name, open) => {
  it('serves official clients of both eras, with the checks of a listener of its own', async () => {
    const port = await open(await mounted());
    const url = `http://127.0.0.1:${port}/mcp`;
    await using one = await openSdk1(url, { headers: HEADERS });
    expect(await one.client.callTool({ name: 'whoami', arguments: {} })).toMatchObject({ content: [{ text: 'ann' }] });
    await using two = await openSdk2(url, { headers: HEADERS, era: 'stateless' });
    const steps: number[] = [];
    const onprogress = ({ progress }: { readonly progress: number }): number => steps.push(progress);
    const counted = await two.client.callTool({ name: 'count', arguments: {} }, { onprogress });
    expect(counted).toMatchObject({ content: [{ text: 'counted' }] });
    expect(steps).toEqual([1, 2, 3]);

    const post = (headers: Record<string, string>): Promise<Response> =>
      fetch(url, { method: 'POST', headers, body: '{}' });
    const stranger = await post({ 'content-type': 'application/json' });
    expect([stranger.status, stranger.headers.get('x-frame-options')]).toEqual([401, 'DENY']);
    expect((await post({ ...HEADERS, origin: 'https://evil.example' })).status).toBe(403);
    expect((await post({ ...HEADERS, 'content-type': 'text/plain' })).status).toBe(415);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    const theirs = await fetch(`http://127.0.0.1:${port}/theirs`);
    expect(theirs.status).toBe(name === 'node:http' ? 404 : 200);
  });
});

describe('mounted', () => {
  it('takes WebSockets from the server around it', async () => {
    const port = await (hosts['node:http'] as Listen)(await mounted());
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mcp`, 'mcp', { headers: HEADERS });
    ends.push(() => socket.terminate());
    socket.once('open', () => socket.send('{"jsonrpc":"2.0","id":1,"method":"ping"}'));
    expect(
      await new Promise((resolve) => socket.once('message', (data: Buffer) => resolve(data.toString()))),
    ).toContain('"result"');
    const refused = new WebSocket(`ws://127.0.0.1:${port}/mcp`, 'mcp');
    refused.on('error', () => {});
    const status = await new Promise((resolve) =>
      refused.once('unexpected-response', (_request, { statusCode }) => resolve(statusCode)),
    );
    expect(status).toBe(401);
  });

  it('lets in nobody without a credential, unless it is said where the app listens', async () => {
    await expect(mount(notes(), { log: false })).rejects.toThrow(ServeError);
    const made = await mount(notes(), { log: false, loopback: true });
    ends.push(() => made.destroy());
    const body =
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}';
    const request = (host: string, headers = {}): Request =>
      new Request(`http://${host}/mcp`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      });
    expect((await made.fetch(request('localhost'), { address: '127.0.0.1' })).status).toBe(200);
    expect((await made.fetch(request('localhost'), { address: '203.0.113.9' })).status).toBe(401);
    expect((await made.fetch(request('localhost'))).status).toBe(401);
    expect(
      (await made.fetch(request('localhost', { 'x-forwarded-for': '1.2.3.4' }), { address: '127.0.0.1' })).status,
    ).toBe(401);
    expect((await made.fetch(request('evil.example'), { address: '127.0.0.1' })).status).toBe(403);
  });

  it('says what is the matter when a body was read before it', async () => {
    const made = await mounted();
    const app = express();
    app.use(express.json());
    app.use((request, response, next) => made.express(request, response, next));
    const failures: Error[] = [];
    app.use((error: Error, _request: unknown, response: express.Response, _next: unknown) => {
      failures.push(error);
      response.status(500).end();
    });
    const port = await listen(createHttpServer(app));
    const answer = await fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      headers: { ...HEADERS, 'content-type': 'application/json' },
      body: '{}',
    });
    expect([answer.status, failures[0]?.message.includes('before what parses bodies')]).toEqual([500, true]);
  });
});

describe('over stdio', () => {
  it('S2-30 an author who prints cannot break the stream, and the process ends when its client leaves', async () => {
    const program = `
      import { createServer, serve } from '@sallyport/server';
      const server = createServer({ name: 'loud', version: '1.0.0' });
      server.addTool({ name: 'shout', description: 'Prints.', inputSchema: { type: 'object' } }, () => {
        console.log('not a message'); console.info('nor this'); console.dir({ nor: 'this' });
        process.stdout.write('{"jsonrpc":"2.0","id":1,"result":"forged"}\\n');
        process.stdout.cork();
        process.stdout.end('the last word');
        return 'shouted';
      });
      await serve(server, { stdio: true });
      console.log('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fileURLToPath(repository),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const texts = { out: '', error: '' };
    child.stdout.on('data', (chunk: Buffer) => (texts.out += String(chunk)));
    child.stderr.on('data', (chunk: Buffer) => (texts.error += String(chunk)));
    const ended = new Promise((resolve) => child.once('close', resolve));
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    child.stdin.end(
      `${JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'shout', arguments: {}, _meta } })}\n`,
    );
    expect(await ended).toBe(0);
    expect(texts.out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(texts.out)).toMatchObject({ id: 7, result: { content: [{ text: 'shouted' }] } });
    for (const each of ['not a message', 'nor this', "nor: 'this'", 'forged', 'the last word', 'ready'])
      expect(texts.error).toContain(each);
    expect(texts.error.match(/on which MCP is spoken/g)).toHaveLength(1);
  });
});

describe('what is promised of the house', () => {
  const text = (path: string): Promise<string> => readFile(new URL(path, repository), 'utf8');

  it('S2-01 S2-35 it says which versions are kept safe, where to report, and by when there is an answer', async () => {
    const policy = await text('SECURITY.md');
    for (const each of ['Supported versions', '48 hours', 'private vulnerability reporting', 'advisory'])
      expect(policy).toContain(each);
  });

  it('S2-26 few dependencies are shipped, and watched', async () => {
    const { dependencies } = JSON.parse(await text('packages/server/package.json')) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(dependencies).filter((name) => !name.startsWith('@sallyport/')).length).toBeLessThanOrEqual(6);
    expect(await text('.github/dependabot.yml')).toContain('npm');
    expect(await text('.ci/run')).toContain('npm run audit');
  });

  it('S2-29 its image runs as nobody', async () => {
    expect(await text('Dockerfile')).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  });
});
