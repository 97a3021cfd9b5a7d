import { afterEach, describe, expect, it } from 'vitest';
import { UpstreamError } from '../leg.ts';
import { callOf, failure, manualTimers, whole } from '../testing/calls.ts';
import {
  bench,
  createHttpServers,
  isCall,
  isGet,
  isMethod,
  json,
  ok,
  sse,
  type Received,
  type TestServer,
} from '../testing/http-servers.ts';
import { LOGIN, testAuthorization, wants, type TestAuthorization } from '../testing/tokens.ts';
import { testUpstream, type TestUpstream } from '../testing/upstreams.ts';
import type { UpstreamOptions } from '../upstream.ts';
import { createAuthorized } from './authorized.ts';
import { createDispatcher, type HttpDispatcher } from './dispatcher.ts';
import { Exchange } from './exchange.ts';
import { openHttpSession } from './open.ts';

const servers = createHttpServers();
afterEach(() => servers.end());

const answers = (request: Received, response: Parameters<typeof json>[0]): void =>
  json(response, ok(request.message['id'], { content: [] }));

function to({ url }: TestServer, authorization: TestAuthorization, more: Partial<UpstreamOptions> = {}): TestUpstream {
  const opened = testUpstream({ kind: 'http', url, headers: { 'x-kept': 'yes' } }, { authorization, ...more });
  servers.onEnd(() => opened.upstream.destroy());
  return opened;
}

const tokensOf = (all: readonly Received[]): unknown[] => all.map(({ headers }) => headers.authorization);

describe.each(['session', 'stateless'] as const)('a server of the %s era that wants a token', (era) => {
  const start = (...tokens: readonly string[]): Promise<TestServer> =>
    servers[`${era}Server`]({ call: answers, refuse: wants(...tokens) });

  it('gets it with every request, beside what is configured', async () => {
    const server = await start('one');
    const { upstream } = to(server, testAuthorization({ current: 'one' }), { era });
    const leg = await upstream.leg(era);
    whole(await leg.request(callOf()).answer, '1');
    await upstream.close();
    expect(server.received.all.length).toBeGreaterThan(1);
    expect(new Set(tokensOf(server.received.all))).toEqual(new Set(['Bearer one']));
    expect(new Set(server.received.all.map(({ headers }) => headers['x-kept']))).toEqual(new Set(['yes']));
  });

  it('is told whose login is needed, is asked again at once after it, and is no failure', async () => {
    const server = await start('one');
    const authorization = testAuthorization();
    const { upstream } = to(server, authorization);
    for (let time = 0; time < 7; time++) {
      const error = await failure(upstream.leg(era));
      expect(error).toMatchObject({ reason: 'unauthorized', status: 401, login: LOGIN.login });
      expect(error.message).toContain('https://as.test');
      expect(error.message).not.toContain('hidden');
    }
    expect(upstream.status()).toMatchObject({ state: 'idle', retryInMs: 0, restarts: 0 });
    authorization.current = 'one';
    expect((await upstream.leg(era)).era).toBe(era);
  });

  it('gets the same call again with another token, and a leg that must wait for a login stays up', async () => {
    const server = await start('one', 'two');
    const authorization = testAuthorization({ current: 'one' });
    const { upstream, downs } = to(server, authorization);
    const leg = await upstream.leg(era);
    authorization.current = 'spent';
    authorization.answer = () => {
      authorization.current = 'two';
      return 'retry';
    };
    const answer = await leg.request(callOf()).answer;
    expect(answer.kind).toBe('result');
    const calls = server.received.all.filter(isCall);
    expect(tokensOf(calls)).toEqual(['Bearer spent', 'Bearer two']);
    expect(calls[1]!.message).toEqual(calls[0]!.message);
    authorization.current = 'spent';
    authorization.answer = () => LOGIN;
    expect(await failure(leg.request(callOf()).answer)).toMatchObject({ reason: 'unauthorized', login: LOGIN.login });
    expect(upstream.ready(era)).toBe(leg);
    expect(downs.all).toEqual([]);
    authorization.current = 'one';
    expect((await leg.request(callOf()).answer).kind).toBe('result');
  });
});

