/** Who gets what a server says (docs/PROTOCOL.md, "Who gets what a server says"). */
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startGateway } from './gateway.ts';
import type { Started } from './gateway.ts';
import { ENVELOPE, openSession, stateless, statelessHeaders, textOf } from './raw-client.ts';
import type { Arrived, RawClient, RawSession, Reply } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';
import type { RawHttp } from './raw-http.ts';
import type { Era, RawOptions } from './raw-server.ts';

const RAW_SERVER = new URL('raw-server.ts', import.meta.url).pathname;
const ERAS = ['session', 'stateless'] as const;

interface World extends AsyncDisposable {
  readonly http: RawHttp;
  readonly started: Started;
}

/** A gateway in front of one server over HTTP, with more in its configuration. */
async function world(options: RawOptions, more: Record<string, unknown> = {}): Promise<World> {
  const http = await serveRaw(options);
  const started = await startGateway({ mcpServers: { up: { url: http.url, era: options.era } }, ...more });
  // From here on a list changes only when a test changes it.
  await started.gateway.rooms.catalog.root.ready();
  return {
    http,
    started,
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await http[Symbol.asyncDispose]();
    },
  };
}

async function overStdio(era: Era): Promise<Started> {
  const started = await startGateway({
    mcpServers: { up: { command: process.execPath, args: [RAW_SERVER, era], era } },
  });
  await started.gateway.rooms.catalog.root.ready();
  return started;
}

const clientOf = async (url: string, era: Era, capabilities = {}): Promise<RawClient> =>
  era === 'session' ? await openSession(url, capabilities) : stateless(url, capabilities);

const is =
  (method: string) =>
  (item: Arrived): boolean =>
    item.message.method === method;
const methods = (reply: Reply): (string | undefined)[] => reply.messages.items.map(({ message }) => message.method);

describe.each(ERAS)('progress in the %s era', (era) => {
  it.each([
    ['a string', 'token'],
    ['a number', 0],
  ])('goes to its own call alone, under a token that is %s', async (_kind, token) => {
    await using started = await overStdio(era);
    const [one, other] = [await clientOf(started.url, era), await clientOf(started.url, era)];
    const slow = await other.start(
      'tools/call',
      { name: 'up__number', arguments: { n: 1, ms: 30 } },
      { meta: { progressToken: 'x' } },
    );
    const reply = await one.start(
      'tools/call',
      { name: 'up__progress', arguments: { steps: 3 } },
      { meta: { progressToken: token } },
    );
    await reply.last;
    const progress = reply.messages.items.filter(is('notifications/progress'));
    expect(progress.map(({ message }) => message.params)).toEqual(
      [1, 2, 3].map((step) => ({ progressToken: token, progress: step })),
    );
    await slow.last;
    expect(methods(slow)).toEqual([undefined]);
  });
});

describe('log messages', () => {
  it('come to each session at the level that it set', async () => {
    await using at = await world({ era: 'session' });
    const [loud, quiet] = [await openSession(at.started.url), await openSession(at.started.url)];
    await quiet.call('logging/setLevel', { level: 'error' });
    await loud.call('logging/setLevel', { level: 'debug' });
    const levels = async (session: RawSession): Promise<unknown[]> => {
      const reply = await session.start('tools/call', {
        name: 'up__log',
        arguments: { levels: ['debug', 'info', 'error'] },
      });
      await reply.last;
      return reply.messages.items.filter(is('notifications/message')).map(({ message }) => message.params?.['level']);
    };
    expect(await levels(loud)).toEqual(['debug', 'info', 'error']);
    expect(await levels(quiet)).toEqual(['error']);
    // The server is told the most verbose of them, and the rest when that one has gone.
    expect(at.http.server.of('logging/setLevel').map(({ params }) => params?.['level'])).toEqual(['error', 'debug']);
    await loud.end();
    await expect
      .poll(() => at.http.server.of('logging/setLevel').map(({ params }) => params?.['level']))
      .toEqual(['error', 'debug', 'error']);
  });

  it.each([
    [undefined, []],
    ['warning', ['error']],
    ['debug', ['debug', 'info', 'error']],
  ])('come to a stateless request that asks for %s', async (logLevel, expected) => {
    await using at = await world({ era: 'stateless' });
    const meta = logLevel === undefined ? {} : { 'io.modelcontextprotocol/logLevel': logLevel };
    const reply = await stateless(at.started.url).start(
      'tools/call',
      { name: 'up__log', arguments: { levels: ['debug', 'info', 'error'] } },
      { meta },
    );
    await reply.last;
    const seen = reply.messages.items.filter(is('notifications/message'));
    expect(seen.map(({ message }) => message.params?.['level'])).toEqual(expected);
  });
});

