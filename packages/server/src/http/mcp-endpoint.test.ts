import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  call,
  hello,
  inSession,
  openDoor,
  STATELESS_META,
  stateless,
  type DoorOptions,
  type TestDoor,
} from '../testing/door.ts';
import { JSON_HEADERS, type RawClient, type RawResponse } from '../testing/raw-client.ts';
import type { ClientReply, Exchange } from '../exchange.ts';

const doors: TestDoor[] = [];

async function door(options?: DoorOptions): Promise<TestDoor> {
  const opened = await openDoor(options);
  doors.push(opened);
  return opened;
}

afterEach(async () => {
  for (const opened of doors.splice(0)) await opened.close();
});

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly data: { readonly code: string } };
}

function message(response: RawResponse | { data: string }): Message {
  return JSON.parse('data' in response ? response.data : response.body) as Message;
}

/** Status and stable code of an error body. */
function told(response: RawResponse): string {
  return `${response.status} ${message(response).error?.data.code ?? 'no error'}`;
}

const [BODY, HEADERS] = stateless(1, 'tools/call', { name: 'echo' });
const never = (): Promise<never> => new Promise(() => {});
const progress = (exchange: Exchange, step = 0): void =>
  exchange.notify({ jsonrpc: '2.0', method: 'notifications/progress', params: { step } });

describe('what is no message', () => {
  const NESTED = '['.repeat(100_000);
  it.each([
    ['', 'parse'],
    ['{', 'parse'],
    ['nul', 'parse'],
    [`{"jsonrpc":"2.0","id":1,"method":"x"} trailing`, 'parse'],
    [`\uFEFF${BODY}`, 'parse'],
    ["{'jsonrpc':'2.0'}", 'parse'],
    ['{"a":1,}', 'parse'],
    ['[1,]', 'parse'],
    ['NaN', 'parse'],
    ['"\u0001"', 'parse'],
    [NESTED, 'parse'],
    [`${NESTED}${']'.repeat(100_000)}`.slice(0, 60_000), 'parse'],
    ['null', 'invalid_request'],
    ['1e400', 'invalid_request'],
    ['"text"', 'invalid_request'],
    ['[]', 'invalid_request'],
    ['[[]]', 'invalid_request'],
    ['{}', 'invalid_request'],
    ['{"jsonrpc":"1.0","id":1,"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":null,"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":1.5,"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":-0,"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":1e400,"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":9007199254740993,"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":{},"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":[1],"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":true,"method":"x"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":1,"method":1}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":1,"method":""}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","method":"y"}', 'invalid_request'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","result":{}}', 'invalid_request'],
  ])('%.60s is %s', async (body, code) => {
    const opened = await door({ maxBodyBytes: 1024 * 1024 });
    const response = await opened.post(body, HEADERS);
    expect(told(response)).toBe(`400 ${code}`);
    expect(message(response).id).toBeOneOf([undefined, 1]);
    expect(opened.calls).toHaveLength(0);
  });

  it('INP-01 never is a 5xx, and is a JSON-RPC error without a null id', async () => {
    const opened = await door();
    const client = await opened.connect();
    const mutant = fc
      .tuple(fc.constantFrom(BODY, hello('2025-11-25'), call(3), `[${call(1)}]`), fc.nat(), fc.string())
      .map(([text, at, insert]) => text.slice(0, at % text.length) + insert + text.slice((at % text.length) + 1));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutant, fc.json(), fc.string()), async (body) => {
        client.post(body, HEADERS);
        const response = await client.response();
        expect(response.status).toBeLessThan(500);
        if (response.status < 400) return;
        expect(message(response).error?.data.code).toEqual(expect.any(String));
        expect(message(response).id).not.toBeNull();
      }),
      { numRuns: 500 },
    );
    client.destroy();
  });

  it.each([
    [{ 'content-type': 'text/plain' }, 415],
    [{ 'content-type': '' }, 415],
    [{ 'content-type': 'application/json; charset=utf-16' }, 415],
    [{ 'content-type': 'application/json-seq' }, 415],
    [{ 'content-type': 'multipart/form-data; boundary=x' }, 415],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 415],
    [{ 'content-encoding': 'gzip' }, 415],
    [{ 'content-encoding': 'br' }, 415],
    [{ accept: 'text/html' }, 406],
    [{ 'content-type': 'Application/JSON;charset="UTF-8"' }, 200],
    [{ 'content-type': 'application/json ; charset=utf-8' }, 200],
    [{ 'content-encoding': 'identity' }, 200],
    [{ accept: '*/*' }, 200],
  ])('P2-12 or comes as %j: %i', async (headers, status) => {
    const opened = await door();
    expect((await opened.post(BODY, { ...HEADERS, ...headers })).status).toBe(status);
    expect(opened.calls).toHaveLength(status === 200 ? 1 : 0);
  });

  it('P2-12 is invalid UTF-8', async () => {
    const client = await (await door()).connect();
    const bytes = Buffer.from(BODY.replace('echo', 'ec\u0001o'));
    bytes[bytes.indexOf(1)] = 0xff;
    client.request('POST', '/mcp', { ...JSON_HEADERS, ...HEADERS, 'content-length': String(bytes.length) });
    client.socket.write(bytes);
    expect(told(await client.response())).toBe('400 parse');
    client.destroy();
  });

  it('comes without a body or a content type at all', async () => {
    const opened = await door();
    expect((await opened.request('POST', '/mcp', { accept: '*/*' })).status).toBe(415);
    expect(told(await opened.request('POST', '/mcp', JSON_HEADERS))).toBe('400 parse');
  });

  it('a failure of what is served is an error and nothing more', async () => {
    const fail = (): never => {
      throw new Error('secret detail');
    };
    const opened = await door({
      handle: () => Promise.reject(new Error('secret detail')),
      served: { describe: fail, notified: fail },
    });
    const answers = [
      await opened.post(BODY, HEADERS),
      await opened.post(...stateless(2, 'server/discover')),
      await opened.post(hello('2025-11-25')),
    ];
    for (const answer of answers) expect(message(answer).error?.data.code).toBe('internal');
    expect(JSON.stringify(answers)).not.toContain('secret');
  });
});