describe('a refused request', () => {
  const refusing = (status: number, wwwAuthenticate: string, body = ''): Promise<TestServer> =>
    servers.statelessServer({
      call: (_request, response) => void response.writeHead(status, { 'www-authenticate': wwwAuthenticate }).end(body),
    });

  it('is repeated three times, and no more', async () => {
    const server = await refusing(401, 'Bearer');
    const authorization = testAuthorization({ current: 'one', answer: () => 'retry' });
    const leg = await to(server, authorization, { era: 'stateless' }).upstream.leg('stateless');
    const error = await failure(leg.request(callOf()).answer);
    expect(error).toMatchObject({ reason: 'unauthorized', status: 401, login: undefined });
    expect(server.received.all.filter(isCall)).toHaveLength(4);
    expect(authorization.refusals.all).toHaveLength(3);
    expect(authorization.refusals.all[0]).toEqual({ status: 401, wwwAuthenticate: 'Bearer', sent: 'one' });
  });

  it('steps up at a 403 that says so, and takes any other for an answer', async () => {
    const challenge = 'Bearer error="insufficient_scope", scope="write"';
    const server = await refusing(403, challenge);
    const authorization = testAuthorization({ current: 'one' });
    const leg = await to(server, authorization, { era: 'stateless' }).upstream.leg('stateless');
    expect(await failure(leg.request(callOf()).answer)).toMatchObject({ status: 403, login: LOGIN.login });
    expect(authorization.refusals.all).toEqual([{ status: 403, wwwAuthenticate: challenge, sent: 'one' }]);
    const other = await refusing(403, 'Bearer', '{"error":"no"}');
    const second = testAuthorization({ current: 'one' });
    const forbidden = await to(other, second, { era: 'stateless' }).upstream.leg('stateless');
    expect(await failure(forbidden.request(callOf()).answer)).toMatchObject({ reason: 'unauthorized', status: 403 });
    expect(second.refusals.all).toEqual([]);
  });

  it('fails with the reason when there is no token', async () => {
    const server = await refusing(401, 'Bearer');
    const authorization = testAuthorization({
      answer: () => Promise.reject(new Error('The metadata cannot be read.')),
    });
    const { upstream } = to(server, authorization, { era: 'stateless' });
    const leg = await upstream.leg('stateless');
    const error = await failure(leg.request(callOf()).answer);
    expect(error).toMatchObject({ reason: 'unauthorized', status: 401, login: undefined });
    expect(error.message).toContain('The metadata cannot be read.');
    const late = testAuthorization({ token: () => Promise.reject(new Error('It cannot be renewed.')) });
    expect(await failure(to(server, late).upstream.leg('stateless'))).toMatchObject({ reason: 'unauthorized' });
  });

  it('is not sent again when it was given up, nor sent when it was given up before there was a token', async () => {
    const server = await refusing(401, 'Bearer');
    const gate = Promise.withResolvers<'retry'>();
    const authorization = testAuthorization({ current: 'one', answer: () => gate.promise });
    const leg = await to(server, authorization, { era: 'stateless' }).upstream.leg('stateless');
    const pending = leg.request(callOf());
    await authorization.refusals.next();
    pending.cancel();
    expect(await failure(pending.answer)).toMatchObject({ reason: 'cancelled' });
    gate.resolve('retry');
    const token = Promise.withResolvers<string>();
    authorization.token = () => token.promise;
    const second = leg.request(callOf());
    second.cancel();
    expect(await failure(second.answer)).toMatchObject({ reason: 'cancelled' });
    token.resolve('two');
    authorization.token = () => 'last';
    authorization.answer = () => LOGIN;
    await failure(leg.request(callOf()).answer);
    expect(tokensOf(server.received.all.filter(isCall))).toEqual(['Bearer one', 'Bearer last']);
  });

  it('is timed while a token is fetched', async () => {
    const server = await servers.serve((request, response) => void wants('one')(request, response));
    const timers = manualTimers();
    const authorization = testAuthorization({ answer: () => new Promise(() => undefined) });
    const dispatcher = createDispatcher(server.url, {}, { connectTimeoutMs: 1000 });
    servers.onEnd(() => dispatcher.destroy());
    const time = { ms: 0 };
    const { options } = bench(server.url, {
      headers: {},
      dispatcher: createAuthorized({ dispatcher, authorization, url: server.url }),
      setTimer: timers.setTimer,
      now: () => time.ms,
    });
    const opening = failure(openHttpSession(options));
    await authorization.refusals.next();
    time.ms = options.connectTimeoutMs;
    for (const timer of timers.set.all) timer.fire();
    expect(await opening).toMatchObject({ reason: 'timeout' });
  });

  it('may have a body without an end', async () => {
    const server = await servers.statelessServer({
      call: ({ headers, message }, response) => {
        if (headers.authorization === 'Bearer two') return json(response, ok(message['id'], { content: [] }));
        response.writeHead(401, { 'www-authenticate': 'Bearer' });
        const write = (): void => void response.write('x'.repeat(32 * 1024), () => !response.destroyed && write());
        return write();
      },
    });
    const authorization = testAuthorization({ current: 'one' });
    authorization.answer = () => {
      authorization.current = 'two';
      return 'retry';
    };
    const leg = await to(server, authorization, { era: 'stateless' }).upstream.leg('stateless');
    expect((await leg.request(callOf()).answer).kind).toBe('result');
  });
});

