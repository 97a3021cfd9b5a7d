import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { call, openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';
import { JSON_HEADERS, type RawResponse } from '../testing/raw-client.ts';

const doors: TestDoor[] = [];

async function door(options?: DoorOptions): Promise<TestDoor> {
  const opened = await openDoor(options);
  doors.push(opened);
  return opened;
}

afterEach(async () => {
  for (const opened of doors.splice(0)) await opened.close();
});

interface ErrorBody {
  readonly jsonrpc: string;
  readonly id?: unknown;
  readonly error: { readonly code: number; readonly data: { readonly code: string } };
}

/** The stable code of an MCP error body, after a check of its form. */
function codeOf(response: RawResponse): string {
  const body = JSON.parse(response.body) as ErrorBody;
  expect(Object.keys(body)).not.toContain('id');
  expect(body.jsonrpc).toBe('2.0');
  expect(response.headers['content-type']).toBe('application/json');
  return `${response.status} ${body.error.data.code}`;
}

const [BODY, HEADERS] = stateless(1, 'tools/call', { name: 'echo' });

describe('what is no credential', () => {
  it.each([
    ['the query', '/mcp?authorization=Bearer%20alice&access_token=alice&key=alice&api_key=alice', {}, BODY],
    ['a cookie', '/mcp', { cookie: 'authorization=Bearer alice; token=alice; session=alice' }, BODY],
    ['another header', '/mcp', { 'x-api-key': 'alice', 'proxy-authorization': 'Bearer alice' }, BODY],
    ['the body', '/mcp', {}, BODY.replace('{', '{"authorization":"Bearer alice","access_token":"alice",')],
    ['a form', '/mcp', { 'content-type': 'application/x-www-form-urlencoded' }, 'access_token=alice'],
  ])('DSA-13 is what stands in %s', async (_name, target, headers, body) => {
    const opened = await door();
    const response = await opened.request(
      'POST',
      target,
      { ...JSON_HEADERS, ...HEADERS, ...headers, authorization: '' },
      body,
    );
    expect(codeOf(response)).toBe('401 unauthenticated');
    expect(opened.calls).toEqual([]);
  });
});

describe('what is refused before identity', () => {
  it.each([
    [{ host: 'evil.test:80' }, '403 forbidden_origin'],
    [{ host: '127.0.0.1.nip.io' }, '403 forbidden_origin'],
    [{ host: 'a@localhost' }, '403 forbidden_origin'],
    [{ origin: 'null' }, '403 forbidden_origin'],
    [{ origin: '' }, '403 forbidden_origin'],
    [{ origin: 'http://evil.test' }, '403 forbidden_origin'],
    [{ host: 'evil.test', origin: 'http://evil.test' }, '403 forbidden_origin'],
    [{ authorization: 'Bearer mallory' }, '401 unauthenticated'],
    [{ authorization: '' }, '401 unauthenticated'],
  ])('%j', async (headers, expected) => {
    const opened = await door();
    expect(codeOf(await opened.post(BODY, { ...HEADERS, ...headers }))).toBe(expected);
    expect(opened.calls).toHaveLength(0);
  });

  it('P3-03 P3-04 a second Origin line is not overlooked, and nothing of the body is read for either', async () => {
    const opened = await door({ origins: ['http://localhost:*', 'https://a.test'] });
    const head = {
      ...JSON_HEADERS,
      ...HEADERS,
      authorization: 'Bearer alice',
      host: 'localhost',
      expect: '100-continue',
      'content-length': String(BODY.length),
    };
    const rest = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    for (const [lines, status] of [
      ['origin: https://a.test', 100],
      ['origin: http://localhost:3000', 100],
      ['origin: https://a.test\r\norigin: https://evil.test', 403],
      ['origin: https://evil.test\r\norigin: https://a.test', 403],
      ['origin: https://a.test\r\norigin: https://a.test', 403],
      ['origin: http://localhost:1\r\norigin: http://localhost:2', 403],
      ['origin: http://localhost:80@evil.test', 403],
    ] as const) {
      const client = await opened.connect();
      client.socket.write(`POST /mcp HTTP/1.1\r\n${lines}\r\n${rest.join('')}\r\n`);
      expect([lines, (await client.head()).status]).toEqual([lines, status]);
      client.socket.write(BODY);
      if (status === 100) await client.response();
      client.destroy();
    }
    expect(opened.calls).toHaveLength(2);
  });

  it('a second Host or Authorization line is not overlooked', async () => {
    const opened = await door();
    for (const [lines, status] of [
      ['host: localhost\r\nhost: evil.test\r\nauthorization: Bearer alice', 403],
      ['host: evil.test\r\nhost: localhost\r\nauthorization: Bearer alice', 403],
      ['authorization: Bearer alice', 403],
      ['host: localhost\r\nauthorization: Bearer alice\r\nauthorization: Bearer bob', 401],
    ] as const) {
      const client = await opened.connect();
      client.socket.write(`GET /mcp HTTP/1.1\r\n${lines}\r\n\r\n`);
      expect((await client.response()).status, lines).toBe(status);
      client.destroy();
    }
  });

  it('INP-11 targets that are no path, odd paths and overriding headers open nothing', async () => {
    const opened = await door();
    const expected: Readonly<Record<string, number>> = {
      'http://127.0.0.1/mcp': 400,
      'http://evil.test/mcp': 400,
      '*': 400,
      '//mcp': 404,
      '/mcp/': 404,
      '/MCP': 404,
      '/mcp/..;/admin': 404,
      '/mcp/../mcp': 404,
      '/./mcp': 404,
      '/%6dcp': 404,
      '/mcp%2e': 404,
      '/mcp%00': 404,
      '/mcp;x=1': 404,
      '/mcp#x': 404,
      '/__proto__': 404,
      '/constructor': 404,
    };
    for (const [target, status] of Object.entries(expected)) {
      const response = await opened.request('OPTIONS', target);
      expect([target, response.status]).toEqual([target, status]);
      expect(Object.keys(JSON.parse(response.body) as object)).toContain('error');
      const stranger = await opened.request('OPTIONS', target, { authorization: 'none' });
      expect([target, stranger.status]).toEqual([target, status === 400 ? 400 : 401]);
    }
    const override = { 'x-http-method-override': 'DELETE', 'x-original-url': '/known', 'x-rewrite-url': '/known' };
    expect((await opened.request('PUT', '/mcp', override)).status).toBe(405);
    expect((await opened.request('GET', '/mcp?x=/../known', { accept: 'text/event-stream' })).status).toBe(400);
  });

  it('health is answered whatever the Host, other public routes are not', async () => {
    const opened = await door();
    expect((await opened.request('GET', '/healthz', { host: 'evil.test' })).status).toBe(200);
    expect((await opened.request('GET', '/known', { host: 'evil.test' })).status).toBe(403);
    expect((await opened.request('GET', '/known', { authorization: '' })).status).toBe(200);
  });

  it('P2-13 says nothing of what went wrong inside', async () => {
    const response = await (await door()).request('GET', '/broken');
    expect([response.status, JSON.parse(response.body)]).toEqual([
      500,
      { error: { code: 'internal', message: 'An internal error occurred.' } },
    ]);
  });
});

describe('CORS', () => {
  it('is for allowed origins alone, on errors too', async () => {
    const opened = await door({ origins: ['https://app.example'] });
    const good = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
    const preflight = await opened.request('OPTIONS', '/mcp', { ...good, authorization: '' });
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, 'https://app.example']);
    const bad = await opened.request('OPTIONS', '/mcp', { ...good, origin: 'https://evil.test' });
    expect(codeOf(bad)).toBe('403 forbidden_origin');
    expect(Object.keys(bad.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    const answers = [
      await opened.post(BODY, { ...HEADERS, origin: good.origin }),
      await opened.post(BODY, { ...HEADERS, origin: good.origin, authorization: '' }),
      await opened.post('{', { ...HEADERS, origin: good.origin }),
    ];
    expect(
      answers.map(({ status, headers }) => [status, headers['access-control-allow-origin'], headers['vary']]),
    ).toEqual([
      [200, good.origin, 'Origin'],
      [401, good.origin, 'Origin'],
      [400, good.origin, 'Origin'],
    ]);
    expect((await opened.post(BODY, HEADERS)).headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('bodies', () => {
  it.each([
    ['multipart/form-data; boundary=x', `--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n${BODY}\r\n--x--`, 415],
    ['application/x-www-form-urlencoded', `a=${encodeURIComponent(BODY)}`, 415],
    ['application/json', '', 400],
  ])('INP-11 of %s that hold no message are refused', async (contentType, body, status) => {
    const opened = await door();
    const response = await opened.post(body, { ...HEADERS, 'content-type': contentType });
    expect(response.status).toBe(status);
    expect(opened.calls).toEqual([]);
  });

  const MAX = 64 * 1024;

  it('DOS-02 are refused by their announced size before any of them is read', async () => {
    const client = await (await door()).connect();
    client.request('POST', '/mcp', { ...JSON_HEADERS, 'content-length': String(MAX + 1) });
    expect(codeOf(await client.response())).toBe('413 too_large');
    client.socket.end();
    await client.closed;
  });

  it('DOS-02 are refused by their size as it comes, when none was announced, and the connection ends', async () => {
    const opened = await door();
    const client = await opened.connect();
    client.request('POST', '/mcp', { ...JSON_HEADERS, 'transfer-encoding': 'chunked' });
    const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
    for (let sent = 0; sent <= MAX; sent += 4096) client.socket.write(chunk);
    expect(codeOf(await client.response())).toBe('413 too_large');
    await client.closed;
    expect(opened.calls).toHaveLength(0);
  });

  it('DOS-02 are read no further than the limit and a little more', async () => {
    const opened = await door();
    const client = await opened.connect();
    client.request('POST', '/mcp', { ...JSON_HEADERS, 'transfer-encoding': 'chunked' });
    const chunk = Buffer.from(`10000\r\n${' '.repeat(65_536)}\r\n`);
    let taken = 0;
    const flood = (): void => {
      for (let room = true; room && !client.socket.destroyed; taken += chunk.length) room = client.socket.write(chunk);
    };
    client.socket.on('drain', flood);
    flood();
    expect(codeOf(await client.response())).toBe('413 too_large');
    await client.closed;
    // What the sockets' own buffers hold comes on top of what was read.
    expect(taken).toBeLessThan(32 * 1024 * 1024);
  });

  it('of exactly the limit are taken, also in single bytes', async () => {
    const opened = await door({ maxBodyBytes: 2048 });
    const padded = BODY.padEnd(2048, ' ');
    expect((await opened.post(padded, HEADERS)).status).toBe(200);
    expect(codeOf(await opened.post(`${padded} `, HEADERS))).toBe('413 too_large');
    const client = await opened.connect();
    client.request('POST', '/mcp', { ...JSON_HEADERS, ...HEADERS, 'transfer-encoding': 'chunked' });
    client.socket.write(`${Array.from(padded, (byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it('that are shorter than announced end with the timeout', async () => {
    const opened = await door({ limits: { headerTimeoutMs: 50, bodyTimeoutMs: 50 } });
    const client = await opened.connect();
    client.request('POST', '/mcp', { ...JSON_HEADERS, ...HEADERS, 'content-length': String(BODY.length + 10) }, BODY);
    expect(codeOf(await client.response())).toBe('408 timeout_body');
    await client.closed;
    expect(opened.calls).toHaveLength(0);
  });

  it.each([
    [{ authorization: 'none' }, '/mcp', 401],
    [{ 'content-length': String(MAX + 1) }, '/mcp', 413],
    [{ 'content-type': 'text/plain' }, '/mcp', 415],
    [{}, '/mcp/nothing', 404],
    [{ host: 'evil.test' }, '/mcp', 403],
  ])('that would be refused are not asked for: %j %s', async (headers, target, status) => {
    const client = await (await door()).connect();
    client.request('POST', target, { ...JSON_HEADERS, 'content-length': '10', expect: '100-continue', ...headers });
    expect((await client.response()).status).toBe(status);
    client.socket.end();
    await client.closed;
  });

  it('that are wanted are asked for', async () => {
    const client = await (await door()).connect();
    const headers = { ...JSON_HEADERS, ...HEADERS, expect: '100-continue', 'content-length': String(BODY.length) };
    client.request('POST', '/mcp', headers);
    expect((await client.response()).status).toBe(100);
    client.socket.write(BODY);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it('that are small and refused do not cost the connection', async () => {
    const opened = await door();
    const client = await opened.connect();
    client.post(BODY, { ...HEADERS, authorization: 'none' });
    expect((await client.response()).status).toBe(401);
    client.post(BODY, HEADERS);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });
});

describe('sockets', () => {
  it('DOS-01 200 that send a byte and wait are closed, while others are served', async () => {
    const opened = await door({ limits: { headerTimeoutMs: 100, bodyTimeoutMs: 100 } });
    const slow = await Promise.all(Array.from({ length: 200 }, () => opened.connect()));
    for (const [index, client] of slow.entries()) {
      if (index % 2 === 0) client.socket.write('P');
      else
        client.socket.write(
          `POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer alice\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`,
        );
    }
    expect((await opened.post(BODY, HEADERS)).status).toBe(200);
    await Promise.all(slow.map((client) => client.closed));
    expect(slow.filter(({ received }) => received.startsWith('HTTP/1.1 408 '))).toHaveLength(200);
  });

  it('DOS-10 of one address are capped; one over the cap is told and serves no request', async () => {
    const opened = await door({ limits: { connectionsPerAddress: 2 } });
    const [first, second] = [await opened.connect(), await opened.connect()];
    const third = await opened.connect();
    third.post(BODY, HEADERS);
    const refused = await third.response();
    expect([codeOf(refused), refused.headers['retry-after']]).toEqual(['429 rate_limited', '60']);
    await third.closed;
    expect(opened.calls).toHaveLength(0);
    first.socket.end();
    await first.closed;
    second.post(BODY, HEADERS);
    expect((await second.response()).status).toBe(200);
    second.destroy();
  });

  it('over the cap are not served when their request was there before they were accepted', async () => {
    const opened = await door({ limits: { connectionsPerAddress: 1 } });
    const first = await opened.connect();
    first.post(BODY, HEADERS);
    await first.response();
    const lines = Object.entries({ ...JSON_HEADERS, ...HEADERS, 'content-length': String(BODY.length) });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const request = `POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer alice\r\n${head}\r\n${BODY}`;
    // Another process connects and sends while this one is kept from accepting.
    const script = `for (let i = 0; i < 20; i++) require('net').connect(${opened.port}, '127.0.0.1').end(${JSON.stringify(request)}).unref();
      setTimeout(() => {}, 200)`;
    execFileSync(process.execPath, ['-e', script]);
    const last = await opened.connect();
    expect(codeOf(await last.response())).toBe('429 rate_limited');
    await last.closed;
    expect(opened.calls).toHaveLength(1);
    first.destroy();
  });

  it('with too large a head or no HTTP at all get a JSON-RPC error', async () => {
    const opened = await door();
    for (const [bytes, expected] of [
      [`GET /mcp HTTP/1.1\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`, '431 headers_too_large'],
      [`GET /${'a'.repeat(17_000)} HTTP/1.1\r\n\r\n`, '431 headers_too_large'],
      ['\u0016\u0003\u0001\u0000 this is TLS\r\n\r\n', '400 invalid_request'],
      [
        'GET /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
        '400 invalid_request',
      ],
      ['GET /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', '400 invalid_request'],
    ] as const) {
      const client = await opened.connect();
      client.socket.write(bytes);
      expect(codeOf(await client.response())).toBe(expected);
      await client.closed;
    }
  });

  it('answer pipelined requests in order', async () => {
    const gates: (() => void)[] = [];
    const opened = await door({
      handle: async (exchange) => {
        if (exchange.message.id === 1) await new Promise<void>((resolve) => gates.push(resolve));
        return { kind: 'value', result: { id: exchange.message.id } };
      },
    });
    const client = await opened.connect();
    for (const id of [1, 2, 3]) client.post(...stateless(id, 'tools/call', { name: 'echo' }));
    await expect.poll(() => gates.length).toBe(1);
    gates[0]?.();
    const bodies = [await client.response(), await client.response(), await client.response()].map(({ body }) => body);
    expect(bodies.map((body) => (JSON.parse(body) as { id: number }).id)).toEqual([1, 2, 3]);
    client.destroy();
  });

  it('that break off into garbage while an answer is awaited are cut without a word into it', async () => {
    const cancelled = Promise.withResolvers<void>();
    const opened = await door({
      handle: (exchange) => {
        exchange.onCancel(() => cancelled.resolve());
        exchange.notify({ jsonrpc: '2.0', method: 'notifications/message' });
        return new Promise(() => {});
      },
    });
    const client = await opened.connect();
    client.post(BODY, HEADERS);
    await client.untilEvents(1);
    client.socket.write('garbage\r\n\r\n');
    await client.closed;
    await cancelled.promise;
    expect(client.received).not.toContain('400 Bad Request');
  });
});

describe('close', () => {
  it('lets answers finish, ends idle sockets, and those that become idle', async () => {
    const gate = Promise.withResolvers<void>();
    const opened = await door({
      handle: async () => {
        await gate.promise;
        return { kind: 'value', result: { done: true } };
      },
    });
    const [fresh, idle, busy] = [await opened.connect(), await opened.connect(), await opened.connect()];
    idle.request('GET', '/healthz');
    await idle.response();
    busy.post(BODY, HEADERS);
    await expect.poll(() => opened.calls.length).toBe(1);
    const closing = opened.listener.close(60_000);
    expect(opened.listener.close(60_000)).toBe(closing);
    await Promise.all([fresh.closed, idle.closed]);
    gate.resolve();
    expect((await busy.response()).status).toBe(200);
    await Promise.all([busy.closed, closing]);
    await expect(opened.connect()).rejects.toThrow('ECONNREFUSED');
  });

  it('REL-01 loses none of 50 calls in flight, whatever the form of their answers, and tells their clients not to come back', async () => {
    const gate = Promise.withResolvers<void>();
    const big = 'b'.repeat(1024 * 1024);
    const opened = await door({
      handle: async (exchange) => {
        const id = exchange.message.id as number;
        if (id % 3 === 0) exchange.notify({ jsonrpc: '2.0', method: 'notifications/message' });
        await gate.promise;
        return { kind: 'value', result: { id, big: id % 5 === 0 ? big : '' } };
      },
    });
    const clients = await Promise.all(Array.from({ length: 50 }, () => opened.connect()));
    for (const [id, client] of clients.entries()) client.post(...stateless(id, 'tools/call', { name: 'echo' }));
    await expect.poll(() => opened.calls.length).toBe(50);
    opened.endpoint.drain();
    const closing = opened.listener.close(60_000);
    gate.resolve();
    for (const [id, client] of clients.entries()) {
      await client.closed;
      const answer = id % 3 === 0 ? client.events().at(-1)?.data : client.received.slice(client.received.indexOf('{'));
      expect(JSON.parse(answer ?? '')).toEqual({ jsonrpc: '2.0', id, result: { id, big: id % 5 === 0 ? big : '' } });
      const saidClose = client.received.toLowerCase().includes('\r\nconnection: close\r\n');
      expect(saidClose).toBe(id % 3 !== 0);
    }
    await closing;
  });

  it('ends the streams of sessions when the endpoint drains, and lets the call of one finish', async () => {
    const gate = Promise.withResolvers<void>();
    const opened = await door({
      handle: async (exchange) => {
        exchange.notify({ jsonrpc: '2.0', method: 'notifications/message' });
        await gate.promise;
        return { kind: 'value', result: { done: true } };
      },
    });
    const session = await opened.initialize();
    const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
    const [own, busy] = [await opened.connect(), await opened.connect()];
    own.request('GET', '/mcp', { ...headers, accept: 'text/event-stream' });
    await own.until((text) => text.includes('text/event-stream') || undefined);
    busy.post(call(1), headers);
    await busy.untilEvents(2);
    opened.endpoint.drain();
    const refused = await opened.request('GET', '/mcp', { ...headers, accept: 'text/event-stream' });
    expect(codeOf(refused)).toBe('503 shutting_down');
    const closing = opened.listener.close(60_000);
    await own.closed;
    gate.resolve();
    await Promise.all([busy.closed, closing]);
    expect(busy.events().at(-1)?.data).toContain('"done":true');
  });

  it('cuts what is left after the grace', async () => {
    const opened = await door({ handle: () => new Promise(() => {}) });
    const client = await opened.connect();
    client.post(BODY, HEADERS);
    await expect.poll(() => opened.calls.length).toBe(1);
    await opened.listener.close(1);
    await client.closed;
    await expect.poll(() => opened.calls[0]?.cancelled).toBe(true);
  });
});