describe('ids', () => {
  it('are echoed as they were', async () => {
    const opened = await door();
    for (const id of [0, -1, 9_007_199_254_740_991, '', '1', 'ä "\\\n\u2028', '__proto__', 'x'.repeat(256)]) {
      const answer = await opened.post(...stateless(id, 'tools/call', { name: 'echo' }));
      expect(message(answer)).toEqual({ jsonrpc: '2.0', id, result: { ok: true } });
    }
    expect(told(await opened.post(...stateless('x'.repeat(257), 'tools/call', { name: 'echo' })))).toBe(
      '400 invalid_request',
    );
  });

  it('in use are refused in a session, and belong to one session', async () => {
    const opened = await door({ handle: never });
    const [one, two] = [await opened.initialize(), await opened.initialize()];
    const waiting: RawClient[] = [];
    for (const session of [one, two]) {
      const client = await opened.connect();
      client.post(call(1), inSession(session));
      waiting.push(client);
    }
    await expect.poll(() => opened.calls.length).toBe(2);
    expect(told(await opened.post(call(1), inSession(one)))).toBe('400 invalid_request');
    expect(opened.endpoint.open).toBe(2);
    for (const client of waiting) client.destroy();
  });
});

describe('the stateless era', () => {
  it.each([
    [{ 'mcp-protocol-version': '' }, '400 header_mismatch'],
    [{ 'mcp-protocol-version': '2025-11-25' }, '400 header_mismatch'],
    [{ 'mcp-method': 'tools/list' }, '400 header_mismatch'],
    [{ 'mcp-method': '' }, '400 header_mismatch'],
    [{ 'mcp-method': 'TOOLS/CALL' }, '400 header_mismatch'],
    [{ 'mcp-name': 'other' }, '400 header_mismatch'],
    [{ 'mcp-name': 'Echo' }, '400 header_mismatch'],
    [{ 'mcp-name': '=?base64?b3RoZXI=?=' }, '400 header_mismatch'],
    [{ 'mcp-name': '=?base64?@@@?=' }, '400 header_mismatch'],
    [{ 'mcp-name': '=?base64?ZWNobw==?=' }, '200 no error'],
  ])('%j: %s', async (headers, expected) => {
    const opened = await door();
    expect(told(await opened.post(BODY, { ...HEADERS, ...headers }))).toBe(expected);
    expect(opened.calls).toHaveLength(expected.startsWith('200') ? 1 : 0);
  });

  it('refuses headers that are missing or sent twice', async () => {
    const opened = await door();
    for (const name of Object.keys(HEADERS)) {
      const { [name]: _left, ...rest } = HEADERS;
      expect(told(await opened.post(BODY, rest)), name).toBe('400 header_mismatch');
      const twice = { ...HEADERS, [name.toUpperCase()]: HEADERS[name] as string };
      expect(told(await opened.post(BODY, twice)), name).toBe('400 header_mismatch');
    }
    expect(opened.calls).toHaveLength(0);
  });

  it('INP-13 names what it supports to who asks for another version', async () => {
    const opened = await door();
    const body = BODY.replace('"2026-07-28"', '"2027-01-01"');
    const answer = await opened.post(body, { ...HEADERS, 'mcp-protocol-version': '2027-01-01' });
    expect(message(answer).error).toMatchObject({ code: -32022, data: { requested: '2027-01-01' } });
    expect(answer.status).toBe(400);
    const session = await opened.initialize();
    expect(told(await opened.post(call(1), inSession(session, '1999-01-01')))).toBe('400 unsupported_version');
  });

  it('SES-04 ignores session and event ids and mints none', async () => {
    const opened = await door();
    const session = await opened.initialize();
    for (const id of [session, 'made-up']) {
      const answer = await opened.post(BODY, { ...HEADERS, 'mcp-session-id': id, 'last-event-id': '0.1' });
      expect([answer.status, answer.headers['mcp-session-id']]).toEqual([200, undefined]);
    }
    expect(opened.calls.map((exchange) => exchange.session)).toEqual([undefined, undefined]);
  });

  it('has no GET, no DELETE, no responses and no batches', async () => {
    const opened = await door();
    const session = await opened.initialize();
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-session-id': session, accept: 'text/event-stream' };
    for (const method of ['GET', 'DELETE']) {
      const answer = await opened.request(method, '/mcp', headers);
      expect([told(answer), answer.headers['allow']]).toEqual(['405 method_not_allowed', 'POST']);
    }
    const post = { 'mcp-protocol-version': '2026-07-28' };
    expect(told(await opened.post('{"jsonrpc":"2.0","id":1,"result":{}}', post))).toBe('400 invalid_request');
    expect(told(await opened.post(`[${BODY}]`, HEADERS))).toBe('400 invalid_request');
    expect((await opened.post('{"jsonrpc":"2.0","method":"notifications/cancelled"}', post)).status).toBe(202);
    expect(opened.sessions.size).toBe(1);
  });

  it('is served what the client said of itself, and nothing of another request', async () => {
    const opened = await door();
    const meta = { ...STATELESS_META, 'io.modelcontextprotocol/logLevel': 'debug', other: 1 };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x/y', params: { _meta: meta, n: 1 } });
    await opened.post(body, { ...HEADERS, 'mcp-method': 'x/y' });
    await opened.post(...stateless(2, 'x/y'));
    expect(
      opened.calls.map(({ logLevel, client, text }) => [logLevel, client.info?.['name'], text.length > 10]),
    ).toEqual([
      ['debug', 'raw', true],
      [undefined, 'raw', true],
    ]);
    expect(opened.calls[0]?.text).toBe(body);
  });

  it('answers an error with its status', async () => {
    const opened = await door({
      handle: async () => ({
        kind: 'error',
        status: 404,
        error: { code: -32601, message: 'Unknown method.' },
        headers: { 'retry-after': '3' },
      }),
    });
    const answer = await opened.post(BODY, HEADERS);
    expect([answer.status, answer.headers['retry-after'], message(answer).id]).toEqual([404, '3', 1]);
  });
});

