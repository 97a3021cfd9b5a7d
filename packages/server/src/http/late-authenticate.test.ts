import { once } from 'node:events';
import { wireError } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Authenticate, Authenticated, Credentials } from '../auth/authenticate.ts';
import type { Principal } from '../exchange.ts';
import { call, inSession, openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';
import { JSON_HEADERS } from '../testing/raw-client.ts';

const doors: TestDoor[] = [];

afterEach(async () => {
  for (const opened of doors.splice(0)) await opened.close();
});

const ALICE: Principal = { issuer: 'test', subject: 'alice', roles: [] };
const REFUSED: Authenticated = { error: wireError('unauthenticated'), headers: { 'www-authenticate': 'Bearer' } };
const [BODY, HEADERS] = stateless(1, 'tools/call', { name: 'echo' });

interface Question {
  readonly credentials: Credentials;
  readonly answer: (found: Authenticated) => void;
  readonly fail: (reason: Error) => void;
}

interface Guard {
  readonly authenticate: Authenticate;
  /** What was asked, in order. */
  readonly asked: Question[];
}

/** Knows the credential `Bearer known` at once, and asks about every other. */
function guard(): Guard {
  const asked: Question[] = [];
  return {
    asked,
    authenticate: (credentials) => {
      if (credentials.authorization === 'Bearer known') return ALICE;
      return new Promise((resolve, reject) => {
        asked.push({ credentials, answer: resolve, fail: reject });
      });
    },
  };
}

async function door(options: DoorOptions = {}): Promise<{ opened: TestDoor; asked: Question[] }> {
  const { asked, authenticate } = guard();
  const opened = await openDoor({ connections: {}, authenticate, ...options });
  doors.push(opened);
  return { opened, asked };
}

const UPGRADE = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('while a credential is being looked up', () => {
  it('nothing of the body is read, and nothing is asked for', async () => {
    const { opened, asked } = await door({ maxBodyBytes: 32 * 1024 * 1024 });
    const client = await opened.connect();
    const large = stateless(1, 'x', { text: 'x'.repeat(16 * 1024 * 1024) });
    client.post(...large);
    const polite = await opened.connect();
    polite.request('POST', '/mcp', { ...JSON_HEADERS, ...HEADERS, expect: '100-continue', 'content-length': '2' });
    await expect.poll(() => asked.length).toBe(2);
    await turns();
    // The sockets' own buffers hold less than it.
    expect(client.socket.writableLength).toBeGreaterThan(0);
    expect([polite.received, opened.calls]).toEqual(['', []]);
    for (const { answer } of asked) answer(ALICE);
    expect((await client.response()).status).toBe(200);
    await polite.until((text) => text.startsWith('HTTP/1.1 100 Continue') || undefined);
    client.destroy();
    polite.destroy();
  });

  it('its client may go', async () => {
    const places: string[] = [];
    const { opened, asked } = await door({ onPlace: (path, principal) => void (principal && places.push(path)) });
    for (const upgrade of [{}, UPGRADE]) {
      const client = await opened.connect();
      client.request('GET', '/mcp', { ...upgrade, accept: 'text/event-stream' });
      await expect.poll(() => asked.length).toBe(1);
      client.socket.resetAndDestroy();
      await expect.poll(() => opened.listener.sockets).toBe(0);
      asked.pop()?.answer(ALICE);
      await turns();
    }
    expect([places, opened.connections.size, opened.listener.sockets]).toEqual([[], 0, 0]);
    expect((await opened.post(BODY, { ...HEADERS, authorization: 'Bearer known' })).status).toBe(200);
  });

  it('the time for its body runs, and who is too slow is told so once', async () => {
    const { opened, asked } = await door({ limits: { headerTimeoutMs: 50, bodyTimeoutMs: 50 } });
    const client = await opened.connect();
    client.request('POST', '/mcp', { ...JSON_HEADERS, ...HEADERS, 'content-length': '100' });
    await expect.poll(() => asked.length).toBe(1);
    expect((await client.response()).status).toBe(408);
    asked[0]?.answer(ALICE);
    await client.closed;
    expect([client.received, opened.calls]).toEqual(['', []]);
  });

  it('requests behind it on its connection are answered in their order', async () => {
    const { opened, asked } = await door();
    const client = await opened.connect();
    client.post(...stateless(1, 'x'));
    const [body, headers] = stateless(2, 'x');
    client.post(body, { ...headers, authorization: 'Bearer known' });
    client.request('GET', '/known');
    client.post(...stateless(4, 'x'));
    await expect.poll(() => [asked.length, opened.calls.length]).toEqual([2, 1]);
    asked[1]?.answer(ALICE);
    await expect.poll(() => opened.calls.length).toBe(2);
    asked[0]?.answer(REFUSED);
    const statuses = [];
    const bodies = [];
    for (let at = 0; at < 4; at++) {
      const { body: text, status } = await client.response();
      statuses.push(status);
      bodies.push(text);
    }
    expect(statuses).toEqual([401, 200, 200, 200]);
    expect(bodies.map((text) => (text.startsWith('{') ? (JSON.parse(text) as { id?: number }).id : text))).toEqual([
      undefined,
      2,
      'known',
      4,
    ]);
    client.destroy();
  });

  it('a connection may have so many, and what comes behind them is refused unasked, in its turn', async () => {
    const { opened, asked } = await door();
    const client = await opened.connect();
    for (let id = 0; id < 20; id++) client.post(...stateless(id, 'x'));
    await expect.poll(() => asked.length).toBe(16);
    await turns();
    expect(asked).toHaveLength(16);
    for (const { answer } of asked) answer(REFUSED);
    const statuses = [];
    for (let id = 0; id < 20; id++) statuses.push((await client.response()).status);
    expect(statuses).toEqual(Array.from({ length: 20 }, (_, id) => (id < 16 ? 401 : 429)));
    client.post(...stateless(20, 'x'));
    await expect.poll(() => asked.length).toBe(17);
    asked[16]?.answer(ALICE);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it('an upgrade waits, and what its client says meanwhile is heard afterwards', async () => {
    const { opened, asked } = await door();
    const client = await opened.connect();
    client.request('GET', '/mcp', UPGRADE);
    await expect.poll(() => asked.length).toBe(1);
    await turns();
    expect([client.received, opened.connections.size]).toEqual(['', 0]);
    const text = Buffer.from(stateless(1, 'x')[0]);
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x81_fe);
    head.writeUInt16BE(text.length, 2);
    client.socket.write(Buffer.concat([head, text]));
    await turns();
    asked[0]?.answer(ALICE);
    await client.until((received) => received.includes('"ok":true') || undefined);
    expect(client.received).toMatch(/^HTTP\/1\.1 101 /);
    client.destroy();
  });

  it('a closing listener waits for it', async () => {
    const { opened, asked } = await door();
    const client = await opened.connect();
    client.post(BODY, HEADERS);
    await expect.poll(() => asked.length).toBe(1);
    const closing = opened.listener.close(60_000);
    asked[0]?.answer(ALICE);
    const { headers, status } = await client.response();
    expect([status, headers['connection']]).toEqual([200, 'close']);
    await Promise.all([client.closed, closing]);
  });
});

describe('a credential that was looked up', () => {
  it('is refused as one that is known to be wrong, with the headers of CORS', async () => {
    const { opened, asked } = await door({ origins: ['https://app.example'] });
    const answer = opened.post(BODY, { ...HEADERS, origin: 'https://app.example' });
    await expect.poll(() => asked.length).toBe(1);
    asked[0]?.answer(REFUSED);
    const { headers, status } = await answer;
    expect([status, headers['www-authenticate'], headers['access-control-allow-origin']]).toEqual([
      401,
      'Bearer',
      'https://app.example',
    ]);
    const socket = new WebSocket(`ws://127.0.0.1:${opened.port}/mcp`, { headers: { authorization: 'Bearer x' } });
    const refused = once(socket, 'unexpected-response');
    await expect.poll(() => asked.length).toBe(2);
    asked[1]?.answer(REFUSED);
    expect(((await refused) as [unknown, { statusCode: number }])[1].statusCode).toBe(401);
    socket.on('error', () => {}).terminate();
  });

  it('is answered 500, and nothing of the reason, when that failed', async () => {
    const refusals: string[] = [];
    const { opened, asked } = await door({ onRefused: (reason) => void refusals.push(reason) });
    for (const headers of [HEADERS, UPGRADE]) {
      const client = await opened.connect();
      if (headers === UPGRADE) client.request('GET', '/mcp', UPGRADE);
      else client.post(BODY, headers);
      await expect.poll(() => asked.length).toBe(1);
      asked.pop()?.fail(new Error('secret detail'));
      const { body, status } = await client.response();
      expect([status, (JSON.parse(body) as { error: { code: number } }).error.code]).toEqual([500, -32603]);
      expect(body).not.toContain('secret');
      client.destroy();
    }
    expect([refusals, opened.calls]).toEqual([['internal', 'internal'], []]);
  });

  it('costs a known one no turn', async () => {
    const order: string[] = [];
    const opened = await openDoor({
      authenticate: () => {
        order.push('authenticated');
        queueMicrotask(() => order.push('later'));
        return ALICE;
      },
      onPlace: () => void order.push('placed'),
    });
    doors.push(opened);
    expect((await opened.post(BODY, HEADERS)).status).toBe(200);
    expect(order).toEqual(['authenticated', 'placed', 'later']);
  });

  it('was judged by its path and its address', async () => {
    const { opened, asked } = await door();
    for (const target of ['/mcp?a=b', '/mcp/v/other', '/nothing']) {
      const answer = opened.request('GET', target);
      await expect.poll(() => asked.length).toBe(1);
      const { address, certificate, connection, local, path } = (asked[0] as Question).credentials;
      expect([path, address, certificate, typeof connection, local]).toEqual([
        target.split('?')[0],
        '127.0.0.1',
        undefined,
        'object',
        true,
      ]);
      asked.pop()?.answer(REFUSED);
      await answer;
    }
  });

  it('AUT-05 decides what stands at a path; nobody asks about one before it is known who does', async () => {
    const asked: [string, string | undefined][] = [];
    const opened = await openDoor({
      connections: {},
      authenticate: () => ALICE,
      onPlace: (path, principal) => void asked.push([path, principal?.subject]),
    });
    doors.push(opened);
    await opened.post(BODY, HEADERS);
    const client = await opened.connect();
    client.request('GET', '/mcp/v/other', UPGRADE);
    await client.until((text) => text.includes('101 Switching Protocols') || undefined);
    client.destroy();
    expect(asked).toEqual([
      ['/mcp', 'alice'],
      ['/mcp/v/other', 'alice'],
    ]);
  });
});

describe('a recheck that takes its time', () => {
  /** A stream of a session, which was let in at once, and the questions about it from then on. */
  async function held(): Promise<{ opened: TestDoor; asked: Question[]; closed: Promise<void>; open: () => boolean }> {
    const asked: Question[] = [];
    let known = true;
    const opened = await openDoor({
      connections: {},
      authenticate: (credentials) =>
        known ? ALICE : new Promise((answer, fail) => void asked.push({ credentials, answer, fail })),
    });
    doors.push(opened);
    const client = await opened.connect();
    client.request('GET', '/sse');
    await client.untilEvents(1);
    known = false;
    return { opened, asked, closed: client.closed, open: () => opened.connections.size === 1 };
  }

  it.each([
    ['somebody else', { ...ALICE, subject: 'bob' }],
    ['the same with other scopes', { ...ALICE, scopes: ['a'] }],
    ['a refusal', REFUSED],
  ] as const)('cuts when it comes to %s', async (_name, found) => {
    const { opened, asked, closed } = await held();
    opened.listener.recheck();
    asked[0]?.answer(found);
    await closed;
    expect(opened.calls).toEqual([]);
  });

  it('is made of who was looked up at first, too', async () => {
    const { opened, asked } = await door();
    const client = await opened.connect();
    client.request('GET', '/sse');
    await expect.poll(() => asked.length).toBe(1);
    opened.listener.recheck();
    expect(asked).toHaveLength(1);
    asked[0]?.answer(ALICE);
    await client.untilEvents(1);
    opened.listener.recheck();
    expect(asked).toHaveLength(2);
    asked[1]?.answer(REFUSED);
    await client.closed;
  });

  it('cuts when it fails', async () => {
    const { opened, asked, closed } = await held();
    opened.listener.recheck();
    asked[0]?.fail(new Error('unreachable'));
    await closed;
    expect(opened.calls).toEqual([]);
  });

  it('is not begun again before it has come to an end', async () => {
    const { opened, asked, closed, open } = await held();
    opened.listener.recheck();
    opened.listener.recheck();
    opened.listener.recheck();
    expect(asked).toHaveLength(1);
    asked[0]?.answer({ ...ALICE });
    await turns();
    expect(open()).toBe(true);
    opened.listener.recheck();
    expect(asked).toHaveLength(2);
    asked[1]?.answer(REFUSED);
    await closed;
  });

  it('cuts nobody whose answer has left meanwhile', async () => {
    const gate = Promise.withResolvers<void>();
    const asked: Question[] = [];
    let known = true;
    const opened = await openDoor({
      handle: async () => {
        await gate.promise;
        return { kind: 'value', result: {} };
      },
      authenticate: (credentials) =>
        known ? ALICE : new Promise((answer, fail) => void asked.push({ credentials, answer, fail })),
    });
    doors.push(opened);
    const session = inSession(await opened.initialize());
    const client = await opened.connect();
    client.post(call(1), session);
    await expect.poll(() => opened.calls.length).toBe(1);
    known = false;
    opened.listener.recheck();
    gate.resolve();
    await client.response();
    asked[0]?.answer(REFUSED);
    await turns();
    known = true;
    client.post(call(2), session);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });
});
