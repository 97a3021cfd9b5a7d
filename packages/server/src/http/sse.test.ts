import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { afterEach, describe, expect, it } from 'vitest';
import { preparedResult, type Exchange } from '../exchange.ts';
import { call, handlers, hello, openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';
import { JSON_HEADERS, type RawClient, type RawResponse } from '../testing/raw-client.ts';

const doors: TestDoor[] = [];
const clients: RawClient[] = [];

async function door(options: DoorOptions = {}): Promise<TestDoor> {
  const opened = await openDoor({ connections: {}, ...options });
  doors.push(opened);
  return opened;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const opened of doors.splice(0)) await opened.close();
});

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly data: { readonly code: string; readonly supported?: string[] } };
}

interface Stream {
  readonly raw: RawClient;
  /** Where to post to. */
  readonly target: string;
  /** All messages so far, when there are so many. */
  readonly messages: (count: number) => Promise<Message[]>;
  readonly post: (body: string, headers?: Readonly<Record<string, string>>) => Promise<RawResponse>;
}

async function stream(opened: TestDoor, headers: Readonly<Record<string, string>> = {}): Promise<Stream> {
  const raw = await opened.connect();
  clients.push(raw);
  raw.request('GET', '/sse', { accept: 'text/event-stream', ...headers });
  const [first] = await raw.untilEvents(1);
  const target = first?.data ?? '';
  return {
    raw,
    target,
    messages: async (count) =>
      (await raw.untilEvents(count + 1)).slice(1).map(({ data }) => JSON.parse(data) as Message),
    post: (body, more) =>
      opened.request('POST', target, { 'content-type': 'application/json', ...headers, ...more }, body),
  };
}

function codeOf({ status, body, headers }: RawResponse): string {
  const error = JSON.parse(body) as Message;
  expect(headers['content-type']).toBe('application/json');
  return `${status} ${error.error?.data.code}`;
}

