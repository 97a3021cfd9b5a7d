/** Clients of servers that misbehave, or that only a test can steer. Clients of real servers are in `test/framework`. */

import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@sallyport/wire';
import type { WebSocket } from 'ws';
import { afterEach, describe, expect, it } from 'vitest';
import type { ManualTimer } from '../testing/calls.ts';
import { Inbox } from '../testing/inbox.ts';
import { testClient, type TestClient } from '../testing/clients.ts';
import { serveEverything } from '../testing/everything.ts';
import {
  bad,
  createHttpServers,
  isCall,
  isMethod,
  json,
  ok,
  sse,
  type StatelessScript,
} from '../testing/http-servers.ts';
import { createSocketServers, greeter, say, sdkTransport, type SocketServer } from '../testing/socket-servers.ts';
import { connect } from './connect.ts';
import { ClientError } from './error.ts';
import type { FormRequest } from './handlers.ts';
import type { ConnectOptions } from './options.ts';

const sockets = createSocketServers();
const https = createHttpServers();
afterEach(async () => {
  await sockets.end();
  await https.end();
});

type OnRequest = (message: JsonObject, socket: WebSocket) => void;

const urlOf = ({ port }: SocketServer): string => `ws://127.0.0.1:${port}/mcp`;
const paramsOf = (message: JsonObject): JsonObject => message['params'] as JsonObject;
const text = (value: string): JsonObject => ({ content: [{ type: 'text', text: value }] });
/** A back-off is set a little after it was reckoned, and so a little shorter. */
const inMs =
  (wanted: number) =>
  ({ ms }: ManualTimer): boolean =>
    ms > wanted / 2 && ms <= wanted;

async function failure(work: Promise<unknown>): Promise<ClientError> {
  const error: unknown = await work.then(
    () => new Error('It did not fail.'),
    (reason: unknown) => reason,
  );
  if (error instanceof ClientError) return error;
  throw error;
}

interface Socketed extends TestClient {
  readonly server: SocketServer;
  /** The server ends connections as soon as they begin. */
  isDown: boolean;
}

/** A client of a server over WebSocket that has been reached. */
async function overSocket(
  era: 'session' | 'stateless',
  onRequest: OnRequest,
  options?: ConnectOptions,
): Promise<Socketed> {
  const state = { isDown: false };
  const server = await sockets.serve({
    onMessage: greeter(era, onRequest),
    onSocket: (socket) => state.isDown && socket.terminate(),
  });
  const tested = await testClient(urlOf(server), options);
  sockets.onEnd(() => tested.client.destroy());
  await tested.client.start();
  return Object.assign(state, { server, ...tested });
}

async function overHttp(
  script: StatelessScript,
  options?: ConnectOptions,
): Promise<TestClient & { received: object[] }> {
  const server = await https.statelessServer(script);
  const tested = await testClient({ url: server.url, type: 'http' }, options);
  https.onEnd(() => tested.client.destroy());
  await tested.client.start();
  return { ...tested, received: server.received.all };
}

/** Answers by the name of the tool. */
const tools =
  (answers: Readonly<Record<string, OnRequest>>): OnRequest =>
  (message, socket) =>
    answers[(message['params'] as { name?: string } | undefined)?.name ?? '']?.(message, socket);

const echo: OnRequest = ({ id }, socket) => say(socket, { id, result: text('echo') });

describe('the reference server over WebSocket', () => {
  it('is reached, listed, called and asks', { timeout: 30_000 }, async () => {
    // It is loaded before anybody speaks to it.
    const idle = async (): Promise<void> => undefined;
    await (
      await serveEverything({ start: idle, send: idle, close: idle })
    )();
    const server = await sockets.serve({
      onSocket: (socket) => void serveEverything(sdkTransport(socket)).then((end) => sockets.onEnd(end)),
    });
    await using client = await connect(urlOf(server), {
      sampling: ({ maxTokens }) => ({
        role: 'assistant',
        model: 'm',
        content: { type: 'text', text: `of ${maxTokens}` },
      }),
    });
    expect(client.server).toMatchObject({ era: 'session', revision: '2025-11-25' });
    expect((await client.listTools()).map(({ name }) => name)).toContain('echo');
    const { content } = await client.callTool('trigger-sampling-request', { prompt: 'x', maxTokens: 12 });
    expect(JSON.stringify(content)).toContain('of 12');
  });
});

