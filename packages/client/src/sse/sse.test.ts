import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import type { JsonObject } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../ask.ts';
import type { Outgoing } from '../leg.ts';
import { callOf, failure, manualTimers, TestCause, whole } from '../testing/calls.ts';
import { serveEverything } from '../testing/everything.ts';
import { closeServer, createHttpServers, isGet, isMethod, type Received } from '../testing/http-servers.ts';
import { Inbox } from '../testing/inbox.ts';
import { testUpstream, type TestUpstream } from '../testing/upstreams.ts';
import type { UpstreamOptions } from '../upstream.ts';
import { createDispatcher } from '../http/dispatcher.ts';
import { openStream } from './channel.ts';

const servers = createHttpServers();
afterEach(() => servers.end());

interface Script {
  /** The data of the `endpoint` event; `/messages?session=1` when left out, none when null. */
  readonly endpoint?: string | null;
  /** A message that is no greeting. */
  readonly onMessage?: (message: JsonObject, stream: ServerResponse) => void;
  /** Instead of answering a POST with 202. */
  readonly onPost?: (request: Received, response: ServerResponse) => boolean;
  readonly onStream?: (stream: ServerResponse) => void;
}

interface Served {
  readonly url: URL;
  readonly received: Inbox<Received>;
  readonly streams: Inbox<ServerResponse>;
}

const say = (stream: ServerResponse, message: JsonObject): void =>
  void stream.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);

/** A server of the legacy transport, of one client. */
async function serve(script: Script): Promise<Served> {
  const { endpoint = '/messages?session=1', onMessage, onPost, onStream } = script;
  const streams = new Inbox<ServerResponse>();
  const { url, received } = await servers.serve((request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      if (endpoint !== null) response.write(`event: endpoint\ndata: ${endpoint}\n\n`);
      streams.push(response);
      return onStream?.(response);
    }
    const { message } = request;
    if (onPost?.(request, response) !== true) response.writeHead(202).end('Accepted');
    const stream = streams.all.at(-1);
    if (stream === undefined || message['id'] === undefined || message['method'] === undefined) return;
    if (message['method'] !== 'initialize') return onMessage?.(message, stream);
    const result = { protocolVersion: '2024-11-05', capabilities: { tools: {} }, serverInfo: { name: 'old' } };
    say(stream, { id: message['id'], result });
  });
  return { url: new URL('/sse?key=hidden', url), received, streams };
}

const HEADERS = { authorization: 'Bearer upstream', 'x-kept': 'yes' };

function to(url: URL, more: Partial<UpstreamOptions> = {}): TestUpstream {
  const opened = testUpstream({ kind: 'sse', url, headers: HEADERS }, more);
  servers.onEnd(() => opened.upstream.destroy());
  return opened;
}

const call = (more: Partial<Outgoing> = {}): Outgoing => callOf({ cause: new TestCause(), ...more });

