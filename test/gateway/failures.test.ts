/** Servers that are down, slow or wrong: a bounded error to the one who called, and nothing to anybody else. */
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../support/port.ts';
import { startGateway, temporaryFolder } from './gateway.ts';
import type { Started } from './gateway.ts';
import { openSession, stateless, textOf } from './raw-client.ts';
import type { Arrived, Message } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';
import type { RawHttp } from './raw-http.ts';

const RAW_SERVER = new URL('raw-server.ts', import.meta.url).pathname;
const MiB = 1024 * 1024;
/** Where something hangs. */
const timeout = { connect: '300ms', call: '300ms', max: '600ms' };
/** Where it is something else that ends a call, however busy the machine is. */
const patience = { connect: '20s', call: '20s', max: '20s' };

async function call(started: Started, name: string, args: Record<string, unknown> = {}): Promise<Message> {
  return await stateless(started.url).call('tools/call', { name, arguments: args });
}

const names = ({ result }: Message): string[] =>
  ((result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name);
const missing = ({ result }: Message): unknown =>
  ((result?.['_meta'] ?? {}) as Record<string, unknown>)['sallyport/missing'];

/** A TCP server that treats every connection alike. */
async function tcp(onConnection: (socket: Socket) => void): Promise<{ readonly url: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a server that cannot be spoken to is missing from the lists, and the others are not', () => {
  const HTTP_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"json';
  const cases: readonly [string, (socket: Socket) => void][] = [
    ['says nothing after connecting', () => undefined],
    ['hangs in the middle of a body', (socket) => void socket.once('data', () => socket.write(HTTP_HEAD))],
    ['resets the connection', (socket) => void socket.once('data', () => socket.resetAndDestroy())],
    [
      'answers 500 to all',
      (socket) => void socket.on('data', () => socket.write('HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n')),
    ],
    ['speaks no HTTP', (socket) => void socket.once('data', () => socket.end('220 smtp.example ESMTP\r\n'))],
    [
      'speaks no JSON',
      (socket) =>
        void socket.on('data', () =>
          socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>'),
        ),
    ],
  ];

  it.each(cases)('one that %s', async (_how, onConnection) => {
    await using bad = await tcp(onConnection);
    await using good = await serveRaw({ era: 'stateless', tools: [{ name: 'fine', inputSchema: {} }] });
    await using started = await startGateway({
      mcpServers: { bad: { url: bad.url, timeout, tools: {} }, good: { url: good.url } },
      limits: { listDeadline: '150ms' },
    });
    const client = stateless(started.url);
    // On a busy machine the good one too may take longer than a list may.
    await expect.poll(async () => names(await client.call('tools/list')), { timeout: 15_000 }).toEqual(['good__fine']);
    const list = await client.call('tools/list');
    expect(missing(list)).toEqual([{ server: 'bad', reason: expect.stringMatching(/^It /) as string }]);
    expect(JSON.stringify(list)).not.toMatch(/127\.0\.0\.1|ECONN|http/);
  });

  it('one that refuses, until it is there: then the lists have it and clients are told', async () => {
    const port = await freePort();
    await using started = await startGateway({ mcpServers: { late: { url: `http://127.0.0.1:${port}/mcp` } } });
    const session = await openSession(started.url);
    const stream = await session.listen();
    expect(names(await session.call('tools/list'))).toEqual([]);
    await using _ = await serveRaw({ era: 'session', tools: [{ name: 'x', inputSchema: {} }] }, undefined, port);
    await expect.poll(async () => names(await session.call('tools/list')), { timeout: 15_000 }).toEqual(['late__x']);
    const changed = ({ message }: Arrived): boolean => message.method === 'notifications/tools/list_changed';
    await stream.messages.until(changed, 'list_changed');
    stream.abort();
  });

  it('one whose prompts hang gives its tools all the same', async () => {
    await using bad = await serveRaw({
      era: 'stateless',
      tools: [{ name: 'fine', inputSchema: {} }],
      prompts: [],
      before: ({ method }) => method === 'prompts/list',
    });
    await using started = await startGateway({
      mcpServers: { up: { url: bad.url } },
      limits: { listDeadline: '100ms' },
    });
    const client = stateless(started.url);
    await expect.poll(async () => names(await client.call('tools/list')), { timeout: 15_000 }).toEqual(['up__fine']);
    const prompts = await client.call('prompts/list');
    expect(prompts.result?.['prompts']).toEqual([]);
    expect(missing(prompts)).toEqual([{ server: 'up', reason: 'It has not given its list of prompts.' }]);
  });
});

