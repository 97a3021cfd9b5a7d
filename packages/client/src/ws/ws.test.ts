import type { JsonObject } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../ask.ts';
import type { Leg } from '../leg.ts';
import { callOf, failure, manualTimers, TestCause, whole } from '../testing/calls.ts';
import { serveEverything } from '../testing/everything.ts';
import {
  createSocketServers,
  greeter,
  say,
  sdkTransport,
  type SocketScript,
  type SocketServer,
} from '../testing/socket-servers.ts';
import { MemoryVerdicts, testUpstream, type TestUpstream } from '../testing/upstreams.ts';
import type { UpstreamOptions, WsTarget } from '../upstream.ts';
import { openSocket } from './channel.ts';

const servers = createSocketServers();
afterEach(() => servers.end());

interface Opened extends TestUpstream {
  readonly server: SocketServer;
}

const targetOf = ({ port }: SocketServer, headers: WsTarget['headers'] = {}): WsTarget => ({
  kind: 'ws',
  url: new URL(`ws://127.0.0.1:${port}/mcp?key=hidden`),
  headers,
});

async function start(script: SocketScript, more: Partial<UpstreamOptions> = {}): Promise<Opened> {
  const server = await servers.serve(script);
  const opened = testUpstream(targetOf(server), more);
  servers.onEnd(() => opened.upstream.close());
  return { server, ...opened };
}

const toolCall = (leg: Leg, name: string, args: JsonObject): JsonObject => ({
  name,
  arguments: args,
  _meta: { ...leg.ownMeta },
});

/** A call of a client whose text says which tool it wants. */
const named = (name: string, more: Parameters<typeof callOf>[0] = {}): ReturnType<typeof callOf> =>
  callOf({
    text: (id) => JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } }),
    cause: new TestCause(),
    ...more,
  });

describe('a server of the official SDK over WebSocket', () => {
  it('greets, lists, calls and asks', { timeout: 30_000 }, async () => {
    const { upstream, server } = await start({
      onSocket: (socket) => void serveEverything(sdkTransport(socket)).then((end) => servers.onEnd(end)),
    });
    const leg = await upstream.leg('stateless');
    expect([leg.era, leg.revision, upstream.ready('session')]).toEqual(['session', '2025-11-25', leg]);
    const { tools } = await ask(leg, 'tools/list', undefined, { timeoutMs: 10_000 });
    expect((tools as JsonObject[]).map(({ name }) => name)).toContain('echo');
    const params = toolCall(leg, 'echo', { message: 'hallo' });
    expect(JSON.stringify(await ask(leg, 'tools/call', params, { timeoutMs: 10_000 }))).toContain('Echo: hallo');
    expect(upstream.status()).toMatchObject({ state: 'up', pid: undefined, revision: '2025-11-25' });
    expect(server.sockets.all).toHaveLength(1);
  });
});