describe('a server of the official SDK over HTTP+SSE', () => {
  it('greets, lists, calls and ends its session with the stream', { timeout: 30_000 }, async () => {
    const transports = new Map<string, SSEServerTransport>();
    const closed = new Inbox<string>();
    const server = http.createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
      if (request.method === 'POST') {
        void transports.get(searchParams.get('sessionId') ?? '')?.handlePostMessage(request, response);
        return;
      }
      const transport = new SSEServerTransport(`${pathname}/${randomUUID()}`, response);
      transports.set(transport.sessionId, transport);
      response.on('close', () => closed.push(transport.sessionId));
      void serveEverything(transport, transport.sessionId).then((end) => servers.onEnd(end));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.onEnd(() => closeServer(server));
    const { upstream } = to(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/sse`));
    const leg = await upstream.leg('stateless');
    expect([leg.era, leg.revision, upstream.ready('session')]).toEqual(['session', '2025-11-25', leg]);
    const { tools } = await ask(leg, 'tools/list', undefined, { timeoutMs: 10_000 });
    expect((tools as JsonObject[]).map(({ name }) => name)).toContain('echo');
    const params = { name: 'echo', arguments: { message: 'hallo' } };
    expect(JSON.stringify(await ask(leg, 'tools/call', params, { timeoutMs: 10_000 }))).toContain('Echo: hallo');
    await upstream.close();
    expect([...transports.keys()]).toEqual([await closed.next()]);
  });
});

describe('messages', () => {
  it.each([
    ['a path', '/messages?session=1', '/messages?session=1'],
    ['a relative path', 'messages', '/messages'],
    ['a query alone', '?session=2', '/sse?session=2'],
  ])('go where the stream says, with the headers: %s', async (_name, endpoint, path) => {
    const server = await serve({ endpoint });
    const leg = await to(server.url).upstream.leg('session');
    expect([leg.revision, leg.server.info]).toEqual(['2024-11-05', { name: 'old' }]);
    const sent = server.received.all.map(({ method, path: at, headers }) => [method, at, headers.authorization]);
    expect(sent).toEqual([
      ['GET', '/sse?key=hidden', 'Bearer upstream'],
      ['POST', path, 'Bearer upstream'],
      ['POST', path, 'Bearer upstream'],
    ]);
    expect(server.received.all[0]?.headers.accept).toBe('text/event-stream');
  });

  it('may be taken with any 2xx, whose body is of no interest', async () => {
    const server = await serve({
      onMessage: ({ id }, stream) => say(stream, { id: id, result: { from: 'stream' } }),
      onPost: ({ message }, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id: message['id'] ?? null, result: { from: 'post' } }));
        return true;
      },
    });
    const leg = await to(server.url).upstream.leg('session');
    expect(whole(await leg.request(call()).answer, '1')).toContain('"stream"');
  });

  it('of a call wait until the server has taken that the session is open', async () => {
    const held = new Inbox<ServerResponse>();
    const server = await serve({
      onPost: ({ message }, response) => {
        if (message['method'] === 'notifications/initialized') held.push(response);
        return message['method'] === 'notifications/initialized';
      },
      onMessage: ({ id }, stream) => say(stream, { id: id, result: {} }),
    });
    const { upstream } = to(server.url);
    const opening = upstream.leg('session');
    const initialized = await held.next();
    expect(upstream.status().state).toBe('starting');
    initialized.writeHead(202).end();
    expect((await (await opening).request(call()).answer).kind).toBe('result');
  });

  it.each([
    [401, 'unauthorized'],
    [404, 'protocol'],
    [307, 'protocol'],
    [500, 'down'],
  ])('that are answered with %i fail their call alone: %s', async (status, reason) => {
    const server = await serve({
      onPost: ({ message }, response) => {
        if (message['method'] !== 'tools/call' || message['params'] === undefined) return false;
        response.writeHead(status, { location: 'http://elsewhere.test/' }).end();
        return true;
      },
    });
    const { upstream, downs } = to(server.url);
    const leg = await upstream.leg('session');
    expect(await failure(leg.request(call()).answer)).toMatchObject({ reason, status });
    expect([downs.all, upstream.status().state]).toEqual([[], 'up']);
  });

  it('of the server reach the call that caused them, and its questions are answered', async () => {
    const server = await serve({
      onMessage: ({ id, method }, stream) => {
        if (method !== 'tools/call') return;
        say(stream, { method: 'notifications/message', params: { level: 'info', data: 'x' } });
        say(stream, { method: 'notifications/elicitation/complete', params: { elicitationId: 'e' } });
        say(stream, { method: 'notifications/tools/list_changed' });
        say(stream, { id: 'q', method: 'roots/list' });
        stream.write(`event: ping\ndata: keep alive\n\n: comment\n\n`);
        void server.received
          .find(({ message }) => message['id'] === 'q')
          .then(() => say(stream, { id: id, result: {} }));
      },
    });
    const { upstream, notifications } = to(server.url);
    const cause = new TestCause();
    await (await upstream.leg('session')).request(call({ cause })).answer;
    expect(cause.notes.all.map(({ method }) => method)).toEqual([
      'notifications/message',
      'notifications/elicitation/complete',
    ]);
    expect(notifications.all.map(({ method }) => method)).toEqual(['notifications/tools/list_changed']);
    const answer = await server.received.find(({ message }) => message['id'] === 'q');
    expect(answer.message['result']).toEqual({ roots: [] });
  });

  it('tell what was cancelled', async () => {
    const server = await serve({});
    const leg = await to(server.url).upstream.leg('session');
    const pending = leg.request(call());
    await server.received.find(isMethod('tools/call'));
    pending.cancel('bored');
    const told = await server.received.find(isMethod('notifications/cancelled'));
    expect(told.message['params']).toMatchObject({ reason: 'bored' });
  });
});

describe('credentials', () => {
  it.each([
    ['another host', (url: URL) => `http://elsewhere.test:${url.port}/messages`],
    ['another port', () => 'http://127.0.0.1:1/messages'],
    ['another scheme', (url: URL) => `https://${url.host}/messages`],
    ['a host without a scheme', () => '//elsewhere.test/messages'],
    ['no URL', () => 'http://'],
    ['a script', () => 'javascript:alert(1)'],
    ['a longer text than any address', () => `/${'x'.repeat(9000)}`],
  ])('are not sent to %s', async (_name, endpoint) => {
    const other = await servers.serve((_request, response) => response.writeHead(202).end());
    const server = await serve({
      endpoint: null,
      onStream: (stream) => void stream.write(`event: endpoint\ndata: ${endpoint(other.url)}\n\n`),
    });
    expect(await failure(to(server.url).upstream.leg('session'))).toMatchObject({ reason: 'protocol' });
    expect([other.received.all, server.received.all.filter((each) => !isGet(each))]).toEqual([[], []]);
  });

  it('do not follow when the address changes later, nor over a redirect', async () => {
    const other = await servers.serve((_request, response) => response.writeHead(202).end());
    const server = await serve({
      onMessage: ({ id }, stream) => say(stream, { id: id, result: {} }),
      onStream: (stream) => void stream.write(`event: endpoint\ndata: ${other.url.href}\n\n`),
    });
    const leg = await to(server.url).upstream.leg('session');
    expect((await leg.request(call()).answer).kind).toBe('result');
    const moved = await servers.serve((_request, response) => {
      response.writeHead(302, { location: other.url.href }).end();
    });
    const error = await failure(to(moved.url).upstream.leg('session'));
    expect(error).toMatchObject({ reason: 'protocol', status: 302 });
    expect(other.received.all).toEqual([]);
  });
});

describe('the stream', () => {
  it.each<[string, number, IncomingHttpHeaders, string]>([
    ['405', 405, {}, 'protocol'],
    ['JSON', 200, { 'content-type': 'application/json' }, 'protocol'],
    ['401', 401, {}, 'unauthorized'],
    ['503', 503, {}, 'down'],
  ])('must be one: %s', async (_name, status, headers, reason) => {
    const server = await servers.serve((_request, response) => response.writeHead(status, headers).end('{}'));
    expect(await failure(to(server.url).upstream.leg('session'))).toMatchObject({ reason, status });
  });

  it.each<[string, 'timeout' | 'down', (timers: ReturnType<typeof manualTimers>, end: AbortController) => unknown]>([
    ['in time', 'timeout', async ({ set }) => (await set.next(({ ms }) => ms === 77)).fire()],
    ['before nobody wants it any more', 'down', (_timers, end) => end.abort()],
  ])('must say where messages go, %s', async (_name, reason, giveUp) => {
    const server = await serve({ endpoint: null });
    const dispatcher = createDispatcher(server.url, {}, { connectTimeoutMs: 1000 });
    servers.onEnd(() => dispatcher.destroy());
    const [timers, end, gone] = [manualTimers(), new AbortController(), new Inbox<true>()];
    const { setTimer } = timers;
    const opening = openStream(
      { url: server.url, headers: {}, env: {}, dispatcher, connectTimeoutMs: 77, setTimer },
      { maxMessageBytes: 1, onMessage: noop, onOversize: noop, onUnsent: noop, onDown: noop, logId: () => undefined },
      { events: nobody, signal: end.signal },
    );
    (await server.streams.next()).on('close', () => gone.push(true));
    await giveUp(timers, end);
    expect(await failure(opening)).toMatchObject({ reason });
    expect(await gone.next()).toBe(true);
  });

  it('is broken off when it is not wanted any more', async () => {
    const server = await serve({ endpoint: null });
    const { upstream } = to(server.url);
    const rejected = failure(upstream.leg('session'));
    const gone = new Inbox<true>();
    (await server.streams.next()).on('close', () => gone.push(true));
    await upstream.close();
    expect(await rejected).toMatchObject({ reason: 'down' });
    expect(await gone.next()).toBe(true);
  });

  it('takes the leg with it when it ends, and another is begun', async () => {
    const server = await serve({ onMessage: (_message, stream) => stream.end() });
    const { upstream, downs } = to(server.url);
    const leg = await upstream.leg('session');
    expect(await failure(leg.request(call()).answer)).toMatchObject({ reason: 'down' });
    expect((await downs.next()).message).toMatch(/ended its stream/);
    await server.streams.next();
    await server.streams.next();
    expect(upstream.status().restarts).toBe(1);
  });

  it.each([
    ['one line without an end', (at: number) => (at === 0 ? 'data: x' : 'x'.repeat(1000))],
    ['lines without a blank one', () => `data: ${'x'.repeat(1000)}\n`],
  ])('is cut when an event has no end: %s', async (_name, part) => {
    const closed = new Inbox<number>();
    const server = await serve({
      onMessage: (_message, stream) => {
        let sent = 0;
        const go = (): void => {
          if (stream.destroyed) return;
          const text = part(sent);
          sent += text.length;
          stream.write(text, () => setImmediate(go));
        };
        stream.on('close', () => closed.push(sent));
        go();
      },
    });
    const { upstream, downs } = to(server.url, { maxMessageBytes: 16 * 1024 });
    const leg = await upstream.leg('session');
    expect(await failure(leg.request(call()).answer)).toMatchObject({ reason: 'too_large' });
    expect(await downs.next()).toMatchObject({ reason: 'too_large' });
    expect(await closed.next()).toBeGreaterThan(16 * 1024);
  });

  it('has no stateless era', async () => {
    const server = await serve({});
    const error = await failure(to(server.url, { era: 'stateless' }).upstream.leg('stateless'));
    expect(error).toMatchObject({ reason: 'protocol' });
    expect(server.received.all).toEqual([]);
  });
});

const noop = (): void => undefined;
const nobody = {
  onNotification: noop,
  onUnattributed: () => ({ error: { code: 1, message: 'no' } }),
  onDown: noop,
  log: noop,
};