describe('sessions', () => {
  it('SES-04 begin with initialize, under an id that the client does not choose', async () => {
    const opened = await door();
    const answer = await opened.post(hello('2025-06-18'), { 'mcp-session-id': 'chosen' });
    expect(answer.headers['mcp-session-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(message(answer).result).toMatchObject({ protocolVersion: '2025-06-18' });
    expect(told(await opened.post(call(1), inSession('chosen')))).toBe('404 no_session');
    expect(message(await opened.post(hello('1999-01-01'))).result).toMatchObject({ protocolVersion: '2025-11-25' });
    expect(message(await opened.post(call(1, 'initialize', {}))).error?.code).toBe(-32602);
    expect(told(await opened.post(hello('2025-11-25'), { 'mcp-protocol-version': '2026-07-28' }))).toBe(
      '400 header_mismatch',
    );
  });

  it.each([
    [{}, '400 invalid_request'],
    [{ 'mcp-session-id': '' }, '404 no_session'],
    [{ 'mcp-session-id': 'unknown' }, '404 no_session'],
    [{ 'mcp-session-id': '__proto__' }, '404 no_session'],
    [{ 'mcp-session-id': 'OWN', authorization: 'Bearer bob' }, '404 no_session'],
    [{ 'mcp-session-id': 'OWN', 'MCP-SESSION-ID': 'OWN' }, '400 invalid_request'],
    [
      { 'mcp-session-id': 'OWN', 'mcp-protocol-version': '2025-11-25', 'MCP-Protocol-Version': '2025-11-25' },
      '400 unsupported_version',
    ],
    [{ 'mcp-session-id': 'OWN', 'mcp-protocol-version': 'x' }, '400 unsupported_version'],
    [{ 'mcp-session-id': 'OWN', 'mcp-protocol-version': '2026-07-28' }, '400 invalid_envelope'],
    [{ 'mcp-session-id': 'OWN' }, '200 no error'],
  ])('%j: %s', async (headers, expected) => {
    const opened = await door();
    const id = await opened.initialize();
    const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace('OWN', id)]));
    expect(told(await opened.post(call(1), named))).toBe(expected);
    const oneWay = await opened.post('{"jsonrpc":"2.0","method":"notifications/x"}', named);
    const isStateless = named['mcp-protocol-version'] === '2026-07-28';
    expect(oneWay.status).toBe(isStateless || expected.startsWith('200') ? 202 : Number(expected.slice(0, 3)));
  });

  it('belong to one name, though several names share the endpoint', async () => {
    const opened = await door({
      localOf: ({ headers }, { subject }) => ({ folder: `/${subject}/${String(headers['x-folder'])}` }),
    });
    const target = '/mcp/v/other?tools=a';
    const headers = { ...JSON_HEADERS, 'x-folder': 'w' };
    const greeted = await opened.request('POST', target, headers, hello('2025-11-25'));
    const session = inSession(greeted.headers['mcp-session-id'] ?? '');
    const statuses = await Promise.all(
      [target, '/mcp/v/other', '/mcp/v/other?tools=b', '/mcp'].map(async (each) => {
        const response = await opened.request('POST', each, { ...headers, ...session }, call(1));
        return response.status;
      }),
    );
    expect(statuses).toEqual([200, 404, 404, 404]);
    const [exchange] = opened.calls;
    expect([exchange?.endpoint, exchange?.session?.endpoint, exchange?.local?.folder]).toEqual([
      target,
      target,
      '/alice/w',
    ]);
  });

  it('belong to one endpoint, end with DELETE, and are gone afterwards', async () => {
    const opened = await door();
    const headers = inSession(await opened.initialize());
    expect((await opened.request('POST', '/mcp/v/other', { ...JSON_HEADERS, ...headers }, call(1))).status).toBe(404);
    expect((await opened.request('DELETE', '/mcp', { ...headers, authorization: 'Bearer bob' })).status).toBe(404);
    expect((await opened.post(call(1), headers)).status).toBe(200);
    expect((await opened.request('DELETE', '/mcp', headers)).status).toBe(204);
    expect(told(await opened.post(call(1), headers))).toBe('404 no_session');
    expect((await opened.request('DELETE', '/mcp', headers)).status).toBe(404);
    expect((await opened.request('GET', '/mcp', { ...headers, accept: 'text/event-stream' })).status).toBe(404);
  });

  it('P3-02 expire by idleness and by age; a call keeps one, to its end', async () => {
    const gate = Promise.withResolvers<void>();
    const opened = await door({
      sessionLimits: { idleMs: 1000, absoluteMs: 10_000 },
      handle: async () => {
        await gate.promise;
        return { kind: 'value', result: {} };
      },
    });
    const [idle, busy] = [await opened.initialize(), await opened.initialize()];
    const client = await opened.connect();
    client.post(call(1), inSession(busy));
    await expect.poll(() => opened.calls.length).toBe(1);
    opened.clock.nowMs += 1001;
    expect(told(await opened.post(call(1), inSession(idle)))).toBe('404 no_session');
    opened.sessions.sweep();
    expect(opened.sessions.size).toBe(1);
    opened.clock.nowMs += 5000;
    gate.resolve();
    await client.response();
    opened.clock.nowMs += 999;
    expect(message(await opened.post(call(2, 'ping'), inSession(busy))).result).toEqual({});
    opened.clock.nowMs += 9000;
    expect(told(await opened.post(call(3, 'ping'), inSession(busy)))).toBe('404 no_session');
    client.destroy();
  });

  it('that end under a call answer it', async () => {
    const opened = await door({ handle: never });
    const headers = inSession(await opened.initialize());
    const client = await opened.connect();
    client.post(call(1), headers);
    await expect.poll(() => opened.calls.length).toBe(1);
    await opened.request('DELETE', '/mcp', headers);
    const answer = await client.response();
    expect([told(answer), message(answer).id, opened.calls[0]?.cancelled]).toEqual(['404 no_session', 1, true]);
    client.destroy();
  });

  it('are not opened for a client that has gone', async () => {
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const opened = await door({
      served: {
        describe: async () => {
          asked.resolve();
          await gate.promise;
          return { info: { name: 'x', version: '1' }, capabilities: {}, instructions: undefined };
        },
      },
    });
    const client = await opened.connect();
    client.post(hello('2025-11-25'));
    await asked.promise;
    client.destroy();
    await client.closed;
    await opened.request('GET', '/healthz');
    gate.resolve();
    await opened.request('GET', '/healthz');
    expect(opened.sessions.size).toBe(0);
  });

  it('take notifications, and answers to nothing, without a word', async () => {
    const opened = await door();
    const headers = inSession(await opened.initialize());
    for (const body of [
      '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}',
      '{"jsonrpc":"2.0","method":"notifications/unknown"}',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"none"}}',
      '{"jsonrpc":"2.0","id":99,"result":{}}',
      '{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"no"}}',
    ]) {
      const answer = await opened.post(body, headers);
      expect([answer.status, answer.body]).toEqual([202, '']);
    }
    expect(opened.told).toEqual(['notifications/roots/list_changed', 'notifications/unknown']);
  });
});

