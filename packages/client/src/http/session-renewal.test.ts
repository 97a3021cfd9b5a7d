import type http from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { callOf, failure, manualTimers, TestCause, whole } from '../testing/calls.ts';
import {
  bad,
  bench,
  createHttpServers,
  isCall,
  isGet,
  isMethod,
  json,
  ok,
  sse,
  type Handle,
  type Received,
} from '../testing/http-servers.ts';
import { Inbox } from '../testing/inbox.ts';
import { openHttpSession } from './open.ts';

const servers = createHttpServers();
const { kept, serve, sessionServer } = servers;
afterEach(() => servers.end());

describe('a session that is gone', () => {
  const refusals: ReadonlyArray<readonly [string, Handle]> = [
    ['404', (_request, response) => response.writeHead(404).end()],
    [
      '404 with an error',
      ({ message }, response) => json(response, bad(message['id'], -32001, 'Session not found'), 404),
    ],
    [
      '400 of the example',
      (_request, response) => json(response, bad(null, -32000, 'Bad Request: No valid session ID provided'), 400),
    ],
  ];

  it.each(refusals)('is begun again once for all that wait: %s', async (_name, refuse) => {
    let gone = 2;
    const server = await sessionServer({
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
      call: (request, response) => {
        if (request.headers['mcp-session-id'] === 'session-1' && gone-- > 0) refuse(request, response);
        else json(response, ok(request.message['id'], { by: request.headers['mcp-session-id'] as string }));
      },
      other: ({ message }, response) => json(response, ok(message['id'])),
    });
    const { options, notifications, downs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    leg.setSubscriptions(['a:b']);
    await server.received.next(isMethod('resources/subscribe'));
    await leg.request(
      callOf({ method: 'logging/setLevel', text: (id) => `{"jsonrpc":"2.0","id":${id},"method":"logging/setLevel"}` }),
    ).answer;
    const answers = await Promise.all([leg.request(callOf()).answer, leg.request(callOf()).answer]);
    for (const answer of answers) expect(whole(answer, '1')).toContain('session-2');
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(2);
    expect((await notifications.next()).method).toBe('notifications/tools/list_changed');
    for (const method of ['resources/subscribe', 'logging/setLevel']) {
      const again = await server.received.find(
        (one) => isMethod(method)(one) && one.headers['mcp-session-id'] === 'session-2',
      );
      expect(again.message['id']).toBeTypeOf('number');
    }
    expect(downs.all).toEqual([]);
  });

  it('is not begun again for a call that went out before the last time', async () => {
    const late = new Inbox<http.ServerResponse>();
    const server = await sessionServer({
      call: ({ message, headers }, response) => {
        if (headers['mcp-session-id'] !== 'session-1') json(response, ok(message['id']));
        else if (late.all.length === 0) late.push(response);
        else response.writeHead(404).end();
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const slow = leg.request(callOf());
    const response = await late.next();
    await leg.request(callOf()).answer;
    response.writeHead(404).end();
    expect((await slow.answer).kind).toBe('result');
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(2);
  });

  it('is begun again when the stream without a request finds it out', async () => {
    const server = await sessionServer({
      capabilities: { prompts: { listChanged: true } },
      get: ({ headers }, response) => {
        if (headers['mcp-session-id'] !== 'session-1') response.writeHead(405).end();
        else if (headers['last-event-id'] === '1') response.writeHead(404).end();
        else sse(response, 'id: 1\nretry: 1\ndata: \n\n').end();
      },
    });
    const { options, notifications } = bench(server.url);
    kept(await openHttpSession(options));
    expect((await notifications.next()).method).toBe('notifications/prompts/list_changed');
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(2);
  });

  it('is not begun again for a server that answers 404 where it has no stream', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => json(response, ok(message['id'], { content: [] })),
      get: (_request, response) => response.writeHead(404).end(),
    });
    const { options, logs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    await logs.find((line) => line.includes('has no stream'));
    await leg.request(callOf()).answer;
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(1);
    expect(server.received.all.filter(isGet)).toHaveLength(1);
  });

  it('is begun again once a call', async () => {
    const server = await sessionServer({ call: (_request, response) => response.writeHead(404).end() });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(await failure(leg.request(callOf()).answer)).toMatchObject({ status: 404 });
    expect(server.received.all.filter(isCall)).toHaveLength(2);
  });

  it('is the end of the leg when it cannot be begun again', async () => {
    let isFirst = true;
    const server = await serve(({ message }, response) => {
      if (message['method'] === 'initialize' && isFirst) {
        isFirst = false;
        const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} };
        json(response, ok(message['id'], result), 200, { 'mcp-session-id': 'one' });
      } else response.writeHead(message['method'] === 'initialize' ? 500 : 404).end();
    });
    const { options, downs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    const first = leg.request(callOf());
    expect((await failure(first.answer)).reason).toBe('down');
    expect((await downs.next()).status).toBe(500);
    expect((await failure(leg.request(callOf()).answer)).reason).toBe('down');
    expect(downs.all).toHaveLength(1);
  });

  it('means nothing without a session', async () => {
    const server = await serve(({ message }, response) => {
      if (message['method'] === 'initialize') json(response, ok(message['id'], { protocolVersion: '2025-11-25' }));
      else response.writeHead(404).end();
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(await failure(leg.request(callOf()).answer)).toMatchObject({ reason: 'protocol', status: 404 });
    expect(server.received.all.filter(isMethod('initialize'))).toHaveLength(1);
  });
});

describe('the stream without a request', () => {
  it('asks the only call under way, nobody when there are several, and is resumed', async () => {
    const streams = new Inbox<http.ServerResponse>();
    const waiting = new Inbox<() => void>();
    const server = await sessionServer({
      get: (_request, response) => streams.push(sse(response, ': open\n\n')),
      call: ({ message }, response) => waiting.push(() => json(response, ok(message['id']))),
    });
    const timers = manualTimers();
    const { options, unattributed, notifications } = bench(server.url, { setTimer: timers.setTimer });
    const leg = kept(await openHttpSession(options));
    const stream = await streams.next();
    const one = new TestCause();
    const first = leg.request(callOf({ cause: one }));
    sse(
      stream,
      { jsonrpc: '2.0', id: 'a', method: 'sampling/createMessage' },
      { jsonrpc: '2.0', method: 'notifications/message', params: {} },
    );
    expect((await one.asked.next()).id).toBe('a');
    expect((await one.notes.next()).method).toBe('notifications/message');
    await server.received.next(({ message }) => message['id'] === 'a');

    const two = new TestCause();
    const second = leg.request(callOf({ cause: two }));
    sse(
      stream,
      { jsonrpc: '2.0', id: 'b', method: 'sampling/createMessage' },
      { jsonrpc: '2.0', method: 'notifications/message', params: {} },
    );
    expect((await unattributed.next()).id).toBe('b');
    const refused = await server.received.next(({ message }) => message['id'] === 'b');
    expect(refused.message['error']).toEqual({ code: -32603, message: 'nobody' });
    expect((await notifications.next()).method).toBe('notifications/message');
    expect([one.asked.all.length, two.asked.all.length]).toEqual([1, 0]);

    for (let calls = 0; calls < 2; calls++) (await waiting.next())();
    await Promise.all([first.answer, second.answer]);
    sse(
      stream,
      'id: e7\nretry: 33\ndata: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:y"}}\n\n',
    ).end();
    expect((await notifications.next()).method).toBe('notifications/resources/updated');
    (await timers.set.next(({ ms }) => ms === 33)).fire();
    await streams.next();
    expect(server.received.all.filter(isGet).map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'e7']);
  });

  it('is not opened again where there is none', async () => {
    const server = await sessionServer({ call: ({ message }, response) => json(response, ok(message['id'])) });
    const { options, logs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    expect(await logs.next((text) => text.includes('has no stream'))).toMatch(/^debug/);
    expect((await leg.request(callOf()).answer).kind).toBe('result');
  });

  it('waits longer after each failure', async () => {
    const server = await sessionServer({ get: (_request, response) => response.writeHead(503).end() });
    const timers = manualTimers();
    kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer, random: () => 1 }).options));
    for (const ms of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      (await timers.set.next((timer) => timer.ms === ms)).fire();
    }
    expect(server.received.all.filter(isGet)).not.toEqual([]);
  });
});

describe('resource subscriptions of a session', () => {
  it('are told as differences', async () => {
    const server = await sessionServer({
      capabilities: { resources: { subscribe: true } },
      other: ({ message }, response) => json(response, ok(message['id'])),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    leg.setSubscriptions(['a:1', 'a:2']);
    leg.setSubscriptions(['a:2', 'a:3']);
    expect(leg.subscriptions).toBe(2);
    const isTold = ({ message }: Received): boolean =>
      (message['method'] as string | undefined)?.startsWith('resources/') === true;
    const told = [
      await server.received.next(isTold),
      await server.received.next(isTold),
      await server.received.next(isTold),
      await server.received.next(isTold),
    ];
    expect(told.map(({ message }) => `${message['method'] as string} ${JSON.stringify(message['params'])}`)).toEqual([
      'resources/subscribe {"uri":"a:1"}',
      'resources/unsubscribe {"uri":"a:1"}',
      'resources/subscribe {"uri":"a:2"}',
      'resources/subscribe {"uri":"a:3"}',
    ]);
  });
});