describe('opening', () => {
  it('sends the headers but those of the protocol, asks for no compression, and takes the subprotocol', async () => {
    const server = await servers.serve({ onMessage: greeter('session') });
    const { upstream, logs } = testUpstream(
      targetOf(server, { authorization: 'Bearer upstream', 'sec-websocket-key': 'mine', host: 'elsewhere' }),
    );
    servers.onEnd(() => upstream.close());
    await upstream.leg('session');
    const { headers, url } = await server.upgrades.next();
    expect([url, headers.authorization, headers.host]).toEqual([
      '/mcp?key=hidden',
      'Bearer upstream',
      `127.0.0.1:${server.port}`,
    ]);
    expect(headers['sec-websocket-key']).not.toBe('mine');
    expect(headers['sec-websocket-extensions']).toBeUndefined();
    expect((await server.sockets.next()).protocol).toBe('mcp');
    expect(logs.all.filter((text) => text.startsWith('warn The header'))).toHaveLength(2);
    expect(logs.all.join()).not.toMatch(/hidden|Bearer/);
  });

  it('does without the subprotocol where it is not known', async () => {
    const { upstream, server } = await start({
      onMessage: greeter('session'),
      socketOptions: { handleProtocols: () => false },
    });
    await upstream.leg('session');
    expect(server.upgrades.all.map(({ headers }) => headers['sec-websocket-protocol'])).toEqual(['mcp', undefined]);
  });

  it.each([
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [404, 'protocol'],
    [302, 'protocol'],
    [503, 'down'],
  ])('fails when it is answered %i: %s', async (status, reason) => {
    const { upstream, server } = await start({
      socketOptions: {
        verifyClient: (_info, done) => done(false, status, 'no', { location: 'ws://elsewhere.test/' }),
      },
    });
    const error = await failure(upstream.leg('session'));
    expect(error).toMatchObject({ reason, status });
    expect(error.message).toContain(`ws://127.0.0.1:${server.port}/mcp`);
    expect(error.message).not.toContain('hidden');
    expect(server.upgrades.all).toHaveLength(1);
  });

  it('fails when nobody listens, and when no answer comes in time', async () => {
    const server = await servers.serve({});
    await servers.end();
    expect(await failure(testUpstream(targetOf(server)).upstream.leg('session'))).toMatchObject({ reason: 'down' });

    const silent = await servers.serve({ socketOptions: { verifyClient: () => undefined } });
    const { setTimer, set } = manualTimers();
    const hooks = {
      maxMessageBytes: 1,
      onMessage: noop,
      onOversize: noop,
      onUnsent: noop,
      onDown: noop,
      logId: () => undefined,
    };
    const { signal } = new AbortController();
    const options = { target: targetOf(silent), env: {}, connectTimeoutMs: 7, setTimer };
    const opening = openSocket(options, hooks, { signal, events: nobody });
    await silent.upgrades.next();
    (await set.next()).fire();
    expect(await failure(opening)).toMatchObject({ reason: 'down' });
  });

  it.each([
    ['another scheme', 'https://127.0.0.1:1/', {}, 'protocol'],
    ['a header that is none', 'ws://127.0.0.1:1/', { 'x-bad': 'a\nb' }, 'down'],
  ])('fails with a reason for %s', async (_name, url, headers, reason) => {
    const { upstream } = testUpstream({ kind: 'ws', url: new URL(url), headers });
    const error = await failure(upstream.leg('session'));
    expect(error).toMatchObject({ reason });
    expect(error.message).toContain(url);
  });

  it('leaves the fragment of the URL away', async () => {
    const server = await servers.serve({ onMessage: greeter('session') });
    const target = targetOf(server);
    const { upstream } = testUpstream({ ...target, url: new URL('#part', target.url) });
    servers.onEnd(() => upstream.close());
    await upstream.leg('session');
    expect((await server.upgrades.next()).url).toBe('/mcp?key=hidden');
  });

  it('is broken off when it is not wanted any more', async () => {
    const { upstream, server } = await start({ socketOptions: { verifyClient: () => undefined } });
    const leg = upstream.leg('session');
    await server.upgrades.next();
    const rejected = failure(leg);
    await upstream.close();
    expect(await rejected).toMatchObject({ reason: 'down' });
  });
});

describe('finding the era', () => {
  it('probes on the same connection, and remembers what it found', async () => {
    const verdicts = new MemoryVerdicts();
    const { upstream, server } = await start({ onMessage: greeter('stateless') }, { verdicts });
    const leg = await upstream.leg('session');
    expect([leg.era, leg.revision]).toEqual(['stateless', '2026-07-28']);
    expect([...verdicts.kept.values()]).toEqual([{ eras: ['stateless'], atMs: 1_000_000 }]);
    // Its changes are listened to, as on stdio.
    const listen = await server.received.find(({ method }) => method === 'subscriptions/listen');
    expect(listen['params']).toMatchObject({ notifications: { toolsListChanged: true } });
  });

  it('connects again for a server that ends when it is probed', async () => {
    const greet = greeter('session');
    const { upstream, server } = await start({
      onMessage: (message, socket) =>
        message['method'] === 'server/discover' ? socket.close(1002, 'initialize first') : greet(message, socket),
    });
    expect((await upstream.leg('stateless')).era).toBe('session');
    expect(server.sockets.all).toHaveLength(2);
  });
});