describe('batches', () => {
  const entry = (id: number): string =>
    call(id, 'x', { text: '],[{"\\', big: 1 }).replace('"big":1', '"big": 12345678901234567890');

  it('are calls of their own, each as it was written', async () => {
    const opened = await door();
    const headers = inSession(await opened.initialize('2025-03-26'), '2025-03-26');
    const entries = Array.from({ length: 50 }, (_, id) => entry(id));
    const answer = await opened.post(` [ ${entries.join(' , ')} ] `, headers);
    const ids = (JSON.parse(answer.body) as Message[]).map(({ id }) => id);
    expect(ids.toSorted((a, b) => Number(a) - Number(b))).toEqual(entries.map((_, id) => id));
    expect(opened.calls.map(({ text }) => text)).toEqual(entries);
    const { 'mcp-protocol-version': _unstated, ...unstated } = headers;
    expect((await opened.post(`[${call(1)},{"jsonrpc":"2.0","method":"notifications/x"}]`, unstated)).status).toBe(200);
    const quiet = await opened.post(
      '[{"jsonrpc":"2.0","method":"notifications/y"},{"jsonrpc":"2.0","id":5,"result":{}}]',
      headers,
    );
    expect([quiet.status, quiet.body, opened.told]).toEqual([202, '', ['notifications/x', 'notifications/y']]);
  });

  it('INP-01 are refused whole when one entry may not stand in one, and in other revisions', async () => {
    const opened = await door();
    const old = inSession(await opened.initialize('2025-03-26'), '2025-03-26');
    const current = inSession(await opened.initialize('2025-11-25'));
    for (const [body, headers] of [
      [`[${Array.from({ length: 51 }, (_, id) => entry(id)).join()}]`, old],
      [`[${call(1)},[${call(2)}]]`, old],
      [`[${call(1)},1]`, old],
      [`[${call(1)},{"jsonrpc":"2.0"}]`, old],
      [`[${call(1)},${hello('2025-03-26')}]`, old],
      ['[]', old],
      [`[${call(1)}]`, current],
      [`[${call(1)}]`, { ...current, 'mcp-protocol-version': '2025-03-26' }],
      [`[${call(1)}]`, { ...old, 'mcp-protocol-version': '2025-06-18' }],
      [`[${hello('2025-03-26')}]`, {}],
    ] as const) {
      expect(told(await opened.post(body, headers)), body.slice(0, 60)).toBe('400 invalid_request');
    }
    expect(opened.calls).toHaveLength(0);
  });

  it('keep the answers that were there when one call begins to speak', async () => {
    const gate = Promise.withResolvers<void>();
    const opened = await door({
      handle: async (exchange) => {
        if (exchange.message.id === 2) {
          await gate.promise;
          progress(exchange);
        }
        return { kind: 'value', result: { of: exchange.message.id } };
      },
    });
    const headers = inSession(await opened.initialize('2025-03-26'), '2025-03-26');
    const client = await opened.connect();
    client.post(`[${call(1)},${call(2)},${call(2)}]`, headers);
    await expect.poll(() => opened.calls.length).toBe(2);
    gate.resolve();
    const events = (await client.untilEvents(4)).map(message);
    expect(events.slice(0, 2)).toContainEqual({ jsonrpc: '2.0', id: 1, result: { of: 1 } });
    expect(events.slice(0, 2).map(({ error }) => error?.data.code)).toContain('invalid_request');
    expect(events[2]?.method).toBe('notifications/progress');
    expect(events[3]?.result).toEqual({ of: 2 });
    client.destroy();
  });
});