describe('a call', () => {
  it('that is given up is cancelled at the server too', async () => {
    const { client, server } = await overSocket('session', () => undefined);
    const controller = new AbortController();
    const call = client.callTool('never', {}, { signal: controller.signal });
    const { id } = await server.received.next(({ method }) => method === 'tools/call');
    const why = new Error('enough');
    controller.abort(why);
    expect(await failure(call)).toMatchObject({ code: 'cancelled', cause: why });
    const told = await server.received.next(({ method }) => method === 'notifications/cancelled');
    expect(paramsOf(told)).toMatchObject({ requestId: id });
    expect(await failure(client.callTool('never', {}, { signal: controller.signal }))).toMatchObject({
      code: 'cancelled',
    });
    expect(server.received.all.filter(({ method }) => method === 'tools/call')).toHaveLength(1);
  });

  it('that is given up in the stateless era closes its stream', async () => {
    const begun = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const { client } = await overHttp({
      call: (_request, response) => {
        response.on('close', () => closed.resolve());
        sse(response, ': wait\n\n');
        begun.resolve();
      },
    });
    const controller = new AbortController();
    const call = failure(client.callTool('never', {}, { signal: controller.signal }));
    await begun.promise;
    controller.abort();
    expect(await call).toMatchObject({ code: 'cancelled' });
    await closed.promise;
  });

  it('that is not answered times out, and the server is told', async () => {
    const { client, server } = await overSocket('session', () => undefined, { timeoutMs: 1 });
    expect(await failure(client.callTool('never'))).toMatchObject({ code: 'timeout' });
    await server.received.next(({ method }) => method === 'notifications/cancelled');
  });

  it('asks for progress only where somebody listens, and hands it on', async () => {
    const { client, server } = await overSocket('session', ({ id, params }, socket) => {
      const { progressToken } = ((params as JsonObject)['_meta'] ?? {}) as JsonObject;
      say(socket, {
        method: 'notifications/progress',
        params: { progressToken, progress: 1, total: 2, message: 'half' },
      });
      say(socket, { id, result: text('done') });
    });
    const seen: unknown[] = [];
    await client.callTool('slow', {}, { onProgress: (progress) => seen.push(progress) });
    await client.callTool('slow');
    expect(seen).toEqual([expect.objectContaining({ progress: 1, total: 2, message: 'half' })]);
    const sent = server.received.all.filter(({ method }) => method === 'tools/call').map(paramsOf);
    expect(sent.map(({ _meta: meta }) => meta !== undefined)).toEqual([true, false]);
  });

  it('does not take the answer of another', async () => {
    const { client } = await overSocket('session', ({ id }, socket) => {
      say(socket, { id: 4711, result: text('not this') });
      say(socket, { id: `${id as number}`, result: text('nor this') });
      say(socket, { id, result: text('this') });
    });
    expect((await client.callTool('any')).content).toEqual([{ type: 'text', text: 'this' }]);
  });

  it('that the server refuses rejects with what it said', async () => {
    const { client } = await overSocket('session', ({ id }, socket) =>
      say(socket, { id, error: { code: -32050, message: 'No.', data: { why: 'so' } } }),
    );
    const error = await failure(client.callTool('any'));
    expect(error).toMatchObject({ code: 'rpc', rpc: { code: -32050, message: 'No.', data: { why: 'so' } } });
  });

  it.each<[JsonObject]>([[{}], [{ content: 'text' }]])('has a result with content: %j', async (result) => {
    const { client } = await overSocket('session', ({ id }, socket) => say(socket, { id, result }));
    expect(await failure(client.callTool('any'))).toMatchObject({ code: 'protocol' });
  });

  it.each([
    ['ended', (end: () => void) => end(), 'protocol'],
    ['cut', (_end: () => void, cut: () => void) => cut(), 'unavailable'],
  ] as const)('whose stream is %s fails alone', async (_how, drop, code) => {
    let calls = 0;
    const server = await https.sessionServer({
      call: ({ message }, response) => {
        if (++calls > 1) return json(response, ok(message['id'], text('again')));
        sse(response, ': wait\n\n');
        return drop(
          () => response.end(),
          () => response.destroy(),
        );
      },
    });
    const { client } = await testClient({ url: server.url, type: 'http' });
    https.onEnd(() => client.destroy());
    expect(await failure(client.callTool('any'))).toMatchObject({ code });
    expect(await client.callTool('any')).toEqual(text('again'));
  });
});