describe('traffic', () => {
  it('gives many calls on one connection their own answers', async () => {
    const waiting: JsonObject[] = [];
    const { upstream, server } = await start({
      onMessage: greeter('session', (message, socket) => {
        waiting.push(message);
        if (waiting.length < 50) return;
        for (const { id, params } of waiting.toReversed()) say(socket, { id: id, result: params });
      }),
    });
    const leg = await upstream.leg('session');
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => leg.request(named(`tool-${index}`)).answer),
    );
    expect(answers.map((answer) => (JSON.parse(whole(answer, '1')) as { result: JsonObject }).result)).toEqual(
      Array.from({ length: 50 }, (_, index) => ({ name: `tool-${index}` })),
    );
    expect(server.sockets.all).toHaveLength(1);
  });

  it('asks the one call under way, and nobody when there are several', async () => {
    const { upstream, unattributed, server } = await start({ onMessage: greeter('session') });
    const leg = await upstream.leg('session');
    const socket = await server.sockets.next();
    const [mine, other] = [new TestCause(), new TestCause()];
    const first = leg.request(named('a', { cause: mine }));
    await server.received.find(({ params }) => (params as JsonObject | undefined)?.['name'] === 'a');
    say(socket, { id: 'q1', method: 'roots/list' });
    expect((await server.received.find(({ id }) => id === 'q1'))['result']).toEqual({ roots: [] });
    const second = leg.request(named('b', { cause: other }));
    say(socket, { id: 'q2', method: 'roots/list' });
    expect((await server.received.find(({ id }) => id === 'q2'))['error']).toMatchObject({ code: -31003 });
    first.cancel();
    second.cancel();
    expect([mine.asked.all.length, other.asked.all.length, unattributed.all.length]).toEqual([1, 0, 1]);
  });

  it('keeps a message in one line, whatever breaks a body holds', async () => {
    const texts: string[] = [];
    const { upstream } = await start({
      onSocket: (socket) => void socket.on('message', (data) => texts.push((data as Buffer).toString())),
      onMessage: greeter('session', ({ id }, socket) => say(socket, { id: id, result: {} })),
    });
    const leg = await upstream.leg('session');
    const text = (id: number): string => `{"jsonrpc":"2.0","id":${id},\r\n"method":\n"tools/call"}`;
    await leg.request(callOf({ text })).answer;
    expect(texts.at(-1)).toMatch(/^\{"jsonrpc":"2.0","id":\d+, {2}"method": "tools\/call"\}$/);
  });

  it('skips binary frames and what is no message, and counts them', async () => {
    const { upstream, logs } = await start({
      onMessage: greeter('session', ({ id }, socket) => {
        const answer = JSON.stringify({ jsonrpc: '2.0', id, result: { from: 'binary' } });
        socket.send(Buffer.from(answer), { binary: true });
        socket.send('hello');
        say(socket, { id: id, result: { from: 'text' } });
      }),
    });
    const leg = await upstream.leg('session');
    expect(whole(await leg.request(named('x')).answer, '1')).toContain('"text"');
    expect(upstream.status().noiseLines).toBe(2);
    expect(logs.all.filter((text) => text.includes('no message'))).toHaveLength(1);
  });
});