describe('cancellation', () => {
  it('SES-15 follows a client that goes away, in both eras', async () => {
    const opened = await door({ handle: never });
    const session = await opened.initialize();
    for (const [body, headers] of [[BODY, HEADERS] as const, [call(1), inSession(session)] as const]) {
      const client = await opened.connect();
      client.post(body, headers);
      const exchange = await expect
        .poll(() => opened.calls.at(-1))
        .toBeDefined()
        .then(() => opened.calls.at(-1));
      const cancelled = new Promise<void>((resolve) => exchange?.onCancel(resolve));
      client.destroy();
      await cancelled;
      expect(exchange?.cancelled).toBe(true);
      exchange?.notify({ jsonrpc: '2.0', method: 'notifications/message' });
      await expect.poll(() => opened.endpoint.open).toBe(0);
    }
  });

  it('by notification ends the request at once, without a response', async () => {
    const opened = await door({ handle: never });
    const session = inSession(await opened.initialize());
    const client = await opened.connect();
    client.post(call('a'), session);
    await expect.poll(() => opened.calls.length).toBe(1);
    const cancel = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}';
    const stranger = inSession(await opened.initialize());
    await opened.post(cancel, stranger);
    expect(opened.calls[0]?.cancelled).toBe(false);
    await opened.post(cancel, session);
    const answer = await client.response();
    expect([answer.status, answer.body, opened.calls[0]?.cancelled]).toEqual([202, '', true]);
    client.destroy();
  });

  it('frees who has asked the client something', async () => {
    const replies: ClientReply[] = [];
    const opened = await door({
      handle: async (exchange) => {
        replies.push(...(await Promise.all([exchange.ask('roots/list', undefined), exchange.ask('x', { a: 1 })])));
        replies.push(await exchange.ask('roots/list', undefined));
        return { kind: 'value', result: {} };
      },
    });
    const session = inSession(await opened.initialize());
    const client = await opened.connect();
    client.post(call(1), session);
    await client.untilEvents(3);
    await opened.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}', session);
    await expect
      .poll(() => replies.map((reply) => 'error' in reply && reply.error.code))
      .toEqual([-32603, -32603, -32601]);
    client.destroy();
  });

  it('of a stream that can be resumed waits for its client, and no longer than it may', async () => {
    const opened = await door({
      resumeMs: 1000,
      handle: (exchange) => {
        progress(exchange);
        return never();
      },
    });
    const client = await opened.connect();
    client.post(call(1), inSession(await opened.initialize()));
    await client.untilEvents(2);
    client.destroy();
    const gone = async (ms: number): Promise<boolean | undefined> => {
      opened.clock.nowMs += ms;
      opened.sweep();
      return opened.calls[0]?.cancelled;
    };
    await client.closed;
    await opened.request('GET', '/healthz');
    expect([await gone(0), await gone(999), await gone(1)]).toEqual([false, false, true]);
    expect(opened.endpoint.open).toBe(0);
  });
});

