/** What a served server promises over HTTP without being asked to; the numbers are those of the policy's rows. */

import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createServer, type McpServer } from '../framework/server.ts';
import { fakeClock } from '../kit/clock.ts';
import { openCertificates, type Certificates } from '../testing/certificates.ts';
import { RawClient } from '../testing/raw-client.ts';
import { ServeError, type ServeErrorCode } from './errors.ts';
import type { ServeOptions } from './options.ts';
import type { LimitReached } from './rates.ts';
import { serve, type Serving } from './serve.ts';
import { ask, call, INITIALIZE, keptLog, stateless } from './testing/ask.ts';

const open: Serving[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.destroy()));
});

let folder: Certificates | undefined;
afterAll(() => folder?.remove());
function certificates(): { readonly key: string; readonly cert: string; readonly ca: string } {
  folder ??= openCertificates();
  const authority = folder.authority(`ca-${Math.floor(performance.now() * 1000)}`);
  const pair = authority.issue({ subjectAltName: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth' });
  return { ...pair, ca: authority.cert };
}

function echo(log = keptLog().log): McpServer {
  const server = createServer({ name: 'echo', version: '1.0.0', log });
  const inputSchema = {
    type: 'object',
    properties: { text: { type: 'string' } },
    required: ['text'],
    additionalProperties: false,
  };
  server.addTool(
    { name: 'echo', description: 'Says it again.', inputSchema },
    (given) => (given as { readonly text: string }).text,
  );
  server.addTool({ name: 'fails', description: 'Fails.', inputSchema: { type: 'object' } }, () => {
    throw new Error('secret /etc/db password=hunter2hunter2');
  });
  return server;
}

async function site(options: ServeOptions = {}, server = echo()): Promise<Serving & { readonly url: string }> {
  const serving = await serve(server, { http: true, log: false, ...options });
  open.push(serving);
  return serving as Serving & { readonly url: string };
}

async function codeOf(promise: Promise<unknown>): Promise<ServeErrorCode | undefined> {
  const found = await promise.catch((error: unknown) => error);
  return found instanceof ServeError ? found.code : undefined;
}

/** How a WebSocket ended up. */
function socketOutcome(url: string, options: WebSocket.ClientOptions = {}): Promise<string> {
  const socket = new WebSocket(url, 'mcp', options);
  return new Promise((resolve) => {
    socket.once('open', () => {
      resolve('open');
      socket.terminate();
    });
    socket.once('unexpected-response', (_request, { statusCode }) => {
      resolve(String(statusCode));
      socket.terminate();
    });
    socket.on('error', () => {});
  });
}

describe('a server of which nothing was said', () => {
  it('listens on loopback, and answers to its own names alone', async () => {
    const { port, url } = await site();
    expect(url).toBe(`http://127.0.0.1:${port}/mcp`);
    const forged = await ask(url, { ...call('echo', { text: 'x' }), headers: { host: 'evil.example' } });
    expect(forged.status).toBe(403);
    expect((await ask(url, call('echo', { text: 'x' }))).text).toContain('"text":"x"');
  });

  it.each(['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'])(
    'knows nobody who came through a proxy: %s',
    async (name) => {
      const { url } = await site();
      expect((await ask(url, call('echo', { text: 'x' }, { [name]: 'for=192.0.2.1' }))).status).toBe(401);
    },
  );

  it('needs a transport', async () => {
    expect(await codeOf(serve(echo(), { log: false }))).toBe('nothing_to_serve');
  });

  it.each<[ServeErrorCode, ServeOptions]>([
    ['open_without_auth', { http: { host: '0.0.0.0' }, plainBehindProxy: true }],
    ['open_without_tls', { http: { host: '0.0.0.0' }, openToStrangers: true }],
    ['bad_option', { origins: ['*'] }],
    ['bad_option', { headers: { vary: false } }],
    ['bad_option', { headers: { 'x-a': 'b\r\nc: d' } }],
    ['bad_option', { limits: { rate: { perTool: '0/m' } } }],
    ['bad_option', { path: '/a b' }],
    ['bad_option', { routes: [{ path: '/x', auth: 'required', requireRole: [], handle: () => {} }] }],
    ['bad_option', { routes: [{ path: '/x', auth: 'none', requireRole: 'admin', handle: () => {} }] }],
    ['bad_option', { publicUrl: 'ftp://a' }],
  ])('is refused with %s', async (code, options) => {
    expect(await codeOf(serve(echo(), { http: true, log: false, ...options }))).toBe(code);
  });

  it('is open to strangers where that is said by name', async () => {
    const { port } = await site({ http: { host: '0.0.0.0' }, openToStrangers: true, plainBehindProxy: true });
    const { json } = await ask(`http://127.0.0.1:${port}/mcp`, call('echo', { text: 'x' }));
    expect(json).toMatchObject({ result: { content: [{ text: 'x' }] } });
  });
});

describe('transport', () => {
  it('S2-10 speaks HTTPS, sends plain requests there, and takes another certificate while it runs', async () => {
    const [first, second] = [certificates(), certificates()];
    const at = mkdtempSync(join(tmpdir(), 'sallyport-serving-'));
    onTestFinished(() => rmSync(at, { recursive: true }));
    const [key, cert] = [join(at, 'key.pem'), join(at, 'cert.pem')];
    const write = (pair: { readonly key: string; readonly cert: string }): void => {
      writeFileSync(key, pair.key, { mode: 0o600 });
      writeFileSync(cert, pair.cert);
    };
    write(first);
    const serving = await site({ https: { key, cert, reloadMs: 0 } });
    const { port } = serving;
    expect(serving.url).toBe(`https://127.0.0.1:${port}/mcp`);
    const url = `https://localhost:${port}/mcp`;
    const plain = await ask(url.replace('https', 'http'));
    expect([plain.status, plain.headers.location]).toEqual([308, url]);
    const answer = await ask(url, { ...call('echo', { text: 'x' }), ca: first.ca });
    expect(answer.headers['strict-transport-security']).toContain('max-age=');
    await expect(ask(url, { ca: first.ca, maxVersion: 'TLSv1.2' })).rejects.toThrow('protocol version');
    writeFileSync(key, 'no key');
    expect(() => serving.reloadTls()).toThrow('private key');
    write(second);
    serving.reloadTls();
    await expect(ask(url, { ca: first.ca })).rejects.toThrow('certificate');
    expect((await ask(url, { ...call('echo', { text: 'x' }), ca: second.ca })).status).toBe(200);
  });

  it('S2-10 looks at its files by itself, and keeps what it has when they are no good', async () => {
    const [first, second] = [certificates(), certificates()];
    const at = mkdtempSync(join(tmpdir(), 'sallyport-serving-'));
    onTestFinished(() => rmSync(at, { recursive: true }));
    const [key, cert] = [join(at, 'key.pem'), join(at, 'cert.pem')];
    writeFileSync(key, first.key);
    writeFileSync(cert, first.cert);
    const read = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<void>();
    await site({
      https: { key, cert, reloadMs: 5 },
      log: (level, text) => {
        if (text.includes('were read again')) read.resolve();
        if (level === 'error') failed.resolve();
      },
    });
    writeFileSync(key, 'no key');
    utimesSync(key, 1, 1);
    await failed.promise;
    writeFileSync(cert, second.cert);
    writeFileSync(key, second.key);
    await expect(read.promise).resolves.toBeUndefined();
  });

  it('S2-14 speaks WebSocket over TLS, S2-15 and asks where the page comes from', async () => {
    const { ca, cert, key } = certificates();
    const { port } = await site({ https: { key, cert }, websocket: true, origins: ['https://app.example'] });
    const url = `wss://localhost:${port}/mcp`;
    expect(await socketOutcome(url, { ca })).toBe('open');
    expect(await socketOutcome(url, { ca, origin: 'https://app.example' })).toBe('open');
    expect(await socketOutcome(url, { ca, origin: 'https://evil.example' })).toBe('403');
    expect(await socketOutcome(url, { ca, headers: { host: 'evil.example' } })).toBe('403');
  });

  it('S2-31 bounds the messages of a WebSocket, and ends one whose client is not there any more', async () => {
    const bounded = await site({ websocket: true, limits: { bodyBytes: 1000 } });
    const large = new WebSocket(`ws://127.0.0.1:${bounded.port}/mcp`, 'mcp');
    large.on('open', () => large.send('x'.repeat(2000)));
    expect(await new Promise((resolve) => large.once('close', resolve))).toBe(1009);
    const { port } = await site({ websocket: true, limits: { listener: { sweepMs: 20 } } });
    const dead = new WebSocket(`ws://127.0.0.1:${port}/mcp`, 'mcp', { autoPong: false });
    expect(await new Promise((resolve) => dead.once('close', resolve))).toBe(1006);
  });

  it('S2-16 bounds the connections of an address, and the streams of a principal', async () => {
    const { port, url } = await site({
      websocket: true,
      limits: { streamsPerPrincipal: 1, listener: { connectionsPerAddress: 3 } },
    });
    const socket = url.replace('http', 'ws');
    const held = new WebSocket(socket, 'mcp');
    await new Promise((resolve) => held.once('open', resolve));
    expect(await socketOutcome(socket)).toBe('429');
    // The one that was refused has gone by now, or goes.
    const idle = [await RawClient.connect(Number(port)), await RawClient.connect(Number(port))];
    const last = await RawClient.connect(Number(port));
    await last.closed;
    expect(last.received).toContain('429 Too Many Requests');
    for (const each of idle) each.destroy();
    held.terminate();
  });
});

describe('headers', () => {
  it('S2-11 protect browsers, and can be replaced or left out one by one', async () => {
    const { headers } = await ask((await site()).url, call('echo', { text: 'x' }));
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'content-security-policy': "default-src 'self'",
      'referrer-policy': 'strict-origin-when-cross-origin',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      vary: 'Origin',
    });
    expect(headers['x-powered-by']).toBeUndefined();
    const other = await site({
      headers: { 'X-Frame-Options': 'SAMEORIGIN', 'referrer-policy': false, 'permissions-policy': 'camera=()' },
    });
    const changed = (await ask(other.url, call('echo', { text: 'x' }))).headers;
    expect(changed['x-frame-options']).toBe('SAMEORIGIN');
    expect(changed['referrer-policy']).toBeUndefined();
    expect(changed['permissions-policy']).toBe('camera=()');
    expect(changed['x-content-type-options']).toBe('nosniff');
  });

  it('S2-12 let pages of the origins that are named call, and never with a wildcard or credentials', async () => {
    const { url } = await site({
      origins: ['https://app.example', 'https://*.team.example'],
      cors: { exposedHeaders: ['x-mine'], maxAgeMs: 5000 },
      routes: [{ path: '/mine', methods: ['GET', 'PUT'], auth: 'none', handle: (_asked, answer) => void answer.end() }],
    });
    const asked = call('echo', { text: 'x' });
    const from = (origin: string): ReturnType<typeof ask> =>
      ask(url, { ...asked, headers: { ...asked.headers, origin } });
    const mine = await from('https://app.example');
    expect(mine.headers['access-control-allow-origin']).toBe('https://app.example');
    expect(mine.headers['access-control-allow-credentials']).toBeUndefined();
    const exposed = String(mine.headers['access-control-expose-headers']).split(', ');
    for (const name of [
      'mcp-session-id',
      'mcp-protocol-version',
      'www-authenticate',
      'retry-after',
      'ratelimit-reset',
      'x-mine',
    ]) {
      expect(exposed).toContain(name);
    }
    expect((await from('https://a.team.example')).status).toBe(200);
    for (const origin of ['https://evil.example', 'null', 'https://app.example.evil.example', 'http://app.example']) {
      const refused = await from(origin);
      expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([403, undefined]);
    }
    const preflight = await ask(url, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-max-age']).toBe('5');
    expect(preflight.headers['access-control-allow-methods']).toBe('GET, POST, DELETE, PUT');
    expect(preflight.headers['access-control-allow-headers']).toContain('mcp-session-id');
  });
});

describe('limits over time', () => {
  it('S2-13 count initialize too, and say when to come again', async () => {
    const reached: LimitReached[] = [];
    const { url } = await site({
      limits: { rate: { perPrincipal: '2/h', onLimitReached: (each) => reached.push(each) } },
    });
    for (const _ of [1, 2]) expect((await ask(url, { body: INITIALIZE })).status).toBe(200);
    const third = await ask(url, { body: INITIALIZE });
    expect(third.status).toBe(429);
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0);
    expect(third.headers['ratelimit-limit']).toBe('2');
    expect(third.headers['ratelimit-remaining']).toBe('0');
    expect(reached.map(({ caller, limit }) => [limit, caller.method])).toEqual([['perPrincipal', 'initialize']]);
    expect(open[0]?.stats().limited).toBe(1);
  });

  it('S2-13 come again by the clock of the author, where there is one', async () => {
    const clock = fakeClock(1_000_000);
    const { url } = await site({ now: clock.now, limits: { rate: { perPrincipal: '2/m' } } });
    const statuses = async (): Promise<number[]> => {
      const all = [await ask(url, call('echo', { text: 'x' })), await ask(url, call('echo', { text: 'x' }))];
      return all.map(({ status }) => status);
    };
    expect([await statuses(), await statuses()]).toEqual([
      [200, 200],
      [429, 429],
    ]);
    clock.advance(30_000);
    expect(await statuses()).toEqual([200, 429]);
  });

  it('S2-13 give no fresh bucket for a session that the client makes up', async () => {
    const { url } = await site({ limits: { rate: { perSession: '1/h', perPrincipal: '3/h' } } });
    const id = String((await ask(url, { body: INITIALIZE })).headers['mcp-session-id']);
    const ping = (session: string): ReturnType<typeof ask> =>
      ask(url, {
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
        headers: { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' },
      });
    expect((await ping(id)).status).toBe(200);
    expect((await ping(id)).status).toBe(429);
    expect((await ping('00000000-0000-4000-8000-000000000000')).status).toBe(404);
    expect((await ask(url, { body: INITIALIZE })).status).toBe(200);
    expect((await ask(url, { body: INITIALIZE })).status).toBe(429);
  });

  it('S2-13 hold for a method and a tool, and skip whom they are told', async () => {
    const { url } = await site({
      limits: {
        rate: {
          perTool: { echo: '1/h', fails: '1/h' },
          perMethod: { 'tools/list': '1/h' },
          skip: ({ tool }) => tool === 'fails',
        },
      },
    });
    expect((await ask(url, call('echo', { text: 'x' }))).status).toBe(200);
    expect((await ask(url, call('echo', { text: 'x' }))).json).toMatchObject({ error: { data: { limit: 'perTool' } } });
    for (const _ of [1, 2, 3]) expect((await ask(url, call('fails'))).status).toBe(200);
    expect((await ask(url, stateless('tools/list'))).status).toBe(200);
    expect((await ask(url, stateless('tools/list'))).status).toBe(429);
  });

  it('S2-13 hold though a function of the author throws', async () => {
    const { lines, log } = keptLog();
    const throws = (): never => {
      throw new Error('no');
    };
    const { url } = await site({
      log,
      limits: { rate: { perAddress: '9/h', perPrincipal: '1/h', skip: throws, key: throws, onLimitReached: throws } },
    });
    expect((await ask(url, call('echo', { text: 'x' }))).status).toBe(200);
    expect((await ask(url, call('echo', { text: 'x' }))).status).toBe(429);
    for (const option of ['skip', 'key', 'onLimitReached']) {
      expect(lines.filter((line) => line.includes(`"option":"${option}"`))).not.toEqual([]);
    }
  });

  it('S2-25 count what is refused as well', async () => {
    const { url } = await site({ limits: { rate: { perAddress: '3/h' } } });
    const broken = (): ReturnType<typeof ask> => ask(url, { body: '{' });
    expect((await Promise.all([broken(), broken(), broken()])).map(({ status }) => status)).toEqual([400, 400, 400]);
    const fourth = await broken();
    expect([fourth.status, fourth.headers['retry-after'] === undefined]).toEqual([429, false]);
  });
});

describe('a WebSocket', () => {
  it.each([
    ['no JSON', '{'],
    ['a batch', '[]'],
    ['calls before it has said hello', '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'],
  ])('S2-25 S2-13 gets as many answers as its address may have: to %s', async (_what, message) => {
    const { port } = await site({ websocket: true, limits: { rate: { perAddress: '5/h' } } });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mcp`, 'mcp');
    const answers: string[] = [];
    const over = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        if (answers.push(data.toString('utf8')) === 20) resolve();
      });
      socket.once('close', () => resolve());
    });
    await new Promise((resolve) => socket.once('open', resolve));
    for (let sent = 0; sent < 20; sent++) socket.send(message);
    await over;
    socket.terminate();
    // The handshake was a request too.
    expect(answers.filter((each) => !each.includes('rate_limited')).length).toBeLessThanOrEqual(4);
    expect(open[0]?.stats().refused['rate_limited']).toBeGreaterThan(0);
  });
});

describe('what comes in', () => {
  it('S2-17 is checked against the schema, S2-18 before the tool runs', async () => {
    const { url } = await site();
    for (const given of [{}, { text: 1 }, { text: 'x', more: 1 }, { text: null }]) {
      expect((await ask(url, call('echo', given))).json).toMatchObject({ result: { isError: true } });
    }
    const batch = await ask(url, { ...stateless('tools/call', { name: 5 }) });
    expect(batch.json).toHaveProperty('error');
  });

  it('S2-19 reaches the tool as it was sent, and a log without what could forge a line', async () => {
    const { lines, log } = keptLog();
    const { url } = await site({ log }, echo(log));
    const text = 'a\u0000b\u001B[2Jc\nINFO forged\u202E<script>';
    expect((await ask(url, call('echo', { text }))).json).toMatchObject({ result: { content: [{ text }] } });
    expect(lines.join('')).not.toContain('forged');
  });

  it.each([
    ['text/plain', '{}', 415],
    ['application/x-www-form-urlencoded', '{}', 415],
    ['application/json; charset=utf-16', '{}', 415],
    ['application/json', '{}', 400],
  ])('S2-20 is JSON and says so: %s', async (type, body, status) => {
    const { url } = await site();
    expect((await ask(url, { body, headers: { 'content-type': type } })).status).toBe(status);
    const packed = gzipSync(body);
    expect((await ask(url, { body: packed, headers: { 'content-encoding': 'gzip' } })).status).toBe(415);
  });

  it('S2-21 has a size that can be set', async () => {
    const { url } = await site({ limits: { bodyBytes: 600 } });
    expect((await ask(url, call('echo', { text: 'x' }))).status).toBe(200);
    const large = call('echo', { text: 'x'.repeat(1000) });
    expect((await ask(url, large)).status).toBe(413);
    // One that does not say how large it is.
    expect((await ask(url, { ...large, headers: { ...large.headers, 'transfer-encoding': 'chunked' } })).status).toBe(
      413,
    );
  });

  it('S2-22 is UTF-8', async () => {
    const { url } = await site();
    const body = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]);
    const answer = await ask(url, { body });
    expect([answer.status, answer.text.includes('UTF-8')]).toEqual([400, true]);
  });
});

describe('what goes out', () => {
  it('S2-23 tells nobody what is inside', async () => {
    const { lines, log } = keptLog();
    const { url } = await site(
      {
        log,
        routes: [
          {
            path: '/broken',
            auth: 'none',
            handle: () => {
              throw new Error('stack of /srv/app.ts');
            },
          },
        ],
      },
      echo(log),
    );
    const tool = await ask(url, call('fails'));
    const route = await ask(url.replace('/mcp', '/broken'));
    for (const { text } of [tool, route]) {
      expect(text).not.toMatch(/hunter2hunter2|\/etc\/db|app\.ts|at async/);
      const [id = ''] = /[0-9a-f]{8}-[0-9a-f-]{27}|(?<=\(id )[\w-]+/.exec(text) ?? [];
      expect(id.length).toBeGreaterThan(7);
      expect(lines.some((line) => line.includes(id))).toBe(true);
    }
    expect(route.status).toBe(500);
  });

  it('S2-34 shows what was refused, and why', async () => {
    const { url } = await site();
    await ask(url, { body: '{' });
    await ask(url, { headers: { host: 'evil.example' } });
    await ask(url.replace('/mcp', '/nothing'));
    expect(open[0]?.stats().refused).toMatchObject({ parse: 1, forbidden_origin: 1, no_such_path: 1 });
  });
});

describe('sessions', () => {
  it('S2-08 end after a time that can be set, S2-07 and are never what a client makes up', async () => {
    const clock = { nowMs: 1_000_000 };
    const { url } = await site({ now: () => clock.nowMs, sessions: { idleMs: 1000, absoluteMs: 5000 } });
    const unused = String((await ask(url, { body: INITIALIZE })).headers['mcp-session-id']);
    const own = '11111111-1111-4111-8111-111111111111';
    const opened = await ask(url, { body: INITIALIZE, headers: { 'mcp-session-id': own } });
    const id = String(opened.headers['mcp-session-id']);
    expect(id).not.toBe(own);
    const ping = async (session: string): Promise<number> => {
      const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
      return (await ask(url, { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}', headers })).status;
    };
    expect(await ping(own)).toBe(404);
    for (const step of [900, 900, 900, 900, 900]) {
      clock.nowMs += step;
      expect(await ping(id)).toBe(200);
    }
    expect(await ping(unused)).toBe(404);
    clock.nowMs += 900;
    expect(await ping(id)).toBe(404);
    expect(open[0]?.connections()).toEqual([]);
  });
});
