import type http from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { callOf, failure, TestCause, whole } from '../testing/calls.ts';
import { bad, bench, createHttpServers, isCall, isMethod, json, ok, sse } from '../testing/http-servers.ts';
import { Inbox } from '../testing/inbox.ts';
import { openHttpSession } from './open.ts';

const servers = createHttpServers();
const { kept, serve, sessionServer } = servers;
afterEach(() => servers.end());

describe('session era', () => {
  it('begins a session and sends its headers with every request', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => json(response, ok(message['id'], { content: [] })),
    });
    const { options } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    expect(leg.server).toEqual({
      info: { name: 's' },
      capabilities: { tools: {} },
      instructions: 'Be kind.',
      revisions: ['2025-06-18'],
    });
    expect(leg.revision).toBe('2025-06-18');
    const initialize = await server.received.next();
    expect(initialize.headers['mcp-session-id']).toBeUndefined();
    expect(initialize.message['params']).toEqual({
      protocolVersion: '2025-11-25',
      capabilities: { sampling: {} },
      clientInfo: { name: 'test', version: '1' },
    });
    const initialized = await server.received.next();
    expect(initialized.message).toEqual({ jsonrpc: '2.0', method: 'notifications/initialized' });

    const answer = await leg.request(callOf({ cause: new TestCause() })).answer;
    expect(JSON.parse(whole(answer, '"their id"'))).toEqual({
      jsonrpc: '2.0',
      id: 'their id',
      result: { content: [] },
    });
    const call = await server.received.next(isCall);
    expect(call.path).toBe('/mcp?key=hidden');
    expect(call.headers).toMatchObject({
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      authorization: 'Bearer upstream',
      'mcp-session-id': 'session-1',
      'mcp-protocol-version': '2025-06-18',
    });
    expect(leg.inFlight).toBe(0);
  });

  it.each([
    ['id before the result', (id: number) => `{"jsonrpc":"2.0","id":${id},"result":{"n":12345678901234567890}}`],
    ['id at the end', (id: number) => `{"result":{"n":12345678901234567890},"jsonrpc":"2.0","id":${id}}`],
    ['spaces', (id: number) => `{\n "id": ${id},\n "result": {"n":12345678901234567890},\n "jsonrpc": "2.0"\n}\n`],
  ])('keeps every byte but the id: %s', async (_name, body) => {
    const server = await sessionServer({
      call: ({ message }, response) => json(response, body(message['id'] as number)),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(whole(await leg.request(callOf()).answer, '77')).toBe(body(77));
  });

  it('hands on errors at any status, with their data', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => json(response, bad(message['id'], -32602, 'No such thing', { uri: 'x:y' }), 400),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(await leg.request(callOf()).answer).toEqual({
      kind: 'error',
      error: { code: -32602, message: 'No such thing', data: { uri: 'x:y' } },
      status: 400,
    });
  });

  it.each([
    ['401', 'unauthorized', (r: http.ServerResponse) => json(r, { error: 'invalid_token' }, 401)],
    ['403', 'unauthorized', (r: http.ServerResponse) => r.writeHead(403).end('no')],
    ['500', 'down', (r: http.ServerResponse) => r.writeHead(500).end('<html>')],
    ['garbage', 'protocol', (r: http.ServerResponse) => json(r, '{"jsonrpc":"2.0","id":1,"resul')],
    ['html', 'protocol', (r: http.ServerResponse) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['nothing', 'protocol', (r: http.ServerResponse) => r.writeHead(202).end()],
    ['a wrong id', 'protocol', (r: http.ServerResponse) => json(r, ok(999_999))],
    ['an error of a wrong id', 'protocol', (r: http.ServerResponse) => json(r, bad(999_999, -32603, 'no'))],
    [
      'two ids',
      'protocol',
      (r: http.ServerResponse, id: number) => json(r, `{"id":"a","id":${id},"jsonrpc":"2.0","result":{}}`),
    ],
    ['a notification', 'protocol', (r: http.ServerResponse) => json(r, { jsonrpc: '2.0', method: 'notifications/x' })],
    ['a reset', 'down', (r: http.ServerResponse) => r.socket?.resetAndDestroy()],
    [
      'a break in the body',
      'down',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
        r.write('{"jsonrpc":', () => r.socket?.resetAndDestroy());
      },
    ],
    [
      'large header lines',
      'protocol',
      (r: http.ServerResponse, id: number) => json(r, ok(id), 200, { 'x-large': 'x'.repeat(40_000) }),
    ],
    ['an event stream without an answer', 'protocol', (r: http.ServerResponse) => sse(r).end()],
    ['a large event', 'too_large', (r: http.ServerResponse) => sse(r, `data: ${'x'.repeat((1 << 20) + 1)}`)],
    [
      'a large body',
      'too_large',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json' });
        r.write('x'.repeat((1 << 20) + 1));
      },
    ],
    [
      'a body that says that it is large',
      'too_large',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json', 'content-length': (1 << 20) + 1 });
        r.flushHeaders();
      },
    ],
  ] as const)('fails with a reason, and goes on: %s', async (_name, reason, misbehave) => {
    let calls = 0;
    const server = await sessionServer({
      call: ({ message }, response) => {
        if (calls++ === 0) misbehave(response, message['id'] as number);
        else json(response, ok(message['id']));
      },
    });
    const { options, downs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    const error = await failure(leg.request(callOf({ cause: new TestCause() })).answer);
    expect(error.reason).toBe(reason);
    expect(error.message).not.toContain('hidden');
    expect(leg.inFlight).toBe(0);
    expect(whole(await leg.request(callOf()).answer, '1')).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
    expect(downs.all).toEqual([]);
  });

  it('does not follow redirects, and names the status', async () => {
    const target = await serve((_request, response) => json(response, ok(1)));
    const server = await sessionServer({
      call: (_request, response) => response.writeHead(307, { location: target.url.href }).end(),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const error = await failure(leg.request(callOf()).answer);
    expect(error).toMatchObject({ reason: 'protocol', status: 307 });
    expect(error.message).toMatch(/307.*configure the new URL/);
    expect(target.received.all).toEqual([]);
  });

  it.each([
    ['headers', (_r: http.ServerResponse) => undefined],
    ['the body', (r: http.ServerResponse) => r.writeHead(200, { 'content-type': 'application/json' }).write('{"json')],
    [
      'lines of JSON',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json' });
        r.write('{"jsonrpc":"2.0","method":"notifications/x"}\n{"jsonrpc":"2.0","method":"notifications/y"}\n');
      },
    ],
    ['events', (r: http.ServerResponse) => sse(r, ': \n\n')],
  ])('P3-07 runs out of time, tells the server and closes the stream: hangs at %s', async (_name, hang) => {
    const closed = new Inbox<true>();
    const server = await sessionServer({
      call: (_request, response) => {
        response.on('close', () => closed.push(true));
        hang(response);
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const error = await failure(leg.request(callOf({ timeoutMs: 40 })).answer);
    expect(error.reason).toBe('timeout');
    const { message } = await server.received.next(isCall);
    const cancelled = await server.received.next(isMethod('notifications/cancelled'));
    expect(cancelled.message['params']).toEqual({ requestId: message['id'], reason: 'timeout' });
    await closed.next();
  });

  it("does not send configured headers that are the protocol's", async () => {
    const server = await sessionServer({});
    const headers = { accept: 'text/plain', 'mcp-session-id': 'mine', 'x-kept': 'yes' };
    const { options, logs } = bench(server.url, { headers });
    kept(await openHttpSession(options));
    const initialize = await server.received.next();
    expect(initialize.headers['x-kept']).toBe('yes');
    expect(initialize.headers.accept).toBe('application/json, text/event-stream');
    expect(initialize.headers['mcp-session-id']).toBeUndefined();
    expect(logs.all.filter((text) => text.startsWith('warn'))).toHaveLength(2);
  });

  it('is down when nobody listens', async () => {
    const server = await sessionServer({});
    const url = new URL(server.url);
    await servers.end();
    const error = await failure(openHttpSession(bench(url).options));
    expect(error.reason).toBe('down');
    expect(error.message).toMatch(/ECONNREFUSED/);
  });
});
