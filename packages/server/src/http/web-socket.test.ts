import { once } from 'node:events';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, type RawData } from 'ws';
import { preparedResult, type ClientReply, type Exchange, type Principal } from '../exchange.ts';
import { call, handlers, hello, openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';
import { authenticateByKeys } from '../testing/keys.ts';

const doors: TestDoor[] = [];
const clients: Client[] = [];

async function door(options: DoorOptions = {}): Promise<TestDoor> {
  const opened = await openDoor({ connections: {}, ...options });
  doors.push(opened);
  return opened;
}

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.terminate();
  for (const opened of doors.splice(0)) await opened.close();
});

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly data: { readonly code: string } };
}

interface Client {
  readonly socket: WebSocket;
  /** The code of the close, once it is closed. */
  readonly closed: Promise<number>;
  readonly say: (...messages: (string | object)[]) => void;
  /** The next messages. */
  readonly hear: (count: number) => Promise<Message[]>;
}

interface ClientOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly autoPong?: boolean;
}

/** A client that is connecting. */
function begin({ port }: TestDoor, { path = '/mcp', headers, protocols = [], autoPong = true }: ClientOptions): Client {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], {
    headers: { authorization: 'Bearer alice', ...headers },
    autoPong,
    perMessageDeflate: true,
  });
  const heard: Message[] = [];
  let wake = (): void => {};
  socket.on('message', (data: RawData) => {
    heard.push(JSON.parse((data as Buffer).toString()) as Message);
    wake();
  });
  const closed = new Promise<number>((resolve) => {
    socket.on('close', (code) => {
      resolve(code);
      wake();
    });
  });
  socket.on('error', () => {});
  const hear = async (count: number): Promise<Message[]> => {
    while (heard.length < count) {
      if (socket.readyState === socket.CLOSED) throw new Error(`Closed after ${JSON.stringify(heard)}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return heard.splice(0, count);
  };
  const say = (...messages: (string | object)[]): void => {
    for (const message of messages) socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  };
  const begun = { socket, closed, hear, say };
  clients.push(begun);
  return begun;
}

async function client(opened: TestDoor, options: ClientOptions = {}): Promise<Client> {
  const begun = begin(opened, options);
  await once(begun.socket, 'open');
  return begun;
}

/** The status and the stable code with which an upgrade is refused. */
async function refusal(opened: TestDoor, options: ClientOptions = {}): Promise<string> {
  const { socket } = begin(opened, options);
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    NodeJS.ReadableStream & { statusCode: number; headers: Record<string, string> },
  ];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  const error = JSON.parse(body) as Message & { readonly jsonrpc: string };
  expect([error.jsonrpc, 'id' in error, response.headers['content-type']]).toEqual(['2.0', false, 'application/json']);
  return `${response.statusCode} ${error.error?.data.code}`;
}

const UPGRADE = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A text frame of a client, masked with zeros. */
function frame(text: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x81_fe);
  head.writeUInt16BE(Buffer.byteLength(text), 2);
  return Buffer.concat([head, Buffer.from(text)]);
}

const cancelled = (requestId: number): object => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
});

describe('a WebSocket', () => {
  it('serves both eras, each message a text, with what is known of its caller', async () => {
    const opened = await door({
      localOf: ({ headers }, { subject }) => ({ folder: `/home/${subject}/${String(headers['x-folder'])}` }),
    });
    const { say, hear } = await client(opened, { path: '/mcp/v/other?tools=a', headers: { 'x-folder': 'w' } });
    say(call(0, 'tools/list'), stateless(1, 'server/discover')[0], stateless(2, 'tools/list')[0], hello('2025-06-18'));
    const answers = new Map((await hear(4)).map((message) => [message.id, message]));
    expect(answers.get(0)?.error?.data.code).toBe('invalid_request');
    expect(answers.get(1)?.result).toMatchObject({ resultType: 'complete' });
    expect(answers.get('hello')?.result).toMatchObject({ protocolVersion: '2025-06-18' });
    say({ jsonrpc: '2.0', method: 'notifications/initialized' }, call(3, 'ping'), call(4, 'tools/list'));
    expect((await hear(2)).map(({ id, result }) => [id, result])).toEqual([
      [3, {}],
      [4, { ok: true }],
    ]);
    const facts = opened.calls.map(({ transport, endpoint, local, principal, era, session }) => ({
      known: [transport, endpoint, local?.folder, principal.subject, era],
      session: session?.endpoint,
    }));
    const known = ['ws', '/mcp/v/other?tools=a', '/home/alice/w', 'alice'];
    expect(facts).toEqual([
      { known: [...known, 'stateless'], session: undefined },
      { known: [...known, 'session'], session: '/mcp/v/other?tools=a' },
    ]);
  });

  it('has sessions whose ids nobody guesses, and that end with it', async () => {
    const closed: string[] = [];
    const opened = await door({ served: { sessionClosed: ({ id }) => void closed.push(id) } });
    const both = [await client(opened), await client(opened)];
    for (const { say, hear } of both) {
      say(hello('2025-11-25'));
      await hear(1);
    }
    const ids = opened.opened.map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
    expect(ids.every((id) => /^[0-9a-f-]{36}$/.test(id))).toBe(true);
    both[0]?.socket.terminate();
    await expect.poll(() => closed).toEqual([ids[0]]);
    expect(opened.connections.size).toBe(1);
  });

  it('asks its client, hears of it, and tells it', async () => {
    const replies: ClientReply[] = [];
    const opened = await door({
      handle: async (exchange) => {
        exchange.notify({ jsonrpc: '2.0', method: 'notifications/progress' });
        replies.push(await exchange.ask('roots/list', { a: 1 }));
        return { kind: 'value', result: {} };
      },
    });
    const { say, hear } = await client(opened);
    say(hello('2025-11-25'));
    await hear(1);
    say(call(1));
    const [progress, ask] = await hear(2);
    expect([progress?.method, ask?.method, ask?.params]).toEqual(['notifications/progress', 'roots/list', { a: 1 }]);
    opened.opened[0]?.notify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    say({ jsonrpc: '2.0', id: ask?.id, result: { roots: [] } }, { jsonrpc: '2.0', method: 'notifications/x' });
    expect((await hear(2)).map(({ id, method }) => id ?? method)).toEqual(['notifications/tools/list_changed', 1]);
    expect([replies, opened.told]).toEqual([[{ result: { roots: [] } }], ['notifications/x']]);
  });

  it('cancels by notification, and all that is under way when its client goes', async () => {
    const opened = await door(handlers());
    const { say, hear, socket } = await client(opened);
    say(stateless(1, 'hang')[0], stateless(2, 'hang')[0], cancelled(1), stateless(3, 'x')[0]);
    expect((await hear(1))[0]?.id).toBe(3);
    expect(opened.calls.map((exchange) => exchange.cancelled)).toEqual([true, false, false]);
    socket.terminate();
    await expect.poll(() => opened.calls[1]?.cancelled).toBe(true);
  });

  it('refuses what is no message, and goes on', async () => {
    const { say, hear } = await client(await door());
    say('{', '', `[${call(1, 'ping')}]`, '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', `\n${call('ok', 'ping')}\n`);
    say(hello('2025-11-25'));
    expect((await hear(6)).map(({ id, error }) => error?.data.code ?? id)).toEqual([
      'parse',
      'parse',
      'invalid_request',
      'invalid_request',
      'ok',
      'hello',
    ]);
  });

  it('carries large answers whole', async () => {
    const big = 'ü'.repeat(1024 * 1024);
    const opened = await door({ handle: async () => preparedResult(`{"big":"${big}"}`) });
    const { say, hear } = await client(opened);
    say(stateless(1, 'x')[0], stateless(2, 'x')[0]);
    expect((await hear(2)).map(({ id, result }) => [id, result?.['big'] === big])).toEqual([
      [1, true],
      [2, true],
    ]);
  });
});

describe('an upgrade', () => {
  it.each([
    [{ headers: { host: 'evil.test' } }, '403 forbidden_origin'],
    [{ headers: { origin: 'http://evil.test' } }, '403 forbidden_origin'],
    [{ headers: { origin: 'null' } }, '403 forbidden_origin'],
    [{ headers: { authorization: '' } }, '401 unauthenticated'],
    [{ headers: { authorization: 'Bearer mallory' } }, '401 unauthenticated'],
    [{ headers: { authorization: 'Bearer mallory', origin: 'http://evil.test' } }, '403 forbidden_origin'],
    [{ path: '/mcp?key=alice', headers: { authorization: '' } }, '401 unauthenticated'],
    [{ headers: { authorization: '' }, protocols: ['mcp', 'alice'] }, '401 unauthenticated'],
    [{ headers: { authorization: '', cookie: 'authorization=Bearer%20alice' } }, '401 unauthenticated'],
    [{ path: '/mcp/v/none' }, '404 no_such_path'],
    [{ path: '/mcp/v/none', headers: { authorization: '' } }, '401 unauthenticated'],
    [{ path: '/mcp/' }, '404 no_such_path'],
    [{ path: '/sse', headers: { accept: 'application/json' } }, '406 not_acceptable'],
    [{ headers: { 'content-length': '5' } }, '406 not_acceptable'],
  ])('P2-09 SES-03 DSA-13 %j is refused: %s', async (options, expected) => {
    const opened = await door();
    expect(await refusal(opened, options)).toBe(expected);
    expect(opened.connections.size).toBe(0);
  });

  it('is an ordinary GET where no WebSocket is served', async () => {
    const opened = await openDoor();
    doors.push(opened);
    expect(await refusal(opened)).toBe('406 not_acceptable');
    expect(await refusal(opened, { path: '/sse' })).toBe('404 no_such_path');
  });

  it('may come from an origin that is allowed, and agrees on a sub-protocol and on no compression', async () => {
    const opened = await door({ origins: ['https://app.example'] });
    const { socket } = await client(opened, { headers: { origin: 'https://app.example' }, protocols: ['x', 'mcp'] });
    expect([socket.protocol, socket.extensions]).toEqual(['mcp', '']);
  });

  it('to another protocol is ignored', async () => {
    const opened = await door();
    const headers = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
    };
    const [body, more] = stateless(1, 'tools/call', { name: 'echo' });
    const response = await opened.post(body, { ...more, ...headers });
    expect([response.status, JSON.parse(response.body)]).toMatchObject([200, { id: 1, result: { ok: true } }]);
    const posted = await opened.post(body, { ...more, connection: 'upgrade', upgrade: 'websocket' });
    expect(posted.status).toBe(200);
  });

  it.each([{ 'sec-websocket-version': '8' }, { 'sec-websocket-version': '' }, { 'sec-websocket-key': 'short' }])(
    'with %j is refused',
    async (headers) => {
      const opened = await door();
      const response = await opened.request('GET', '/mcp', { ...UPGRADE, ...headers });
      expect([response.status, JSON.parse(response.body)]).toMatchObject([400, { error: { code: -32600 } }]);
      expect(opened.connections.size).toBe(0);
    },
  );

  it('is an ordinary GET while an answer is still to be written on its socket', async () => {
    const { handle, release } = handlers();
    let asked = 0;
    const authenticate = (): Principal => {
      asked++;
      return { issuer: 'test', subject: 'alice', roles: [] };
    };
    const opened = await door({ handle, authenticate });
    const raw = await opened.connect();
    raw.post(...stateless(1, 'wait'));
    raw.request('GET', '/mcp', UPGRADE);
    await expect.poll(() => asked).toBe(2);
    release();
    expect((await raw.response()).status).toBe(200);
    expect((await raw.response()).status).toBe(406);
    raw.destroy();
  });

  it('may have its first message right behind it', async () => {
    const opened = await door();
    const raw = await opened.connect();
    raw.socket.cork();
    raw.request('GET', '/mcp', UPGRADE);
    raw.socket.write(frame(hello('2025-11-25')));
    raw.socket.uncork();
    await raw.until((text) => text.includes('"protocolVersion":"2025-11-25"') || undefined);
    expect(opened.opened).toHaveLength(1);
    raw.destroy();
  });

  it('with a wrong credential counts as a failure to log in', async () => {
    const keys = { verify: () => undefined, holds: () => false };
    const opened = await door({ authenticate: authenticateByKeys(keys, 2) });
    const told = [await refusal(opened), await refusal(opened), await refusal(opened)];
    expect(told).toEqual(['401 unauthenticated', '401 unauthenticated', '429 rate_limited']);
  });

  it('P2-09 DOS-10 is refused over the cap of a principal, and possible again when one is gone', async () => {
    const opened = await door({ connections: {}, maxPerPrincipal: 5 });
    const held = await Promise.all([1, 2, 3, 4, 5].map(() => client(opened)));
    expect(await refusal(opened)).toBe('429 rate_limited');
    await client(opened, { headers: { authorization: 'Bearer bob' } });
    held[0]?.socket.close();
    await expect.poll(() => opened.connections.size).toBe(5);
    await client(opened);
  });

  it('P2-09 takes a socket of those that its address may have, for as long as it is open', async () => {
    const opened = await door({ limits: { connectionsPerAddress: 2 } });
    const [first] = [await client(opened), await client(opened)];
    expect((await opened.request('GET', '/healthz')).status).toBe(429);
    first.socket.close();
    await first.closed;
    await expect.poll(async () => (await opened.request('GET', '/healthz')).status).toBe(200);
  });

  it('that is cut half-way costs nothing but itself', async () => {
    const opened = await door();
    for (let at = 0; at < 20; at++) {
      const raw = await opened.connect();
      raw.request('GET', '/mcp', at % 2 === 0 ? UPGRADE : { ...UPGRADE, authorization: '' });
      raw.socket.write('', () => raw.socket.resetAndDestroy());
      await raw.closed;
    }
    await client(opened);
    await expect.poll(() => opened.connections.size).toBe(1);
  });
});

describe('frames', () => {
  it('P2-09 of 5 MB are 1009 where 4 MiB are the limit, and the place is free at once', async () => {
    const opened = await door({ maxBodyBytes: 4 * 1024 * 1024, maxPerPrincipal: 1 });
    const { say, closed } = await client(opened);
    say(call('large', 'ping').padEnd(5 * 1024 * 1024, ' '));
    expect(await closed).toBe(1009);
    await expect.poll(() => opened.connections.size).toBe(0);
    const next = await client(opened);
    next.say(call('full', 'ping').padEnd(4 * 1024 * 1024, ' '));
    expect(await next.hear(1)).toMatchObject([{ id: 'full' }]);
  });

  it('over the size are 1009, binary ones 1003, text that is no UTF-8 1007', async () => {
    const opened = await door({ ...handlers(), maxBodyBytes: 4096 });
    const whole = await client(opened);
    whole.say(call('full', 'ping').padEnd(4096, ' '));
    expect(await whole.hear(1)).toMatchObject([{ id: 'full' }]);
    for (const [code, data, binary] of [
      [1009, call('over', 'ping').padEnd(4097, ' '), false],
      [1003, call('binary', 'ping'), true],
      [1007, Buffer.from([0x22, 0xff, 0x22]), false],
    ] as const) {
      const { say, socket, closed } = await client(opened);
      say(stateless(1, 'hang')[0]);
      socket.send(data, { binary });
      socket.send(stateless('after', 'x')[0]);
      expect(await closed).toBe(code);
      await expect.poll(() => opened.calls.at(-1)?.cancelled).toBe(true);
    }
    expect(opened.connections.size).toBe(1);
    expect(opened.calls.map(({ message }) => message.id)).toEqual([1, 1, 1]);
  });

  it('that come in too many pieces end the connection', async () => {
    const opened = await door();
    const fragments = await client(opened);
    for (let at = 0; at <= 16 * 1024; at++) fragments.socket.send(' ', { fin: false });
    expect(await fragments.closed).toBe(1008);
    const raw = await opened.connect();
    raw.socket.setNoDelay(true);
    raw.request('GET', '/mcp', UPGRADE);
    await raw.until((text) => text.includes('\r\n\r\n') || undefined);
    raw.socket.write(frame(' '.repeat(60_000)).subarray(0, 8));
    for (let at = 0; at < 60_000 && opened.connections.size > 0; at++) {
      raw.socket.write(' ');
      await new Promise((resolve) => setImmediate(resolve));
    }
    // A close frame of the code 1008 (0x03f0).
    await raw.until((text) => text.includes('\u0003\u00f0') || undefined);
    raw.destroy();
  });

  it('of any bytes harm nobody else', async () => {
    const opened = await door();
    const good = await client(opened);
    const text = fc.oneof(
      fc.json(),
      fc.constantFrom(stateless(1, 'x')[0], call(1), hello('2025-11-25'), `[${call(2)}]`),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
      text.map((each) => frame(each)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 6 }), async (pieces) => {
        const raw = await opened.connect();
        raw.request('GET', '/mcp', UPGRADE);
        await raw.until((received) => received.includes('\r\n\r\n') || undefined);
        for (const piece of pieces) raw.socket.write(piece);
        raw.socket.end();
        await raw.closed;
      }),
      { numRuns: 60 },
    );
    good.say(stateless('good', 'x')[0]);
    expect(await good.hear(1)).toMatchObject([{ id: 'good', result: { ok: true } }]);
    await expect.poll(() => opened.connections.size).toBe(1);
  }, 30_000);

  it('that are none end the connection', async () => {
    const opened = await door();
    const raw = await opened.connect();
    raw.request('GET', '/mcp', UPGRADE);
    await raw.until((text) => text.includes('\r\n\r\n') || undefined);
    // Not masked, as a client's frames must be, and with reserved bits.
    raw.socket.write(Buffer.alloc(64, 0x7e));
    // A close frame of the code 1002 (0x03ea).
    await raw.until((text) => text.includes('\u0088\u0002\u0003\u00ea') || undefined);
    raw.destroy();
    await expect.poll(() => opened.connections.size).toBe(0);
  });
});

describe('sweeps', () => {
  it('P2-09 end a peer that has not ponged by the next, and no other', async () => {
    const opened = await door(handlers());
    const alive = await client(opened);
    const silent = await client(opened, { autoPong: false });
    silent.say(stateless(1, 'hang')[0]);
    await expect.poll(() => opened.calls.length).toBe(1);
    const pinged = Promise.all([once(alive.socket, 'ping'), once(silent.socket, 'ping')]);
    opened.sweep();
    await pinged;
    // Its pong was written before this request.
    alive.say(stateless(2, 'x')[0]);
    await alive.hear(1);
    opened.sweep();
    expect(await silent.closed).toBe(1006);
    await expect.poll(() => opened.calls[0]?.cancelled).toBe(true);
    expect([opened.connections.size, alive.socket.readyState]).toEqual([1, alive.socket.OPEN]);
  });

  it('drain a connection that has reached its age', async () => {
    const opened = await door({ connections: { absoluteMs: 1000 } });
    const { closed, say, hear } = await client(opened);
    opened.clock.nowMs += 999;
    opened.sweep();
    say(call(1, 'ping'));
    await hear(1);
    expect(opened.connections.size).toBe(1);
    opened.clock.nowMs += 1;
    opened.sweep();
    expect(await closed).toBe(1001);
  });
});

describe('a slow reader', () => {
  const big = 'b'.repeat(512 * 1024);
  const answer = async (): ReturnType<NonNullable<DoorOptions['handle']>> => preparedResult(`{"big":"${big}"}`);

  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  /** Asks for more and more while its client does not read. Resolves when no more requests are taken. */
  async function stuff(opened: TestDoor, { say, socket }: Client): Promise<void> {
    socket.pause();
    for (let id = 0; id < 64; id++) say(stateless(id, 'x')[0]);
    for (let taken = -1; taken !== opened.calls.length;) {
      taken = opened.calls.length;
      await turns();
    }
  }

  it('is not read from while much waits, is alive as long as it takes something, and gets all in the end', async () => {
    const opened = await door({ handle: answer });
    const slow = await client(opened);
    await stuff(opened, slow);
    expect(opened.calls.length).toBeLessThan(64);
    for (let sweep = 0; sweep < 4; sweep++) {
      opened.sweep();
      slow.socket.resume();
      await slow.hear(8);
      slow.socket.pause();
      await turns();
    }
    slow.socket.resume();
    await slow.hear(32);
    expect([opened.calls.length, opened.connections.size]).toEqual([64, 1]);
  });

  it('is alive while it takes a single message, however large', async () => {
    const huge = 'h'.repeat(24 * 1024 * 1024);
    const opened = await door({ handle: async () => preparedResult(`"${huge}"`) });
    const raw = await opened.connect();
    raw.request('GET', '/mcp', UPGRADE);
    await raw.until((text) => text.includes('\r\n\r\n') || undefined);
    raw.socket.pause();
    raw.socket.write(frame(stateless(1, 'x')[0]));
    await expect.poll(() => opened.calls.length).toBe(1);
    for (let sweep = 0; sweep < 4; sweep++) {
      await turns();
      opened.sweep();
      const before = raw.received.length;
      raw.socket.resume();
      await raw.until((text) => text.length > before + 4 * 1024 * 1024 || undefined);
      raw.socket.pause();
    }
    expect(opened.connections.size).toBe(1);
    raw.destroy();
  });

  it('is ended within two sweeps when it takes nothing at all', async () => {
    const opened = await door({ handle: answer });
    const slow = await client(opened);
    await stuff(opened, slow);
    opened.sweep();
    opened.sweep();
    opened.sweep();
    await expect.poll(() => opened.connections.size).toBe(0);
  });

  it('is given up when it is told more and more', async () => {
    const opened = await door(handlers());
    const { say, socket } = await client(opened);
    socket.pause();
    say(stateless(1, 'hang')[0]);
    await expect.poll(() => opened.calls.length).toBe(1);
    const [exchange] = opened.calls as [Exchange];
    for (let at = 0; at < 100 && !exchange.cancelled; at++) {
      exchange.notify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'z'.repeat(1024 * 1024) } });
    }
    expect([exchange.cancelled, opened.connections.size]).toEqual([true, 0]);
  });
});

describe('the end', () => {
  it('comes after the calls under way are answered: close 1001, none lost, none begun', async () => {
    const { handle, release } = handlers();
    const opened = await door({ handle });
    const busy = await client(opened);
    const idle = await client(opened);
    for (let id = 0; id < 50; id++) busy.say(stateless(id, 'wait')[0]);
    await expect.poll(() => opened.calls.length).toBe(50);
    opened.connections.drain();
    const listening = opened.listener.close(60_000);
    expect(await idle.closed).toBe(1001);
    busy.say(stateless('late', 'x')[0]);
    expect(await busy.hear(1)).toMatchObject([{ id: 'late', error: { data: { code: 'shutting_down' } } }]);
    release();
    expect((await busy.hear(50)).map(({ id, result }) => [id, result])).toEqual(
      Array.from({ length: 50 }, (_, id) => [id, { method: 'wait' }]),
    );
    expect(await busy.closed).toBe(1001);
    await listening;
  });

  it('opens no more', async () => {
    const opened = await door();
    opened.connections.drain();
    expect(await refusal(opened)).toBe('503 shutting_down');
  });

  it('is cut when its time is over', async () => {
    const opened = await door(handlers());
    const { say, closed } = await client(opened);
    say(stateless(1, 'hang')[0]);
    await expect.poll(() => opened.calls.length).toBe(1);
    opened.connections.drain();
    await opened.listener.close(1);
    expect(await closed).toBe(1006);
    await expect.poll(() => opened.calls[0]?.cancelled).toBe(true);
  });
});