describe('HTTP+SSE', () => {
  it('serves a client of the SDK', async () => {
    const opened = await door({
      handle: async (exchange) => {
        if (exchange.message.method !== 'tools/call') return preparedResult('{"tools":[]}');
        exchange.notify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } });
        const reply = await exchange.ask('roots/list', undefined);
        return preparedResult(JSON.stringify({ content: [{ type: 'text', text: JSON.stringify(reply) }] }));
      },
    });
    const headers = { authorization: 'Bearer alice' };
    const transport = new SSEClientTransport(new URL(`http://127.0.0.1:${opened.port}/sse`), {
      requestInit: { headers },
      eventSourceInit: {
        fetch: (url, init) => fetch(url, { ...init, headers: { ...headers, accept: 'text/event-stream' } }),
      },
    });
    const client = new Client({ name: 'v1', version: '1' }, { capabilities: { roots: {} } });
    const logged = new Promise((resolve) => {
      client.fallbackNotificationHandler = async ({ method }) => resolve(method);
    });
    client.fallbackRequestHandler = async () => ({ roots: [{ uri: 'file:///a' }] });
    await client.connect(transport);
    expect((await client.listTools()).tools).toEqual([]);
    const result = await client.callTool({ name: 'x' });
    expect(result.content).toEqual([{ type: 'text', text: '{"result":{"roots":[{"uri":"file:///a"}]}}' }]);
    expect(await logged).toBe('notifications/message');
    await client.close();
    await expect.poll(() => opened.connections.size).toBe(0);
  });

  it('begins with where to post to, and answers there what was posted: the answer goes over the stream', async () => {
    const opened = await door({ localOf: (_request, { subject }) => ({ folder: `/home/${subject}` }) });
    const { raw, target, post, messages } = await stream(opened);
    expect(target).toMatch(/^\/messages\?sessionId=[0-9a-f-]{36}$/);
    expect(raw.received).toContain('event: endpoint\n');
    const posted = await post(hello('2025-06-18'));
    expect([posted.status, posted.body]).toEqual([202, '']);
    await post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    await post('{"jsonrpc":"2.0","method":"notifications/x"}');
    await post(call(1, 'tools/list'));
    const [greeting, answer] = await messages(2);
    expect(greeting?.result).toMatchObject({ protocolVersion: '2025-06-18' });
    expect([answer?.id, answer?.result, opened.told]).toEqual([1, { ok: true }, ['notifications/x']]);
    expect(raw.received).toContain('event: message\n');
    const [exchange] = opened.calls as [Exchange];
    const { transport, endpoint, local, session } = exchange;
    expect([transport, endpoint, local?.folder, session?.endpoint]).toEqual(['sse', '/sse', '/home/alice', '/sse']);
    expect(target).not.toContain(session?.id);
  });

  it('needs initialize, and serves the session era alone', async () => {
    const { post, messages } = await stream(await door());
    await post(call(1, 'tools/list'));
    const [body, headers] = stateless(2, 'tools/list');
    await post(body, headers);
    const [early, foreign] = await messages(2);
    expect([early?.id, early?.error?.data.code]).toEqual([1, 'invalid_request']);
    expect([foreign?.id, foreign?.error?.data.code]).toEqual([2, 'unsupported_version']);
    expect(foreign?.error?.data.supported).toContain('2024-11-05');
    expect(foreign?.error?.data.supported).not.toContain('2026-07-28');
  });

  it('asks its client, and takes the answer by POST', async () => {
    const opened = await door({
      handle: async (exchange) => ({
        kind: 'value',
        result: { reply: await exchange.ask('roots/list', undefined) } as never,
      }),
    });
    const { post, messages } = await stream(opened);
    await post(hello('2024-11-05'));
    await post(call(1));
    const [, ask] = await messages(2);
    expect(ask?.method).toBe('roots/list');
    await post(JSON.stringify({ jsonrpc: '2.0', id: ask?.id, result: { roots: [] } }));
    expect((await messages(3))[2]).toMatchObject({ id: 1, result: { reply: { result: { roots: [] } } } });
  });

  it('cancels by notification, and all that is under way when its client goes', async () => {
    const closed: string[] = [];
    const opened = await door({ ...handlers(), served: { sessionClosed: ({ id }) => void closed.push(id) } });
    const { raw, post, messages } = await stream(opened);
    await post(hello('2024-11-05'));
    for (const id of [1, 2]) await post(call(id, 'hang'));
    await post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    await post(call(3, 'x'));
    expect((await messages(2))[1]?.id).toBe(3);
    expect(opened.calls.map((exchange) => exchange.cancelled)).toEqual([true, false, false]);
    raw.destroy();
    await expect.poll(() => opened.calls[1]?.cancelled).toBe(true);
    expect(closed).toHaveLength(1);
    expect(codeOf(await post(call(4, 'x')))).toBe('404 no_session');
  });

  it('has one message on one line of an event, whatever the answer holds', async () => {
    const opened = await door({
      handle: async () => ({
        kind: 'result',
        before: Buffer.from('{"jsonrpc":"2.0",\r\n"id":'),
        after: Buffer.from(',\n"result":\r{}}\n\n'),
      }),
    });
    const { post, messages } = await stream(opened);
    await post(hello('2024-11-05'));
    await post(call(1));
    expect((await messages(2))[1]).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
  });
});