/** A server that is fine until a tool is called. */
async function broken(onCall: (response: ServerResponse, id: unknown) => void): Promise<RawHttp> {
  return await serveRaw({
    era: 'stateless',
    before: (message, wire) => {
      const { name } = message.params ?? {};
      if (message.method !== 'tools/call' || name !== 'raw' || wire.response === undefined) return false;
      onCall(wire.response, message.id);
      return true;
    },
  });
}

const head = (id: unknown): string =>
  `{"jsonrpc":"2.0","id":${String(id)},"result":{"resultType":"complete","content":[],"x":"`;
const CHUNK = 'x'.repeat(MiB);

/** 17 MiB, as long as somebody takes them. */
function flood(response: ServerResponse, before: string, after: string): void {
  response.write(before);
  for (let n = 0; n < 17; n++) response.write(CHUNK);
  response.end(after);
}

describe('a call of a server that is up', () => {
  const cases: readonly [string, (response: ServerResponse, id: unknown) => void, { code: number; data?: object }][] = [
    ['resets', (response) => response.destroy(), { code: -31001, data: { reason: 'down' } }],
    ['hangs', () => undefined, { code: -31002 }],
    [
      'hangs after its head',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders(),
      { code: -31002 },
    ],
    [
      'hangs in its stream',
      (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n'),
      { code: -31002 },
    ],
    ['answers 500', (response) => response.writeHead(500).end(), { code: -31001, data: { reason: 'down' } }],
    [
      'answers 401',
      (response) => response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_token"}'),
      { code: -31001, data: { reason: 'down' } },
    ],
    [
      'answers another id',
      (response) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end('{"jsonrpc":"2.0","id":999999,"result":{}}'),
      { code: -31001, data: { reason: 'protocol' } },
    ],
    [
      'answers garbage',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id'),
      { code: -31001, data: { reason: 'protocol' } },
    ],
    [
      'ends its stream',
      (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': bye\n\n'),
      { code: -31001 },
    ],
    [
      'answers 17 MiB with a length',
      (response, id) => {
        const [before, after] = [head(id), '"}}'];
        response.writeHead(200, {
          'content-type': 'application/json',
          'content-length': before.length + 17 * MiB + after.length,
        });
        flood(response, before, after);
      },
      { code: -31001, data: { reason: 'too_large' } },
    ],
    [
      'answers 17 MiB in chunks',
      (response, id) => flood(response.writeHead(200, { 'content-type': 'application/json' }), head(id), '"}}'),
      { code: -31001, data: { reason: 'too_large' } },
    ],
    [
      'answers 17 MiB as an event',
      (response, id) =>
        flood(response.writeHead(200, { 'content-type': 'text/event-stream' }), `data: ${head(id)}`, '"}}\n\n'),
      { code: -31001, data: { reason: 'too_large' } },
    ],
    [
      'never ends an event',
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const more = (): void => {
          while (!response.destroyed && response.write(`data: ${CHUNK}\n`));
          if (!response.destroyed) response.once('drain', more);
        };
        more();
      },
      { code: -31001, data: { reason: 'too_large' } },
    ],
  ];

  it.each(cases)('REL-04 that %s fails with a bounded error, and the next one works', async (_how, onCall, error) => {
    await using server = await broken(onCall);
    const time = error.code === -31002 ? timeout : patience;
    await using started = await startGateway({ mcpServers: { up: { url: server.url, timeout: time } } });
    expect(await call(started, 'up__raw')).toMatchObject({ error });
    expect(textOf(await call(started, 'up__number', { n: 7 }))).toBe('7');
    expect(started.gateway.rooms.upstreams.legs('up').map((leg) => leg.inFlight)).toEqual([0]);
  });

  it('DOS-07 that reports progress without end is cut at the longest time allowed', async () => {
    await using server = await serveRaw({ era: 'session' });
    await using started = await startGateway({ mcpServers: { up: { url: server.url, timeout } } });
    const session = await openSession(started.url);
    const endless = { name: 'up__progress', arguments: { steps: 1000, ms: 20 } };
    const reply = await session.start('tools/call', endless, { meta: { progressToken: 'p' } });
    expect((await reply.last).message).toMatchObject({ error: { code: -31002 } });
    expect(reply.messages.items.length).toBeGreaterThan(300 / 50);
    await expect.poll(() => server.server.of('notifications/cancelled')).toHaveLength(1);
  });

  it('P1-14 P3-10 over stdio that answers 17 MiB fails with too_large, and the next one works', async () => {
    await using started = await startGateway({ mcpServers: { up: { command: process.execPath, args: [RAW_SERVER] } } });
    const error = { code: -31001, data: { reason: 'too_large', server: 'up' } };
    expect(await call(started, 'up__big', { bytes: 17 * MiB })).toMatchObject({ error });
    expect(textOf(await call(started, 'up__number', { n: 7 }))).toBe('7');
  });

  it('over stdio that writes noise first is answered, and the noise is counted', async () => {
    await using started = await startGateway({ mcpServers: { up: { command: process.execPath, args: [RAW_SERVER] } } });
    const lines = ['banner', '', '\u001b[31mred', '{"jsonrpc":"2.0",', '{}{}', '\ufeffbom'].join('\n');
    void call(started, 'up__garbage', { text: lines }).catch(() => undefined);
    expect(textOf(await call(started, 'up__number', { n: 7 }))).toBe('7');
    await expect.poll(() => started.gateway.rooms.upstreams.status('up').noiseLines).toBeGreaterThanOrEqual(4);
  });
});