describe('asking the client', () => {
  it('happens on the stream of the call, and takes the answer of that session alone', async () => {
    const opened = await door({
      handle: async (exchange) => {
        const reply = await exchange.ask('elicitation/create', { message: 'who?' });
        return { kind: 'value', result: { reply: 'result' in reply ? reply.result : {} } };
      },
    });
    const session = inSession(await opened.initialize());
    const client = await opened.connect();
    client.post(call(1), session);
    const [, ask] = await client.untilEvents(2);
    const { id } = message(ask ?? { data: '{}' });
    const reply = (who: string): string => JSON.stringify({ jsonrpc: '2.0', id, result: { who } });
    await opened.post(reply('stranger'), inSession(await opened.initialize()));
    await opened.post(reply('alice'), session);
    await opened.post(reply('late'), session);
    expect(message((await client.untilEvents(3))[2] ?? { data: '{}' }).result).toEqual({ reply: { who: 'alice' } });
    client.destroy();
  });

  it('is not known in the stateless era', async () => {
    const opened = await door({
      handle: async (exchange) => {
        const reply = await exchange.ask('roots/list', undefined);
        return { kind: 'value', result: { code: 'error' in reply ? reply.error.code : 0 } };
      },
    });
    expect(message(await opened.post(BODY, HEADERS)).result).toEqual({ code: -32601 });
  });
});