describe('what nobody waits for', () => {
  it('nobody logs in for the end of a session', async () => {
    const server = await servers.sessionServer({ refuse: wants('one') });
    const authorization = testAuthorization({ current: 'one' });
    const { upstream, logs } = to(server, authorization, { era: 'session' });
    await upstream.leg('session');
    authorization.current = 'spent';
    const before = logs.all.length;
    await upstream.close();
    expect(tokensOf(server.received.all.filter(({ method }) => method === 'DELETE'))).toEqual(['Bearer spent']);
    expect(authorization.refusals.all).toEqual([]);
    expect(logs.all.slice(before).filter((line) => !line.startsWith('debug'))).toEqual([]);
  });

  it('the stream of a session is opened when there is another token, and not asked for before', async () => {
    const isRefused = ({ method, headers }: Received): boolean =>
      method === 'GET' && headers.authorization === 'Bearer one';
    const server = await servers.sessionServer({
      call: answers,
      get: (_request, response) => void sse(response, ': open\n\n'),
      refuse: (request, response) => isRefused(request) && wants('two')(request, response),
    });
    const authorization = testAuthorization({ current: 'one' });
    const { upstream, logs } = to(server, authorization, { era: 'session' });
    const leg = await upstream.leg('session');
    await logs.find((line) => line.includes('wants another token'));
    await leg.request(callOf()).answer;
    expect(server.received.all.filter(isGet)).toHaveLength(1);
    authorization.current = 'two';
    await leg.request(callOf()).answer;
    const second = await server.received.find((one) => isGet(one) && one.headers.authorization === 'Bearer two');
    expect(second.headers['mcp-session-id']).toBe('session-1');
    expect(logs.all.filter((line) => !line.startsWith('debug'))).toEqual([]);
  });

  it('so is the subscription of the stateless era', async () => {
    const isListen = isMethod('subscriptions/listen');
    const server = await servers.statelessServer({
      capabilities: { tools: { listChanged: true } },
      call: answers,
      listen: (_request, response) => void sse(response, ': open\n\n'),
      refuse: (request, response) =>
        isListen(request) && request.headers.authorization === 'Bearer one' && wants('two')(request, response),
    });
    const authorization = testAuthorization({ current: 'one' });
    const { upstream, logs } = to(server, authorization, { era: 'stateless' });
    const leg = await upstream.leg('stateless');
    await logs.find((line) => line.includes('refused the subscription'));
    await leg.request(callOf()).answer;
    expect(server.received.all.filter(isListen)).toHaveLength(1);
    authorization.current = 'two';
    await leg.request(callOf()).answer;
    await server.received.find((one) => isListen(one) && one.headers.authorization === 'Bearer two');
  });
});