describe('a server that crashes', () => {
  it('in a call: that call fails, and the next one finds it started again', async () => {
    await using started = await startGateway({ mcpServers: { up: { command: process.execPath, args: [RAW_SERVER] } } });
    expect(await call(started, 'up__crash')).toMatchObject({ error: { code: -31001, data: { reason: 'down' } } });
    await expect.poll(async () => textOf(await call(started, 'up__number', { n: 7 })), { timeout: 10_000 }).toBe('7');
  });

  it(
    'SBX-11 at every start is left alone after five times, and the others do not notice',
    { timeout: 30_000 },
    async () => {
      await using folder = await temporaryFolder();
      const starts = join(folder.path, 'starts');
      const script = `require('node:fs').appendFileSync(${JSON.stringify(starts)}, 'x'); console.error('SECRET-CANARY'); process.exit(1)`;
      await using good = await serveRaw({ era: 'stateless', tools: [{ name: 'fine', inputSchema: {} }] });
      await using started = await startGateway({
        mcpServers: { bad: { command: process.execPath, args: ['-e', script] }, good: { url: good.url } },
      });
      const client = stateless(started.url);
      const isBroken = async (): Promise<boolean> => {
        const list = await client.call('tools/list');
        expect(names(list)).toEqual(['good__fine']);
        expect(JSON.stringify(list)).not.toContain('CANARY');
        return started.gateway.rooms.upstreams.status('bad').retryInMs > 20_000;
      };
      await expect.poll(isBroken, { timeout: 25_000, interval: 200 }).toBe(true);
      const { readFile } = await import('node:fs/promises');
      const count = (await readFile(starts, 'utf8')).length;
      for (let n = 0; n < 10; n++) await isBroken();
      expect((await readFile(starts, 'utf8')).length).toBe(count);
      // Five tries, and one more while the era is probed.
      expect(count).toBeLessThanOrEqual(8);
    },
  );
});

describe('the last known catalogue', () => {
  it('is served by the next process before the server is up, unless it belongs to something else', async () => {
    await using folder = await temporaryFolder();
    const options = { stateDirectory: folder.path };
    const port = await freePort();
    const configuration = (url: string): Record<string, unknown> => ({
      mcpServers: { up: { url, timeout } },
      store: 'sqlite',
      limits: { listDeadline: '100ms' },
    });
    const url = `http://127.0.0.1:${port}/mcp`;
    {
      await using _ = await serveRaw({ era: 'stateless', tools: [{ name: 'x', inputSchema: {} }] }, undefined, port);
      await using started = await startGateway(configuration(url), options);
      const client = stateless(started.url);
      await expect.poll(async () => names(await client.call('tools/list')), { timeout: 15_000 }).toEqual(['up__x']);
      await expect.poll(() => started.gateway.rooms.catalog.snapshot('up')?.unread).toEqual([]);
    }
    {
      await using started = await startGateway(configuration(url), options);
      const list = await stateless(started.url).call('tools/list');
      expect(names(list)).toEqual(['up__x']);
      expect(missing(list)).toBeUndefined();
      expect(await call(started, 'up__x')).toMatchObject({ error: { code: -31001, data: { reason: 'down' } } });
    }
    await using started = await startGateway(configuration(`${url}/other`), options);
    expect(names(await stateless(started.url).call('tools/list'))).toEqual([]);
  });
});