describe('a POST to a stream', () => {
  it.each([
    [{ 'content-type': 'text/plain' }, '{}', '415 unsupported_media_type'],
    [{ 'content-type': 'application/json; charset=latin1' }, '{}', '415 unsupported_media_type'],
    [{ 'content-encoding': 'gzip' }, '{}', '415 unsupported_media_type'],
    [{}, '{', '400 parse'],
    [{}, '[]', '400 invalid_request'],
    [{}, `[${call(1, 'ping')}]`, '400 invalid_request'],
    [{}, '{"jsonrpc":"2.0","id":null,"method":"ping"}', '400 invalid_request'],
    [{}, 'x'.repeat(4097), '413 too_large'],
    [{ host: 'evil.test' }, '{}', '403 forbidden_origin'],
    [{ origin: 'http://evil.test' }, '{}', '403 forbidden_origin'],
    [{ authorization: '' }, '{}', '401 unauthenticated'],
    [{ authorization: 'Bearer bob' }, call(1, 'ping'), '404 no_session'],
  ])('with %j and %.20s is refused: %s', async (headers, body, expected) => {
    const opened = await door({ maxBodyBytes: 4096 });
    const { post, messages } = await stream(opened);
    expect(codeOf(await post(body, headers))).toBe(expected);
    await post(hello('2024-11-05'));
    expect(await messages(1)).toHaveLength(1);
    expect(opened.calls).toHaveLength(0);
  });

  it('names one that is open', async () => {
    const opened = await door();
    const { target } = await stream(opened);
    const id = target.slice(target.indexOf('=') + 1);
    for (const query of [
      '',
      '?',
      '?sessionId=',
      `?sessionid=${id}`,
      `?sessionId=${id}0`,
      `?xsessionId=${id}`,
      '?sessionId=__proto__',
    ]) {
      expect(codeOf(await opened.request('POST', `/messages${query}`, JSON_HEADERS, call(1, 'ping'))), query).toBe(
        '404 no_session',
      );
    }
    expect(
      (await opened.request('POST', `/messages?a=b&sessionId=${id}&c`, JSON_HEADERS, call(1, 'ping'))).status,
    ).toBe(202);
  });

  it('is the only way in', async () => {
    const opened = await door();
    const { target } = await stream(opened);
    expect(codeOf(await opened.request('GET', target))).toBe('405 method_not_allowed');
    const posted = await opened.request('POST', '/sse', JSON_HEADERS, hello('2025-06-18'));
    expect([codeOf(posted), posted.headers['allow']]).toEqual(['405 method_not_allowed', 'GET']);
  });
});

describe('a stream', () => {
  it.each([
    [{ host: 'evil.test' }, '403 forbidden_origin'],
    [{ origin: 'null' }, '403 forbidden_origin'],
    [{ authorization: '' }, '401 unauthenticated'],
    [{ accept: 'application/json' }, '406 not_acceptable'],
  ])('with %j is refused: %s', async (headers, expected) => {
    expect(codeOf(await (await door()).request('GET', '/sse', headers))).toBe(expected);
  });

  it('does not exist where it is not served', async () => {
    const opened = await openDoor();
    doors.push(opened);
    expect(codeOf(await opened.request('GET', '/sse'))).toBe('404 no_such_path');
    expect(codeOf(await opened.request('POST', '/messages?sessionId=x', JSON_HEADERS, '{}'))).toBe('404 no_such_path');
  });

  it('is refused over the cap of a principal, and possible again when one is gone', async () => {
    const opened = await door({ connections: {}, maxPerPrincipal: 2 });
    const first = await stream(opened);
    await stream(opened);
    const refused = await opened.request('GET', '/sse');
    expect([codeOf(refused), refused.headers['retry-after']]).toEqual(['429 rate_limited', '60']);
    await stream(opened, { authorization: 'Bearer bob' });
    first.raw.destroy();
    await expect.poll(() => opened.connections.size).toBe(2);
    await stream(opened);
  });

  it('has heartbeats, and takes no more messages while its client does not read: they wait', async () => {
    const { opened, raw, posted } = await unread();
    expect(raw.received).toContain(': \n\n');
    expect(opened.calls.length).toBeLessThan(16);
    raw.socket.resume();
    const statuses = await Promise.all(posted.map(async (poster) => (await poster.response()).status));
    expect(statuses).toEqual(Array.from({ length: 16 }, () => 202));
    await expect.poll(() => opened.calls.length).toBe(16);
  });

  it('lets few messages wait, refuses the rest without their bodies, and forgets whose sender has left', async () => {
    const { opened, raw, posted } = await unread();
    const more = await postAll(opened, raw, 20);
    await untilRefused(more);
    const { status, headers } = await announced(opened, raw, 4096);
    expect([status, headers['retry-after']]).toEqual([429, '1']);
    const refused = more.filter(isRefused);
    expect(refused.length).toBeGreaterThan(3);
    for (const poster of [...posted, ...more]) poster.destroy();
    const taken = opened.calls.length;
    // The server has seen that they left when what it did for them is over.
    await expect.poll(() => opened.listener.sockets).toBe(1);
    raw.socket.resume();
    const late = await opened.request('POST', targetOf(raw), JSON_HEADERS, call('late'));
    expect([late.status, opened.calls.length]).toEqual([202, taken + 1]);
  });

  it('lets few bytes wait, too', async () => {
    const { opened, raw, posted } = await unread(3 * 1024 * 1024);
    await untilRefused(posted);
    expect((await announced(opened, raw, 3 * 1024 * 1024)).status).toBe(429);
    raw.socket.resume();
    const statuses = await Promise.all(posted.map(async (poster) => (await poster.response()).status));
    await expect.poll(() => opened.calls.length).toBe(statuses.filter((status) => status === 202).length);
    expect(opened.calls.length).toBeLessThan(16);
  });

  it('is cut within two sweeps when its client takes nothing, and what waited with it is told', async () => {
    const { opened, posted } = await unread();
    for (let sweep = 0; sweep < 3; sweep++) opened.sweep();
    await expect.poll(() => opened.connections.size).toBe(0);
    const statuses = await Promise.all(posted.map(async (poster) => (await poster.response()).status));
    expect(new Set(statuses)).toEqual(new Set([202, 404]));
    expect(opened.calls.length).toBeLessThan(16);
  });

  it('ends after the calls under way are answered: none lost, none begun', async () => {
    const { handle, release } = handlers();
    const opened = await door({ handle });
    const { raw, post, messages } = await stream(opened);
    await post(hello('2024-11-05'));
    for (let id = 0; id < 50; id++) await post(call(id, 'wait'));
    opened.connections.drain();
    await post(call('late'));
    expect((await messages(2))[1]).toMatchObject({ id: 'late', error: { data: { code: 'shutting_down' } } });
    expect(codeOf(await opened.request('GET', '/sse'))).toBe('503 shutting_down');
    release();
    expect((await messages(52)).slice(2).map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, id) => id));
    const listening = opened.listener.close(60_000);
    await raw.closed;
    await listening;
  });
});