const FORM: JsonObject = { message: 'Who?', requestedSchema: { type: 'object', properties: {} } };

describe('what a server asks', () => {
  it('while several calls are under way is answered, though it is not known by which one', async () => {
    const held: [JsonObject, WebSocket][] = [];
    const gate = Promise.withResolvers<void>();
    const { client, server } = await overSocket('session', (...each) => void held.push(each), {
      elicitation: { form: async () => (await gate.promise, { action: 'accept', content: {} }) },
    });
    const calls = [client.callTool('one'), client.callTool('two')];
    await server.received.find(
      ({ method, params }) => method === 'tools/call' && (params as JsonObject)['name'] === 'two',
    );
    say(held[0]?.[1] as WebSocket, { id: 'q', method: 'elicitation/create', params: FORM });
    gate.resolve();
    const answer = await server.received.find(({ id, method }) => id === 'q' && method === undefined);
    expect(answer['result']).toEqual({ action: 'accept', content: {} });
    for (const [{ id }, socket] of held) say(socket, { id, result: text('done') });
    expect(await Promise.all(calls)).toEqual([text('done'), text('done')]);
  });

  it('is not wanted any more when the call is given up', async () => {
    const controller = new AbortController();
    const asked = Promise.withResolvers<AbortSignal>();
    const form = ({ signal }: FormRequest): Promise<never> => {
      asked.resolve(signal);
      return new Promise(() => undefined);
    };
    const { client } = await overSocket(
      'session',
      (_message, socket) => say(socket, { id: 'q', method: 'elicitation/create', params: FORM }),
      { elicitation: { form } },
    );
    const call = failure(client.callTool('any', {}, { signal: controller.signal }));
    const signal = await asked.promise;
    controller.abort();
    expect([signal.aborted, (await call).code]).toEqual([true, 'cancelled']);
  });

  it('may be taken back by the server', async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const { client } = await overSocket(
      'session',
      ({ id }, socket) => {
        say(socket, { id: 'q', method: 'sampling/createMessage', params: {} });
        void asked.promise.then((signal) => {
          signal.addEventListener('abort', () => say(socket, { id, result: text('without') }));
          say(socket, { method: 'notifications/cancelled', params: { requestId: 'q' } });
        });
      },
      {
        sampling: (_request, { signal }) => {
          asked.resolve(signal);
          return new Promise(() => undefined);
        },
      },
    );
    expect(await client.callTool('any')).toEqual(text('without'));
  });

  it('outside of any call is answered', async () => {
    const { server } = await overSocket('session', () => undefined, { roots: [{ uri: 'file:///work' }] });
    say(server.sockets.all[0] as WebSocket, { id: 'r', method: 'roots/list' });
    const answer = await server.received.find(({ id, method }) => id === 'r' && method === undefined);
    expect(answer['result']).toEqual({ roots: [{ uri: 'file:///work' }] });
  });

  it('in the stateless era comes back with its state as it was', async () => {
    const state = 'opaque ✓ "state"';
    const { client, received } = await overHttp(
      {
        call: ({ message }, response) => {
          const { inputResponses, requestState } = paramsOf(message);
          const inputRequests = {
            who: { method: 'elicitation/create', params: FORM },
            where: { method: 'roots/list' },
          };
          if (inputResponses === undefined)
            return json(
              response,
              ok(message['id'], { resultType: 'input_required', inputRequests, requestState: state }),
            );
          return json(
            response,
            ok(message['id'], { resultType: 'complete', ...text(JSON.stringify([inputResponses, requestState])) }),
          );
        },
      },
      { elicitation: { form: () => ({ action: 'decline' }) }, roots: () => [] },
    );
    const { content } = await client.callTool('any', { a: 1 });
    expect(JSON.parse(content[0]?.text ?? '')).toEqual([{ who: { action: 'decline' }, where: { roots: [] } }, state]);
    const calls = (received as { message: JsonObject }[]).filter(({ message }) => message['method'] === 'tools/call');
    expect(calls.map(({ message }) => paramsOf(message)['arguments'])).toEqual([{ a: 1 }, { a: 1 }]);
    expect(new Set(calls.map(({ message }) => message['id'])).size).toBe(2);
  });

  it.each<[what: string, result: JsonObject, code: string]>([
    ['without an end', { resultType: 'input_required', requestState: 's' }, 'input'],
    [
      'for what was not declared',
      { resultType: 'input_required', inputRequests: { a: { method: 'sampling/createMessage' } } },
      'input',
    ],
    ['in a shape that is none', { resultType: 'input_required', inputRequests: { a: 'form' } }, 'protocol'],
    ['in a way that nobody agreed on', { resultType: 'task', taskId: 't' }, 'protocol'],
  ])('%s ends the call', async (_what, result, code) => {
    let calls = 0;
    const { client } = await overHttp({
      call: ({ message }, response) => (calls++, json(response, ok(message['id'], result))),
    });
    expect(await failure(client.callTool('any'))).toMatchObject({ code });
    expect(calls).toBeLessThanOrEqual(11);
  });
});