describe('a session that is gone while a login is needed', () => {
  it('ends the leg, and is not begun again by itself', async () => {
    const state = { isGone: false };
    const server = await servers.sessionServer({
      call: (request, response) => (state.isGone ? void response.writeHead(404).end() : answers(request, response)),
      refuse: (request, response) => isMethod('initialize')(request) && wants('one')(request, response),
    });
    const authorization = testAuthorization({ current: 'one' });
    const { upstream, downs } = to(server, authorization, { era: 'session' });
    const leg = await upstream.leg('session');
    state.isGone = true;
    authorization.current = 'spent';
    expect(await failure(leg.request(callOf()).answer)).toMatchObject({ reason: 'unauthorized', login: LOGIN.login });
    expect(await downs.next()).toMatchObject({ reason: 'unauthorized' });
    expect(upstream.status()).toMatchObject({ retryInMs: 0, state: 'idle' });
    state.isGone = false;
    authorization.current = 'one';
    expect((await (await upstream.leg('session')).request(callOf()).answer).kind).toBe('result');
  });
});

describe('the dispatcher', () => {
  const head = (dispatcher: HttpDispatcher, origin: string): Promise<number | Error> =>
    new Promise((resolve) => {
      const end = { data: () => undefined, end: () => undefined, fail: () => undefined };
      const exchange = new Exchange({ head: (status) => (resolve(status), end), fail: resolve });
      const clocks = { headersTimeout: 0, bodyTimeout: 0 } as const;
      dispatcher.dispatch({ origin, path: '/mcp', method: 'GET', headers: [], body: null, ...clocks }, exchange);
    });

  it('P1-13 UPS-13 gives no token to another origin', async () => {
    const [own, other] = [await servers.serve(answers), await servers.serve(wants('none'))];
    const reached: string[] = [];
    const authorization = testAuthorization({ current: 'one' });
    const dispatcher = createAuthorized({
      // As a proxy, which reaches any origin.
      dispatcher: {
        dispatch: (request, exchange) => {
          reached.push(`${request.origin} ${request.headers.join(' ')}`.trim());
          const pool = createDispatcher(new URL(request.origin), {}, { connectTimeoutMs: 1000 });
          servers.onEnd(() => pool.destroy());
          pool.dispatch(request, exchange);
        },
        close: () => Promise.resolve(),
        destroy: () => Promise.resolve(),
      },
      authorization,
      url: own.url,
    });
    expect(await head(dispatcher, own.url.origin)).toBe(200);
    expect(await head(dispatcher, other.url.origin)).toBe(401);
    expect(reached).toEqual([`${own.url.origin} authorization Bearer one`, other.url.origin]);
    expect(authorization.refusals.all).toEqual([]);
  });

  it('sends nothing that was given up before there was a token', async () => {
    const sent: unknown[] = [];
    const token = Promise.withResolvers<string>();
    const dispatcher = createAuthorized({
      dispatcher: {
        dispatch: (request) => void sent.push(request),
        close: () => Promise.resolve(),
        destroy: () => Promise.resolve(),
      },
      authorization: testAuthorization({ token: () => token.promise }),
      url: new URL('https://up.test/mcp'),
    });
    const end = { data: () => undefined, end: () => undefined, fail: () => undefined };
    const exchange = new Exchange({ head: () => end, fail: () => undefined });
    const clocks = { headersTimeout: 0, bodyTimeout: 0 } as const;
    const request = { origin: 'https://up.test', path: '/mcp', method: 'GET', headers: [], body: null } as const;
    dispatcher.dispatch({ ...request, headers: [], ...clocks }, exchange);
    exchange.abort();
    token.resolve('late');
    await token.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual([]);
  });

  it('makes no promise where the token is at hand', () => {
    const sent: string[][] = [];
    const dispatcher = createAuthorized({
      dispatcher: {
        dispatch: ({ headers }) => void sent.push(headers),
        close: () => Promise.resolve(),
        destroy: () => Promise.resolve(),
      },
      authorization: testAuthorization({ current: 'one' }),
      url: new URL('https://up.test/mcp'),
    });
    void head(dispatcher, 'https://up.test');
    expect(sent).toEqual([['authorization', 'Bearer one']]);
  });
});

it('a 401 with whatever body is a wish for a credential, without an authorization too', async () => {
  const server = await servers.serve((request, response) => void wants('one')(request, response));
  const { upstream } = testUpstream({ kind: 'http', url: server.url, headers: {} });
  servers.onEnd(() => upstream.destroy());
  const error = await failure(upstream.leg('session'));
  expect(error).toBeInstanceOf(UpstreamError);
  expect(error).toMatchObject({ reason: 'unauthorized', status: 401, login: undefined });
});