const ASKS = [
  ['sampling/createMessage', { sampling: {} }, { messages: [], maxTokens: 1 }],
  ['elicitation/create', { elicitation: {} }, { message: 'who?', requestedSchema: { type: 'object', properties: {} } }],
  ['roots/list', { roots: {} }, undefined],
] as const;

describe.each([
  ['http', (): Promise<{ readonly started: Started } & AsyncDisposable> => world({ era: 'session' })],
  [
    'stdio',
    async () => {
      const started = await overStdio('session');
      return { started, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
    },
  ],
] as const)('a question of a server over %s', (_way, open) => {
  it.each(ASKS)('%s reaches the one call that caused it', async (method, capabilities, params) => {
    await using at = await open();
    const { started } = at;
    const [asked, other] = [await openSession(started.url, capabilities), await openSession(started.url, capabilities)];
    const others = await other.listen();
    const reply = await asked.start('tools/call', { name: 'up__ask', arguments: { method, params } });
    const { message } = await reply.messages.until(is(method), method);
    expect(message.params).toEqual(params);
    expect(await asked.tell({ id: message.id, result: { answer: method } })).toBe(202);
    expect(JSON.parse(textOf((await reply.last).message))).toMatchObject({ result: { answer: method } });
    expect(others.messages.items).toEqual([]);
    others.abort();
  });

  it('SES-12 is not put to a client that has not declared that it answers it', async () => {
    await using at = await open();
    const { started } = at;
    const cases = [
      [{}, 'sampling/createMessage', {}],
      [{ sampling: {} }, 'sampling/createMessage', { tools: [] }],
      [{ elicitation: { form: {} } }, 'elicitation/create', { mode: 'url', url: 'https://example.com/' }],
      [{ elicitation: { url: {} } }, 'elicitation/create', { requestedSchema: {} }],
      [{ sampling: {} }, 'roots/list', undefined],
    ] as const;
    for (const [capabilities, method, params] of cases) {
      const session = await openSession(started.url, capabilities);
      const reply = await session.start('tools/call', { name: 'up__ask', arguments: { method, params } });
      expect(JSON.parse(textOf((await reply.last).message))).toMatchObject({ error: { code: -32601 } });
      expect(methods(reply)).toEqual([undefined]);
    }
  });
});

/** Resolves when a call is in flight on the only leg. */
async function sent(started: Started): Promise<string> {
  await expect.poll(() => started.gateway.rooms.upstreams.legs('up')[0]?.inFlight).toBe(1);
  return 'in flight';
}

describe('a question of a server over stdio, where nothing tells which call caused it', () => {
  it('is refused, and seen by nobody, while two calls are in flight', async () => {
    await using started = await overStdio('session');
    const capabilities = { elicitation: {} };
    const [one, two] = [await openSession(started.url, capabilities), await openSession(started.url, capabilities)];
    const held = await Promise.race([
      one.start('tools/call', { name: 'up__hold', arguments: { name: 'h' } }),
      sent(started),
    ]);
    const args = { method: 'elicitation/create', params: { message: 'which?' } };
    const reply = await two.start('tools/call', { name: 'up__ask', arguments: args });
    expect(JSON.parse(textOf((await reply.last).message))).toMatchObject({ error: { code: -32603 } });
    expect(methods(reply)).toEqual([undefined]);
    await two.call('tools/call', { name: 'up__release', arguments: {} });
    expect(held).toBe('in flight');
  });
});

describe('a question that its server takes back', () => {
  it('is not cancelled under the server’s own number, which is another question’s here', async () => {
    await using at = await world({ era: 'session' });
    const session = await openSession(at.started.url, { elicitation: {} });
    const args = { method: 'notifications/cancelled', params: { requestId: 1 } };
    const reply = await session.start('tools/call', { name: 'up__say', arguments: args });
    expect(textOf((await reply.last).message)).toBe('said');
    expect(methods(reply)).toEqual([undefined]);
  });
});

describe('a question that nobody answers', () => {
  it('ends after the time for a person', async () => {
    await using at = await world({ era: 'session' }, { limits: { human: '50ms' } });
    const session = await openSession(at.started.url, { elicitation: {} });
    const args = { method: 'elicitation/create', params: { message: 'anybody?' } };
    const answer = await session.call('tools/call', { name: 'up__ask', arguments: args });
    expect(JSON.parse(textOf(answer))).toMatchObject({ error: { code: -31003 } });
  });
});

const RESOURCES = {
  resources: [
    { uri: 'raw://a', name: 'a' },
    { uri: 'raw://b', name: 'b' },
  ],
};
const UPDATED = 'notifications/resources/updated';

describe.each(ERAS)('subscriptions to a server of the %s era', (era) => {
  const upstreamWants = (at: World): unknown[] =>
    era === 'session'
      ? at.http.server.received.flatMap((text) => {
          const { method, params } = JSON.parse(text) as { method?: string; params?: { uri?: string } };
          return method?.startsWith('resources/') && method.endsWith('subscribe')
            ? [`${method.slice(10)} ${params?.uri}`]
            : [];
        })
      : at.http.server
          .of('subscriptions/listen')
          .map(
            ({ params }) =>
              ((params?.['notifications'] ?? {}) as { resourceSubscriptions?: string[] }).resourceSubscriptions ?? [],
          );

  it('are one there, whoever and how many listen here', async () => {
    await using at = await world({ era, ...RESOURCES });
    const sessions = await Promise.all([1, 2, 3].map(() => openSession(at.started.url)));
    await sessions[0]?.call('resources/list');
    const streams = await Promise.all(sessions.map((session) => session.listen()));
    for (const session of sessions.slice(0, 2)) await session.call('resources/subscribe', { uri: 'raw://a' });
    const listening = await stateless(at.started.url).start(
      'subscriptions/listen',
      {
        notifications: { resourceSubscriptions: ['raw://a'] },
      },
      { id: 'my listen' },
    );
    const { message } = await listening.messages.until(
      is('notifications/subscriptions/acknowledged'),
      'the acknowledgement',
    );
    expect(message.params).toEqual({
      _meta: { 'io.modelcontextprotocol/subscriptionId': 'my listen' },
      notifications: { resourceSubscriptions: ['raw://a'] },
    });
    const one: unknown = era === 'session' ? ['subscribe raw://a'] : [[], ['raw://a']];
    await expect.poll(() => upstreamWants(at)).toEqual(one);
    await expect.poll(() => at.http.server.broadcasts.size).toBeGreaterThan(0);
    at.http.server.broadcast(UPDATED, { uri: 'raw://a/part', extra: 1 });
    for (const stream of streams.slice(0, 2)) {
      const update = await stream.messages.until(is(UPDATED), 'the update');
      expect(update.message.params).toEqual({ uri: 'raw://a/part', extra: 1 });
    }
    const heard = await listening.messages.until(is(UPDATED), 'the update');
    expect(heard.message.params).toMatchObject({ _meta: { 'io.modelcontextprotocol/subscriptionId': 'my listen' } });
    expect(streams[2]?.messages.items).toEqual([]);
    for (const stream of [...streams, listening]) stream.abort();
  });

  it.each(['an unsubscribe', 'the end of a session', 'a listener that leaves'])('end there with %s', async (how) => {
    await using at = await world({ era, ...RESOURCES });
    const session = await openSession(at.started.url);
    const isListener = how === 'a listener that leaves';
    const notifications = { resourceSubscriptions: ['raw://a'] };
    const listening = isListener
      ? await stateless(at.started.url).start('subscriptions/listen', { notifications })
      : undefined;
    if (!isListener) await session.call('resources/subscribe', { uri: 'raw://a' });
    await expect.poll(() => upstreamWants(at).at(-1)).toEqual(era === 'session' ? 'subscribe raw://a' : ['raw://a']);
    if (how === 'an unsubscribe') await session.call('resources/unsubscribe', { uri: 'raw://a' });
    else if (isListener) listening?.abort();
    else await session.end();
    await expect.poll(() => upstreamWants(at).at(-1)).toEqual(era === 'session' ? 'unsubscribe raw://a' : []);
  });

  it('give nobody what another server says of it', async () => {
    await using at = await world({ era, ...RESOURCES });
    await using other = await serveRaw({ era, resources: [{ uri: 'other://x', name: 'x' }] });
    await using started = await startGateway({
      mcpServers: { up: { url: at.http.url, era }, other: { url: other.url, era } },
    });
    await started.gateway.rooms.catalog.root.ready();
    const session = await openSession(started.url);
    const stream = await session.listen();
    for (const uri of ['raw://a', 'other://x']) await session.call('resources/subscribe', { uri });
    await expect.poll(() => other.server.broadcasts.size).toBeGreaterThan(0);
    other.server.broadcast(UPDATED, { uri: 'raw://a' });
    other.server.broadcast(UPDATED, { uri: 'other://x' });
    await stream.messages.until(is(UPDATED), 'the update');
    expect(stream.messages.items.map(({ message }) => message.params?.['uri'])).toEqual(['other://x']);
    stream.abort();
  });

  it('are refused where nobody reports updates', async () => {
    const capabilities = { resources: { listChanged: true } };
    await using at = await world({ era, ...RESOURCES, capabilities });
    const session = await openSession(at.started.url);
    expect(await session.call('resources/subscribe', { uri: 'raw://a' })).toMatchObject({ error: { code: -32601 } });
    const listening = await stateless(at.started.url).start('subscriptions/listen', {
      notifications: { resourceSubscriptions: ['raw://a'] },
    });
    const { message } = await listening.messages.until(() => true, 'the acknowledgement');
    expect(message.params).toMatchObject({ notifications: { resourceSubscriptions: [] } });
    listening.abort();
  });
});

describe.each(ERAS)('list_changed of a server of the %s era', (era) => {
  it('is passed on when a list has changed, and not when it has not', async () => {
    const tools = [{ name: 'a', inputSchema: { type: 'object' } }];
    await using at = await world({ era, tools }, {});
    const CHANGED = 'notifications/tools/list_changed';
    const session = await openSession(at.started.url);
    await session.call('tools/list');
    const stream = await session.listen();
    const listening = await stateless(at.started.url).start('subscriptions/listen', {
      notifications: { toolsListChanged: true },
    });
    await listening.messages.until(is('notifications/subscriptions/acknowledged'), 'the acknowledgement');
    await expect.poll(() => at.http.server.broadcasts.size).toBeGreaterThan(0);
    const reads = (): number => at.http.server.of('tools/list').length;
    const before = reads();
    at.http.server.broadcast(CHANGED);
    await expect.poll(reads).toBe(before + 1);
    tools.push({ name: 'b', inputSchema: { type: 'object' } });
    at.http.server.broadcast(CHANGED);
    await stream.messages.until(is(CHANGED), 'list_changed');
    const told = await listening.messages.until(is(CHANGED), 'list_changed');
    expect(told.message.params).toMatchObject({ _meta: { 'io.modelcontextprotocol/subscriptionId': 1 } });
    expect(stream.messages.items.filter(is(CHANGED))).toHaveLength(1);
    const { result } = await session.call('tools/list');
    expect(((result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name)).toEqual(['up__a', 'up__b']);
    stream.abort();
    listening.abort();
  });
});

describe('cancellation', () => {
  const hold = { name: 'up__hold', arguments: { name: 'mine' } };
  const cancelled = (at: World): unknown[] =>
    at.http.server.of('notifications/cancelled').map(({ params }) => params?.['requestId']);
  const heldId = async (at: World): Promise<unknown> => {
    await expect.poll(() => at.http.server.of('tools/call')).toHaveLength(1);
    return at.http.server.of('tools/call')[0]?.id;
  };
  const free = async (at: World): Promise<void> => {
    await expect.poll(() => at.started.gateway.rooms.upstreams.legs('up').map((leg) => leg.inFlight)).toEqual([0]);
  };

  it('P3-07 by a session reaches the server, and what it answers later is dropped', async () => {
    await using at = await world({ era: 'session' });
    const session = await openSession(at.started.url);
    const reply = session.start('tools/call', hold, { id: 'held' });
    const id = await heldId(at);
    await session.tell({ method: 'notifications/cancelled', params: { requestId: 'held' } });
    expect((await reply).status).toBe(202);
    await expect.poll(() => cancelled(at)).toEqual([id]);
    await free(at);
    expect(textOf(await session.call('tools/call', { name: 'up__release', arguments: {} }))).toBe('released');
    expect((await reply).messages.items).toEqual([]);
  });

  it('by a session cannot name a call of another session', async () => {
    await using at = await world({ era: 'session' });
    const [mine, other] = [await openSession(at.started.url), await openSession(at.started.url)];
    const reply = mine.start('tools/call', hold, { id: 'held' });
    await heldId(at);
    await other.tell({ method: 'notifications/cancelled', params: { requestId: 'held' } });
    await other.call('tools/call', { name: 'up__release', arguments: {} });
    expect(textOf((await (await reply).last).message)).toBe('released mine');
    expect(cancelled(at)).toEqual([]);
  });

  it('by the end of a session reaches the server', async () => {
    await using at = await world({ era: 'session' });
    const session = await openSession(at.started.url);
    void session.start('tools/call', hold).catch(() => undefined);
    const id = await heldId(at);
    await session.end();
    await expect.poll(() => cancelled(at)).toEqual([id]);
    await free(at);
  });

  it('SES-15 by a stateless client that leaves closes the request to a stateless server', async () => {
    await using at = await world({ era: 'stateless' });
    const controller = leavable(at.started.url);
    await heldId(at);
    const closed = once(at.http.responses.at(-1) as EventEmitter, 'close');
    controller.abort();
    await closed;
    await free(at);
    expect(at.http.responses.at(-1)?.writableFinished).toBe(false);
  });
});

/** A stateless call that can be left before its head has come. */
function leavable(url: string): AbortController {
  const params = { name: 'up__hold', arguments: {} };
  const controller = new AbortController();
  const meta = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': {} };
  void fetch(url, {
    method: 'POST',
    signal: controller.signal,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...statelessHeaders('tools/call', params),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...params, _meta: meta } }),
  }).catch(() => undefined);
  return controller;
}
