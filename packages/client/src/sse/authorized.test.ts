import type { ServerResponse } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { callOf, failure } from '../testing/calls.ts';
import { createHttpServers, isGet, ok, type TestServer } from '../testing/http-servers.ts';
import { LOGIN, testAuthorization, wants, type TestAuthorization } from '../testing/tokens.ts';
import { testUpstream, type TestUpstream } from '../testing/upstreams.ts';

const servers = createHttpServers();
afterEach(() => servers.end());

/** A server of the legacy transport that wants one of these tokens. */
async function serve(...tokens: readonly string[]): Promise<TestServer> {
  const streams: ServerResponse[] = [];
  const refuse = wants(...tokens);
  const { url, received } = await servers.serve((request, response) => {
    if (refuse(request, response)) return;
    if (request.method === 'GET') {
      streams.push(response.writeHead(200, { 'content-type': 'text/event-stream' }));
      response.write('event: endpoint\ndata: /messages\n\n');
      return;
    }
    response.writeHead(202).end();
    const { id, method } = request.message;
    const result = method === 'initialize' ? { protocolVersion: '2024-11-05', capabilities: {}, serverInfo: {} } : {};
    if (id !== undefined) streams.at(-1)?.write(`event: message\ndata: ${JSON.stringify(ok(id, result))}\n\n`);
  });
  return { url: new URL('/sse', url), received };
}

function to({ url }: TestServer, authorization: TestAuthorization): TestUpstream {
  const opened = testUpstream({ kind: 'sse', url, headers: {} }, { authorization });
  servers.onEnd(() => opened.upstream.destroy());
  return opened;
}

it('a legacy server gets its token with the stream and every message, and a message again with another', async () => {
  const server = await serve('one', 'two');
  const authorization = testAuthorization({ current: 'one' });
  const { upstream, downs } = to(server, authorization);
  const leg = await upstream.leg('session');
  authorization.current = 'spent';
  authorization.answer = () => {
    authorization.current = 'two';
    return 'retry';
  };
  expect((await leg.request(callOf()).answer).kind).toBe('result');
  const calls = server.received.all.filter(({ message }) => message['method'] === 'tools/call');
  expect(calls.map(({ headers }) => headers.authorization)).toEqual(['Bearer spent', 'Bearer two']);
  authorization.current = 'spent';
  authorization.answer = () => LOGIN;
  expect(await failure(leg.request(callOf()).answer)).toMatchObject({ reason: 'unauthorized', login: LOGIN.login });
  expect(upstream.ready('session')).toBe(leg);
  expect(downs.all).toEqual([]);
});

it('the stream of a legacy server says whose login is needed, and is opened at once after it', async () => {
  const server = await serve('one');
  const authorization = testAuthorization();
  const { upstream } = to(server, authorization);
  expect(await failure(upstream.leg('session'))).toMatchObject({ reason: 'unauthorized', login: LOGIN.login });
  authorization.current = 'one';
  await upstream.leg('session');
  expect(server.received.all.filter(isGet).map(({ headers }) => headers.authorization)).toEqual([
    undefined,
    'Bearer one',
  ]);
});