describe('a request that is refused until a page was seen', () => {
  const page = { mode: 'url', message: 'Pay', url: 'https://a.example/', elicitationId: 'e1' };
  const refusal = { code: -32042, message: 'Pay first.', data: { elicitations: [page] } };

  it.each<[string, number, 'accept' | 'decline', number]>([
    ['is sent once more when the person agreed', 1, 'accept', 2],
    ['fails when it is refused again', 2, 'accept', 2],
    ['fails when the person did not agree', 1, 'decline', 1],
  ])('%s', async (_what, refusals, action, calls) => {
    let asked = 0;
    const seen: string[] = [];
    const { client } = await overSocket(
      'session',
      ({ id }, socket) => say(socket, ++asked > refusals ? { id, result: text('paid') } : { id, error: refusal }),
      { elicitation: { url: ({ url }) => (seen.push(url), { action }) } },
    );
    const outcome = await client.callTool('any').catch(({ rpc }: ClientError) => rpc);
    expect(outcome).toEqual(asked > refusals ? text('paid') : refusal);
    expect([asked, seen]).toEqual([calls, ['https://a.example/']]);
  });

  it('fails where nobody shows pages', async () => {
    const { client } = await overSocket('session', ({ id }, socket) => say(socket, { id, error: refusal }));
    expect(await failure(client.callTool('any'))).toMatchObject({ code: 'rpc', rpc: refusal });
  });
});