interface Unread {
  readonly opened: TestDoor;
  readonly raw: RawClient;
  readonly posted: readonly RawClient[];
}

/** A stream that is not read, and sixteen requests, of such a size, whose answers are large, all of which have arrived. */
async function unread(bytes = 0): Promise<Unread> {
  const big = 'b'.repeat(1024 * 1024);
  let arrived = 0;
  const opened = await door({
    maxBodyBytes: 4 * 1024 * 1024,
    handle: async () => preparedResult(`{"big":"${big}"}`),
    authenticate: () => {
      arrived++;
      return { issuer: 'test', subject: 'alice', roles: [] };
    },
  });
  const { raw, post, messages } = await stream(opened);
  await post(hello('2024-11-05'));
  await messages(1);
  opened.sweep();
  await raw.until((received) => received.includes(': \n\n') || undefined);
  raw.socket.pause();
  const before = arrived;
  const posted = await postAll(opened, raw, 16, bytes);
  await expect.poll(() => arrived - before).toBe(16);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  return { opened, raw, posted };
}

async function postAll(opened: TestDoor, { received }: RawClient, count: number, bytes = 0): Promise<RawClient[]> {
  const posted = await Promise.all(Array.from({ length: count }, () => opened.connect()));
  clients.push(...posted);
  for (const [id, poster] of posted.entries()) {
    const body = call(`${count} ${id}`, 'tools/call', { name: 'echo', pad: 'p'.repeat(bytes) });
    poster.request('POST', targetOf({ received }), { 'content-type': 'application/json' }, body);
  }
  return posted;
}

/** The answer to a POST of which only the head is sent. */
async function announced(opened: TestDoor, raw: RawClient, bytes: number): Promise<RawResponse> {
  const poster = await opened.connect();
  clients.push(poster);
  poster.request('POST', targetOf(raw), { 'content-type': 'application/json', 'content-length': `${bytes}` });
  const response = await poster.response();
  poster.destroy();
  return response;
}

function isRefused({ received }: RawClient): boolean {
  return received.startsWith('HTTP/1.1 429');
}

async function untilRefused(posted: readonly RawClient[]): Promise<void> {
  await Promise.any(posted.map((poster) => poster.until(() => isRefused(poster) || undefined)));
}

function targetOf({ received }: Pick<RawClient, 'received'>): string {
  return /data: (\/messages\S+)/.exec(received)?.[1] ?? '';
}