describe('resuming', () => {
  const listen = async (opened: TestDoor, session: string, lastId?: string): Promise<RawClient> => {
    const client = await opened.connect();
    client.request('GET', '/mcp', {
      ...inSession(session),
      accept: 'text/event-stream',
      ...(lastId !== undefined && { 'last-event-id': lastId }),
    });
    return client;
  };

  it('goes on after the last event seen, each exactly once, to the answer', async () => {
    const gate = Promise.withResolvers<void>();
    const opened = await door({
      handle: async (exchange) => {
        for (let step = 1; step <= 3; step++) progress(exchange, step);
        await gate.promise;
        progress(exchange, 4);
        return { kind: 'value', result: { end: true } };
      },
    });
    const session = await opened.initialize();
    const first = await opened.connect();
    first.post(call(1), inSession(session));
    const seen = await first.untilEvents(4);
    expect(seen[0]).toEqual({ id: '0.1', data: '' });
    first.destroy();
    await first.closed;
    const second = await listen(opened, session, seen[2]?.id);
    await second.untilEvents(1);
    gate.resolve();
    await second.until((text) => text.endsWith('0\r\n\r\n') || undefined);
    const summary = second.events().map(({ id, data }) => [id, /"step":(\d)|end/.exec(data)?.[0]]);
    expect(summary).toEqual([
      ['0.4', '"step":3'],
      ['0.5', '"step":4'],
      ['0.6', 'end'],
    ]);
    const third = await listen(opened, session, '0.5');
    await third.until((text) => text.endsWith('0\r\n\r\n') || undefined);
    expect(third.events().map(({ id }) => id)).toEqual(['0.6']);
    opened.sessions.sweep();
    opened.clock.nowMs += 60_000;
    opened.sessions.sweep();
    const late = await opened.request('GET', '/mcp', {
      ...inSession(session),
      accept: 'text/event-stream',
      'last-event-id': '0.5',
    });
    expect(told(late)).toBe('400 invalid_request');
    for (const client of [second, third]) client.destroy();
  });

  it('is primed only where the revision knows it', async () => {
    for (const [revision, first] of [
      ['2025-11-25', ''],
      ['2025-06-18', 'notifications/progress'],
      ['2025-03-26', 'notifications/progress'],
    ] as const) {
      const opened = await door({
        handle: async (exchange) => {
          progress(exchange);
          return { kind: 'value', result: {} };
        },
      });
      const client = await opened.connect();
      client.post(call(1), inSession(await opened.initialize(revision), revision));
      const [event] = await client.untilEvents(2);
      expect(event?.data === '' ? '' : message(event ?? { data: '{}' }).method).toBe(first);
      client.destroy();
    }
  });

  it.each(['9.1', '0.999', 'x', '', '0.-1', '-1.1', '0.99999999999999999', '../0.1', '0.1, 0.1'])(
    'from "%s" is refused',
    async (id) => {
      const opened = await door();
      const session = await opened.initialize();
      opened.opened[0]?.notify({ jsonrpc: '2.0', method: 'notifications/x' });
      const headers = { ...inSession(session), accept: 'text/event-stream', 'last-event-id': id };
      expect(told(await opened.request('GET', '/mcp', headers))).toBe('400 invalid_request');
    },
  );

  it('finds nothing of another session or principal', async () => {
    const opened = await door();
    const [own, other] = [await opened.initialize(), await opened.initialize('2025-11-25', 'bob')];
    for (const session of opened.opened)
      session.notify({ jsonrpc: '2.0', method: `notifications/of-${session.principal.subject}` });
    const client = await listen(opened, own);
    const [event] = await client.untilEvents(1);
    expect(event?.data).toContain('of-alice');
    const headers = { ...inSession(other), accept: 'text/event-stream', 'last-event-id': '0.0' };
    expect((await opened.request('GET', '/mcp', headers)).status).toBe(404);
    client.destroy();
  });

  it('refuses when what came in between is not kept', async () => {
    const opened = await door();
    const session = await opened.initialize();
    const say = (step: number): void =>
      opened.opened[0]?.notify({ jsonrpc: '2.0', method: 'notifications/x', params: { step } });
    for (let step = 1; step <= 70; step++) say(step);
    const headers = { ...inSession(session), accept: 'text/event-stream', 'last-event-id': '0.5' };
    expect(told(await opened.request('GET', '/mcp', headers))).toBe('400 invalid_request');
    const client = await listen(opened, session, '0.6');
    expect((await client.untilEvents(64)).map(({ id }) => id)).toEqual(
      Array.from({ length: 64 }, (_, at) => `0.${at + 7}`),
    );
    client.destroy();
  });

  it("of a session's own stream: the newest connection has it", async () => {
    const opened = await door();
    const session = await opened.initialize();
    const first = await listen(opened, session);
    await first.until((text) => text.includes('event-stream') || undefined);
    const second = await listen(opened, session);
    await first.until((text) => text.endsWith('0\r\n\r\n') || undefined);
    opened.opened[0]?.notify({ jsonrpc: '2.0', method: 'notifications/x' });
    expect(await second.untilEvents(1)).toHaveLength(1);
    expect(first.events()).toEqual([]);
    opened.sweep();
    await second.until((text) => text.includes(': \n\n') || undefined);
    for (const client of [first, second]) client.destroy();
    await expect.poll(() => opened.endpoint.open).toBe(0);
  });

  it('needs an Accept that allows it', async () => {
    const opened = await door();
    const headers = inSession(await opened.initialize());
    expect((await opened.request('GET', '/mcp', headers)).status).toBe(406);
    expect((await opened.request('GET', '/mcp', { ...headers, accept: 'application/json' })).status).toBe(406);
  });
});