describe('limits', () => {
  it('cuts the connection at a message that is too large, and begins another', async () => {
    const { upstream, downs, server } = await start(
      {
        onMessage: greeter('session', ({ id }, socket) => say(socket, { id: id, result: { x: 'x'.repeat(5000) } })),
      },
      { maxMessageBytes: 4096 },
    );
    const leg = await upstream.leg('session');
    expect(await failure(leg.request(named('big')).answer)).toMatchObject({ reason: 'too_large' });
    expect(await downs.next()).toMatchObject({ reason: 'too_large' });
    await server.sockets.next();
    expect(await server.sockets.next()).toBeDefined();
  });

  it('refuses calls while the server reads nothing of a backlog', async () => {
    const { upstream, logs, server } = await start({ onMessage: greeter('session') }, { maxMessageBytes: 64 * 1024 });
    const leg = await upstream.leg('session');
    (await server.sockets.next()).pause();
    const text = (id: number): string =>
      `{"jsonrpc":"2.0","id":${id},"method":"x","params":{"x":"${'x'.repeat(1 << 20)}"}}`;
    const calls = Array.from({ length: 64 }, () => leg.request(callOf({ text })).answer);
    const error = await Promise.race(calls.map(failure));
    expect(error).toMatchObject({ reason: 'down' });
    expect(error.message).toMatch(/does not read/);
    leg.notify('notifications/roots/list_changed');
    leg.notify('notifications/roots/list_changed');
    expect(logs.all.filter((line) => line.includes('does not read'))).toHaveLength(1);
    upstream.destroy();
    await Promise.allSettled(calls);
  });
});

describe('the end', () => {
  it('fails what is under way when the server closes, and says why', async () => {
    const { upstream, downs } = await start({
      onMessage: greeter('session', (_message, socket) => socket.close(1001, 'going home')),
    });
    const leg = await upstream.leg('session');
    expect(await failure(leg.request(named('x')).answer)).toMatchObject({ reason: 'down' });
    expect((await downs.next()).message).toMatch(/1001.*"going home"/);
  });

  it('waits for calls, then closes in order', async () => {
    const { upstream, server } = await start({
      onMessage: greeter('session', ({ id }, socket) => setImmediate(say, socket, { id: id as number, result: {} })),
    });
    const leg = await upstream.leg('session');
    const socket = await server.sockets.next();
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    const answer = leg.request(named('x')).answer;
    await upstream.close();
    expect((await answer).kind).toBe('result');
    expect(await closed).toBe(1000);
  });

  it('comes when two pings stay unanswered, and not when anything is heard', async () => {
    const pings: number[] = [];
    const server = await servers.serve({
      socketOptions: { autoPong: false },
      onSocket: (socket) => void socket.on('ping', () => pings.push(pings.length)),
    });
    const { setTimer, set } = manualTimers();
    const heard: string[] = [];
    const down = Promise.withResolvers<Error>();
    const channel = await openSocket(
      { target: targetOf(server), env: {}, connectTimeoutMs: 5000, setTimer },
      {
        maxMessageBytes: 1000,
        onMessage: (bytes) => heard.push(bytes.toString()),
        onOversize: noop,
        onUnsent: noop,
        onDown: down.resolve,
        logId: () => undefined,
      },
      { signal: new AbortController().signal, events: nobody },
    );
    const socket = await server.sockets.next();
    const beat = async (): Promise<void> => (await set.next(({ ms, isOn }) => ms === 15_000 && isOn())).fire();
    const hear = async (send: () => void, arrived: () => boolean): Promise<void> => {
      send();
      while (!arrived()) await new Promise((resolve) => setImmediate(resolve));
    };
    for (let round = 1; round <= 3; round++) {
      await beat();
      await beat();
      await hear(
        () => socket.send('{}'),
        () => heard.length === round,
      );
    }
    await beat();
    await beat();
    await beat();
    expect((await down.promise).message).toMatch(/answers no pings/);
    expect(heard).toHaveLength(3);
    channel.destroy();
  });
});

const noop = (): void => undefined;
const nobody = {
  onNotification: noop,
  onUnattributed: () => ({ error: { code: 1, message: 'no' } }),
  onDown: noop,
  log: noop,
};
