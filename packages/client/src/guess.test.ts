import type { ServerResponse } from 'node:http';
import type { JsonObject } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { failure } from './testing/calls.ts';
import {
  bad,
  createHttpServers,
  json,
  ok,
  type Handle,
  type Received,
  type TestServer,
} from './testing/http-servers.ts';
import { MemoryVerdicts, testUpstream, type TestUpstream } from './testing/upstreams.ts';
import type { UpstreamOptions } from './upstream.ts';

const servers = createHttpServers();
afterEach(() => servers.end());

const GREETING = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's' } };

/** A server of legacy HTTP+SSE alone, at any path; `refuse` answers a POST to its stream's address. */
function legacy(refuse: Handle, streams: ServerResponse[] = []): Handle {
  return (request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      streams.push(response);
      response.write(`event: endpoint\ndata: /messages?${streams.length}\n\n`);
      return;
    }
    const [path, session] = request.path.split('?');
    if (path !== '/messages') return refuse(request, response);
    response.writeHead(202).end();
    const { id } = request.message;
    if (id !== undefined) streams[Number(session) - 1]?.write(`data: ${JSON.stringify(ok(id, GREETING))}\n\n`);
  };
}

/** A server of Streamable HTTP alone; `get` answers a GET. */
function streamable(get: Handle): Handle {
  return (request, response) => {
    if (request.method !== 'POST') return get(request, response);
    const { id, method } = request.message;
    if (id === undefined) return response.writeHead(202).end();
    return json(response, method === 'initialize' ? ok(id, GREETING) : bad(id, -32601, 'Unknown'));
  };
}

const status =
  (code: number, body?: JsonObject): Handle =>
  (_request, response) =>
    body === undefined ? response.writeHead(code).end('no') : json(response, body, code);

function to(server: TestServer, path: string, more: Partial<UpstreamOptions> = {}, guess = true): TestUpstream {
  const target = { kind: 'http', url: new URL(path, server.url), headers: {}, guess } as const;
  const opened = testUpstream(target, more);
  servers.onEnd(() => opened.upstream.destroy());
  return opened;
}

const asked = (server: TestServer): string[] =>
  server.received.all.map(({ method, path, message }: Received) =>
    `${method} ${path.split('?')[0]} ${(message['method'] ?? '') as string}`.trim(),
  );

const kept = (verdicts: MemoryVerdicts): unknown[] => [...verdicts.kept.values()];