it('checks structured results of tools that were listed, until the list is another', async () => {
  const tool = {
    name: 'count',
    inputSchema: {},
    outputSchema: { type: 'object', properties: { n: { type: 'number' } } },
  };
  const { client } = await overSocket('session', ({ id, method }, socket) => {
    if (method === 'tools/list') say(socket, { id, result: { tools: [tool] } });
    else say(socket, { id, result: { ...text('many'), structuredContent: { n: 'many' } } });
  });
  expect(await client.callTool('count')).toMatchObject({ structuredContent: { n: 'many' } });
  await client.listTools();
  const refused = await failure(client.callTool('count'));
  expect(refused).toMatchObject({ code: 'protocol', message: expect.stringMatching(/"count".*: n: /) as string });
  client.onNotification({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
  expect(await client.callTool('count')).toMatchObject({ structuredContent: { n: 'many' } });
});

it('counts what it does', async () => {
  const { client } = await overSocket(
    'session',
    tools({
      echo,
      no: ({ id }, socket) => say(socket, { id, error: { code: -32050, message: 'No.' } }),
      tells: ({ id }, socket) => {
        say(socket, { method: 'notifications/message', params: { level: 'info', data: 'here' } });
        say(socket, { id, result: text('told') });
      },
    }),
  );
  const nothing = { reached: 1, requests: 0, underWay: 0, failed: 0, notifications: 0 };
  expect(client.stats()).toEqual(nothing);
  const pending = client.callTool('echo');
  expect(client.stats()).toEqual({ ...nothing, requests: 1, underWay: 1 });
  await Promise.all([pending, client.callTool('tells'), failure(client.callTool('no'))]);
  expect(client.stats()).toEqual({ ...nothing, requests: 3, failed: 1, notifications: 1 });
});

describe('a list', () => {
  it('has all pages, without what is no element', async () => {
    const { client, diagnostics } = await overSocket('session', ({ id, params }, socket) => {
      const isSecond = (params as JsonObject | undefined)?.['cursor'] === 'two';
      const page = isSecond ? [{ name: 'b' }, { title: 'nameless' }] : [{ name: 'a' }, 'a'];
      say(socket, { id, result: { tools: page, ...(!isSecond && { nextCursor: 'two' }) } });
    });
    expect(await client.listTools()).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(diagnostics).toContain('warn 2 elements of tools/list are none.');
    expect(await client.listPrompts()).toEqual([]);
  });

  it('that goes in circles is refused', async () => {
    const { client } = await overSocket('session', ({ id }, socket) =>
      say(socket, { id, result: { tools: [], nextCursor: 'again' } }),
    );
    expect(await failure(client.listTools())).toMatchObject({ code: 'protocol' });
  });
});

it('tells of every message over HTTP, as a body and as an event, when a wire log wants it', async () => {
  const log: string[] = [];
  const { client } = await overHttp(
    {
      call: (request, response) => {
        const { id } = request.message as { readonly id: number };
        sse(response, { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } });
        sse(response, ok(id, text('done'))).end();
      },
    },
    {
      onWire: (direction, bytes) => {
        const { id, method } = JSON.parse(bytes.toString()) as { readonly id?: number; readonly method?: string };
        log.push(`${direction} ${method ?? `answer ${id}`}`);
      },
    },
  );
  expect(await client.callTool('any')).toMatchObject(text('done'));
  expect(log.slice(0, 2)).toEqual(['out server/discover', 'in answer 1']);
  expect(log.slice(-3)).toEqual(['out tools/call', 'in notifications/message', 'in answer 2']);
});

describe('arguments in headers', () => {
  const listed = (header: string): JsonObject[] => [
    {
      name: 'find',
      inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': header } } },
    },
    { name: 'bad', inputSchema: { type: 'object', properties: { all: { type: 'object', 'x-mcp-header': 'All' } } } },
  ];

  it('are sent where the tool is known, and again when its definition has changed', async () => {
    let header = 'Region';
    const server = await https.serve(({ message, headers }, response) => {
      const { id, method } = message;
      if (method === 'server/discover') {
        return json(
          response,
          ok(id, { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }),
        );
      }
      if (method === 'tools/list') return json(response, ok(id, { resultType: 'complete', tools: listed(header) }));
      if (headers[`mcp-param-${header.toLowerCase()}`] !== 'eu')
        return json(response, bad(id, -32020, 'Missing.'), 400);
      return json(response, ok(id, { resultType: 'complete', ...text(header) }));
    });
    const { client, diagnostics } = await testClient({ url: server.url, type: 'http' });
    https.onEnd(() => client.destroy());
    expect((await client.listTools()).map(({ name }) => name)).toEqual(['find']);
    expect(diagnostics.join()).toContain('The tool "bad" is left out');
    expect(await client.callTool('find', { region: 'eu' })).toMatchObject(text('Region'));
    header = 'Area';
    expect(await client.callTool('find', { region: 'eu' })).toMatchObject(text('Area'));
    expect(server.received.all.filter(isCall)).toHaveLength(3);
    header = 'Never';
    expect(await failure(client.callTool('find', {}))).toMatchObject({ code: 'rpc', rpc: { code: -32020 } });
    expect(server.received.all.filter(isMethod('tools/list'))).toHaveLength(3);
  });
});

describe('a server that is gone', () => {
  it('without a word is noticed, and reached again', async () => {
    const { client, states, timers, fire, server } = await overSocket('session', tools({ echo }), {
      heartbeat: { intervalMs: 7777, timeoutMs: 1 },
    });
    // It answers no ping.
    (await timers.next(inMs(7777))).fire();
    (await timers.next(inMs(7777))).fire();
    expect((await states.find(({ state }) => state === 'down')).error).toMatchObject({ code: 'unavailable' });
    fire(await timers.next(inMs(500)));
    await states.next(({ state }) => state === 'down');
    await states.next(({ state }) => state === 'up');
    expect(await client.callTool('echo')).toEqual(text('echo'));
    expect(server.sockets.all).toHaveLength(2);
  });

  it('but for the progress of a call is not', async () => {
    const heard = new Inbox<unknown>();
    const { client, server, timers, states } = await overSocket('session', () => undefined, {
      heartbeat: { intervalMs: 7777, timeoutMs: 1 },
    });
    void client.callTool('slow', {}, { onProgress: (progress) => heard.push(progress) }).catch(() => undefined);
    const { id } = await server.received.next(({ method }) => method === 'tools/call');
    for (let progress = 0; progress < 3; progress++) {
      (await timers.next(inMs(7777))).fire();
      // The next one is expected, so this one has stayed away.
      await timers.find((timer) => timer === timers.all[progress + 1]);
      say(server.sockets.all[0] as WebSocket, {
        method: 'notifications/progress',
        params: { progressToken: id, progress },
      });
      await heard.next();
    }
    expect(states.all.map(({ state }) => state)).toEqual(['up']);
  });

  it('because its program ended is started again, and what it said last is told', async () => {
    const program = fileURLToPath(new URL('../stdio/fixtures/misbehaving.mjs', import.meta.url));
    const { client, states, timers, fire } = await testClient({ command: process.execPath, args: [program] });
    sockets.onEnd(() => client.close());
    await client.start();
    const pid = await client.callTool('pid');
    expect(await failure(client.callTool('exit'))).toMatchObject({ code: 'unavailable' });
    const { error } = await states.find(({ state }) => state === 'down');
    expect(error?.message).toContain('out of paper');
    fire(await timers.next(inMs(500)));
    await states.next(({ state }) => state === 'down');
    await states.next(({ state }) => state === 'up');
    expect(await client.callTool('pid')).not.toEqual(pid);
  });

  it('but for pings is not: any answer is a sign of life', async () => {
    const { states, timers, server } = await overSocket('stateless', () => undefined, {
      heartbeat: { intervalMs: 7777, timeoutMs: 5000 },
    });
    for (let beat = 0; beat < 4; beat++) (await timers.next(inMs(7777))).fire();
    await timers.next(inMs(7777));
    expect(states.all.map(({ state }) => state)).toEqual(['up']);
    expect(server.received.all.filter(({ method }) => method === 'server/discover')).toHaveLength(5);
  });

  it('is tried again and again, ever later', async () => {
    const opened = await overSocket('session', () => undefined);
    const { states, timers, fire, server } = opened;
    opened.isDown = true;
    for (const socket of server.sockets.all) socket.terminate();
    await states.next(({ state }) => state === 'down');
    fire(await timers.next(inMs(500)));
    await states.next(({ state }) => state === 'down');
    fire(await timers.next(inMs(1000)));
    await states.next(({ state }) => state === 'down');
    opened.isDown = false;
    fire(await timers.next(inMs(2000)));
    expect(await states.next(({ state }) => state === 'up')).toEqual({ state: 'up', error: undefined });
  });

  it('is left alone when the client is closed', async () => {
    const opened = await overSocket('session', () => undefined);
    const { client, states, timers, fire, server } = opened;
    opened.isDown = true;
    for (const socket of server.sockets.all) socket.terminate();
    await states.next(({ state }) => state === 'down');
    fire(await timers.next(inMs(500)));
    await states.next(({ state }) => state === 'down');
    const retry = await timers.next(inMs(1000));
    expect(retry.isOn()).toBe(true);
    await client.close();
    expect(timers.all.filter(({ isOn }) => isOn())).toEqual([]);
    expect([client.state, states.all.at(-1)?.state]).toEqual(['closed', 'closed']);
    await client.close();
    expect(await failure(client.ping())).toMatchObject({ code: 'closed' });
  });

  it('closes the client with it where that is wanted', async () => {
    const { client, states, timers, server } = await overSocket('session', () => undefined, { reconnect: false });
    const call = failure(client.callTool('never'));
    await server.received.next(({ method }) => method === 'tools/call');
    for (const socket of server.sockets.all) socket.terminate();
    expect(await states.next(({ state }) => state !== 'up')).toMatchObject({
      state: 'closed',
      error: { code: 'unavailable' },
    });
    await call;
    expect(timers.all.filter(({ isOn }) => isOn())).toEqual([]);
  });
});

describe('settings', () => {
  const FULL: JsonObject = { resources: { subscribe: true, listChanged: true }, logging: {} };

  it('of log messages and subscriptions are made again on a new connection', async () => {
    const settings = ({ method }: JsonObject): boolean =>
      method === 'logging/setLevel' || method === 'resources/subscribe';
    const server = await sockets.serve({
      onMessage: ({ id, method }, socket) => {
        const hello = { protocolVersion: '2025-11-25', capabilities: FULL, serverInfo: { name: 's', version: '1' } };
        if (method === 'server/discover') say(socket, { id, error: { code: -32601, message: 'No.' } });
        else if (id !== undefined) say(socket, { id, result: method === 'initialize' ? hello : {} });
      },
    });
    const { client, states, timers, fire } = await testClient(urlOf(server));
    sockets.onEnd(() => client.destroy());
    const changed: string[] = [];
    client.on('resourcesChanged', () => changed.push('resources'));
    await client.setLogLevel('warning');
    await client.subscribe('a:b');
    await client.subscribe('a:c');
    await client.unsubscribe('a:c');
    const before = server.received.all.length;
    for (const socket of server.sockets.all) socket.terminate();
    await states.next(({ state }) => state === 'down');
    fire(await timers.next(inMs(500)));
    await states.next(({ state }) => state === 'up');
    await client.ping();
    const again = server.received.all.slice(before).filter(settings);
    expect(again.map(({ method, params }) => [method, params])).toEqual(
      expect.arrayContaining([
        ['logging/setLevel', { level: 'warning' }],
        ['resources/subscribe', { uri: 'a:b' }],
      ]),
    );
    expect(again).toHaveLength(2);
    expect(changed).toEqual(['resources']);
  });

  it('that the server has not announced are refused here', async () => {
    const { client, server } = await overSocket('session', () => undefined);
    const before = server.received.all.length;
    for (const work of [client.subscribe('a:b'), client.setLogLevel('info')]) {
      expect(await failure(work)).toMatchObject({ code: 'unsupported' });
    }
    expect(server.received.all).toHaveLength(before);
  });
});

describe('the end', () => {
  it('waits for what is under way', async () => {
    const { client, server, timers } = await overSocket('session', () => undefined);
    const call = client.callTool('any');
    const { id } = await server.received.next(({ method }) => method === 'tools/call');
    const closed = client.close();
    expect(await failure(client.callTool('more'))).toMatchObject({ code: 'closed' });
    say(server.sockets.all[0] as WebSocket, { id, result: text('done') });
    expect(await call).toEqual(text('done'));
    await closed;
    expect(timers.all.filter(({ isOn }) => isOn())).toEqual([]);
  });

  it('at once cuts what is under way', async () => {
    const { client, server } = await overSocket('session', () => undefined);
    const call = failure(client.callTool('any'));
    await server.received.next(({ method }) => method === 'tools/call');
    client.destroy();
    expect(await call).toMatchObject({ code: 'closed' });
  });
});

describe('connecting', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ['a port where nobody listens', () => connect('ws://127.0.0.1:1/mcp'), 'unavailable'],
    ['a command that there is not', () => connect({ command: '/no/such/program' }), 'unavailable'],
    [
      'nobody, since it was given up',
      () => connect('ws://127.0.0.1:1/mcp', { signal: AbortSignal.abort() }),
      'cancelled',
    ],
  ])('to %s fails', async (_what, work, code) => {
    expect(await failure(work())).toMatchObject({ code });
  });

  it.each<[unknown, RegExp]>([
    ['ftp://a.example/', /http:, https:, ws: or wss:/],
    ['node server.js', /\{ command, args \}/],
    ['https://me:secret@a.example/', /holds a password/],
    [{ url: 'https://a.example/', type: 'ws' }, /does not fit/],
    [{ args: [] }, /needs a `command` or a `url`/],
  ])('to %j is a mistake', async (target, message) => {
    await expect(connect(target as string)).rejects.toThrow(message);
    await expect(connect(target as string)).rejects.toBeInstanceOf(TypeError);
  });

  it('with two credentials is a mistake', async () => {
    const oauth = { grant: 'client_credentials', clientId: 'x' } as const;
    await expect(
      connect({ url: 'https://a.example/', headers: { Authorization: 'Bearer x' } }, { oauth }),
    ).rejects.toThrow(TypeError);
    await expect(connect({ command: 'x' }, { oauth })).rejects.toThrow(TypeError);
  });
});