it('SES-09 two eras on one port get what is theirs: three clients of each, twenty rounds', async () => {
  const opened = await door({
    handle: async (exchange) => {
      const tag = exchange.message.params?.['tag'];
      exchange.notify({ jsonrpc: '2.0', method: 'notifications/progress', params: { tag } });
      await new Promise((resolve) => setImmediate(resolve));
      return {
        kind: 'value',
        result: { tag, owner: exchange.principal.subject, session: exchange.session?.id ?? null },
      };
    },
  });
  const client = async (who: number): Promise<void> => {
    const key = who % 2 === 0 ? 'alice' : 'bob';
    const session = who < 3 ? await opened.initialize('2025-11-25', key) : undefined;
    for (let round = 0; round < 20; round++) {
      const tag = `${who}/${round}`;
      const [body, headers] =
        session === undefined
          ? stateless(round, 'x/y', { tag })
          : ([call(round, 'x/y', { tag }), inSession(session)] as const);
      const connection = await opened.connect();
      connection.post(body, { ...headers, authorization: `Bearer ${key}` });
      await connection.until((text) => text.endsWith('0\r\n\r\n') || undefined);
      const events = connection
        .events()
        .filter(({ data }) => data !== '')
        .map(message);
      expect(events).toMatchObject([
        { params: { tag } },
        { id: round, result: { tag, owner: key, session: session ?? null } },
      ]);
      connection.destroy();
    }
  };
  await Promise.all(Array.from({ length: 6 }, (_, who) => client(who)));
  expect(opened.calls).toHaveLength(120);
});

describe("a session's own stream", () => {
  it('DOS-10 takes one of the places of its principal, over all transports together, and gives it back', async () => {
    const opened = await door({ connections: {}, maxPerPrincipal: 2 });
    const session = await opened.initialize();
    const stream = { ...inSession(session), accept: 'text/event-stream' };
    const [first, second] = [await opened.connect(), await opened.connect()];
    first.request('GET', '/mcp', stream);
    expect((await first.head()).status).toBe(200);
    second.request('GET', '/sse');
    expect((await second.head()).status).toBe(200);
    const refused = await opened.request('GET', '/mcp', stream);
    expect([told(refused), refused.headers['retry-after']]).toEqual(['429 rate_limited', '60']);
    opened.seats.maxPerPrincipal = 3;
    const third = await opened.connect();
    third.request('GET', '/mcp', stream);
    expect((await third.head()).status).toBe(200);
    opened.seats.maxPerPrincipal = 1;
    expect(told(await opened.request('GET', '/mcp', stream))).toBe('429 rate_limited');
    for (const client of [first, second, third]) client.destroy();
    await expect
      .poll(async () => {
        const again = await opened.connect();
        again.request('GET', '/mcp', stream);
        const { status } = await again.head();
        again.destroy();
        return status;
      })
      .toBe(200);
  });
});