describe('a server over HTTP whose transport is not configured', () => {
  it.each([404, 405, 400])('is asked for a stream when a POST is answered %i', async (code) => {
    const server = await servers.serve(legacy(status(code)));
    const verdicts = new MemoryVerdicts();
    const { upstream } = to(server, '/mcp', { verdicts });
    const leg = await upstream.leg('stateless');
    expect([leg.era, upstream.ready('session')]).toEqual(['session', leg]);
    expect(asked(server)).toEqual([
      'POST /mcp server/discover',
      'POST /mcp initialize',
      'GET /mcp',
      'POST /messages initialize',
      'POST /messages notifications/initialized',
    ]);
    expect(kept(verdicts)).toEqual([{ eras: ['session'], atMs: 1_000_000, transport: 'sse' }]);
  });

  it('is not looked at again while the verdict holds', async () => {
    const server = await servers.serve(legacy(status(404)));
    const verdicts = new MemoryVerdicts();
    await to(server, '/mcp', { verdicts }).upstream.leg('session');
    server.received.all.length = 0;
    const day = 24 * 60 * 60 * 1000;
    await to(server, '/mcp', { verdicts, now: () => 1_000_000 + day - 1 }).upstream.leg('session');
    expect(asked(server)[0]).toBe('GET /mcp');
    server.received.all.length = 0;
    await to(server, '/mcp', { verdicts, now: () => 1_000_000 + 2 * day }).upstream.leg('session');
    expect(asked(server)[0]).toBe('POST /mcp server/discover');
  });

  it('is found again when it speaks the other transport by now', async () => {
    let handle = legacy(status(404));
    const server = await servers.serve((request, response) => handle(request, response));
    const verdicts = new MemoryVerdicts();
    await to(server, '/mcp', { verdicts }).upstream.leg('session');
    handle = streamable(status(405));
    expect((await to(server, '/mcp', { verdicts }).upstream.leg('session')).revision).toBe('2025-06-18');
    expect(kept(verdicts)).toEqual([{ eras: ['session'], atMs: 1_000_000, transport: 'http' }]);
    handle = legacy(status(404));
    await to(server, '/mcp', { verdicts }).upstream.leg('session');
    expect(kept(verdicts)).toMatchObject([{ transport: 'sse' }]);
  });

  it('is asked for a stream first where its path ends in /sse', async () => {
    const server = await servers.serve(legacy(status(404)));
    await to(server, '/a/sse').upstream.leg('session');
    expect(asked(server)[0]).toBe('GET /a/sse');
    expect(asked(server)).not.toContain('POST /a/sse server/discover');
  });

  it.each([405, 400, 404])('may still be Streamable HTTP there: GET is answered %i', async (code) => {
    const server = await servers.serve(streamable(status(code)));
    const verdicts = new MemoryVerdicts();
    await to(server, '/sse', { verdicts }).upstream.leg('session');
    expect(asked(server).slice(0, 2)).toEqual(['GET /sse', 'POST /sse server/discover']);
    expect(kept(verdicts)).toMatchObject([{ transport: 'http' }]);
  });

  it('may open a stream of the other transport there, which says nothing', async () => {
    const open: Handle = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    };
    const server = await servers.serve(streamable(open));
    const { upstream } = to(server, '/sse', { connectTimeoutMs: 600 });
    expect((await upstream.leg('session')).revision).toBe('2025-06-18');
  });

  it('gets one leg when it is wanted in both eras at once', async () => {
    const server = await servers.serve(legacy(status(404)));
    const { upstream } = to(server, '/sse');
    const [one, other] = await Promise.all([upstream.leg('session'), upstream.leg('stateless')]);
    expect(one).toBe(other);
    expect(upstream.legs).toEqual([one]);
    expect(server.received.all.filter(({ method }) => method === 'GET')).toHaveLength(1);
  });

  it('gets another stream when its stream has ended', async () => {
    const streams: ServerResponse[] = [];
    const server = await servers.serve(legacy(status(404), streams));
    const { upstream, downs } = to(server, '/sse');
    const first = await upstream.leg('session');
    streams[0]?.end();
    await downs.next();
    await server.received.find(({ method, path }) => method === 'POST' && path.endsWith('?2'));
    const second = await upstream.leg('session');
    expect(second).not.toBe(first);
    expect(streams).toHaveLength(2);
  });

  it.each<[string, Handle, string]>([
    ['an error of the protocol', status(404, bad(1, -32001, 'No such session')), 'protocol'],
    ['another status', status(410), 'protocol'],
    ['a wish for a credential', status(401), 'unauthorized'],
    ['a failure', status(500), 'down'],
    ['a redirect', status(307), 'protocol'],
  ])('is not asked for a stream after %s', async (_name, refuse, reason) => {
    const server = await servers.serve(legacy(refuse));
    expect(await failure(to(server, '/mcp').upstream.leg('session'))).toMatchObject({ reason });
    expect(server.received.all.filter(({ method }) => method === 'GET')).toEqual([]);
  });

  it('is not asked for a stream when the stateless era is configured', async () => {
    const server = await servers.serve(legacy(status(404)));
    const { upstream } = to(server, '/sse', { era: 'stateless' });
    expect(await failure(upstream.leg('stateless'))).toMatchObject({ reason: 'protocol' });
    expect(asked(server).filter((line) => line.startsWith('GET'))).toEqual([]);
  });

  it('says what both came to when it is neither', async () => {
    const server = await servers.serve(status(404));
    const error = await failure(to(server, '/mcp').upstream.leg('session'));
    expect(error).toMatchObject({ reason: 'protocol' });
    expect(error.message).toMatch(/404.*other transport.*404/s);
  });

  it('wants a credential, and says so, though the first try did not', async () => {
    const server = await servers.serve((request, response) =>
      request.method === 'GET' ? status(401)(request, response) : status(404)(request, response),
    );
    expect(await failure(to(server, '/mcp').upstream.leg('session'))).toMatchObject({ reason: 'unauthorized' });
  });
});

it('a configured transport is final', async () => {
  const server = await servers.serve(legacy(status(404)));
  expect(await failure(to(server, '/sse', {}, false).upstream.leg('session'))).toMatchObject({ reason: 'protocol' });
  expect(asked(server).filter((line) => line.startsWith('GET'))).toEqual([]);
});
