import type http from 'node:http';
import type { JsonObject } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import type { ServerRequestAnswer } from '../leg.ts';
import { callOf, failure, manualTimers, TestCause, whole, type ManualTimer } from '../testing/calls.ts';
import { bench, createHttpServers, isMethod, ok, sse } from '../testing/http-servers.ts';
import { Inbox } from '../testing/inbox.ts';
import { openHttpSession, openHttpStateless } from './open.ts';

const servers = createHttpServers();
const { kept, sessionServer, statelessServer } = servers;
afterEach(() => servers.end());

describe('an event stream', () => {
  it('brings progress by token, other messages to the cause, changes to the leg, and the answer', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => {
        const params = { progressToken: message['id'], progress: 1 };
        const events = [
          { jsonrpc: '2.0', method: 'notifications/progress', params },
          { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 12_345, progress: 1 } },
          { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } },
          { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
          { jsonrpc: '2.0', method: 'notifications/vendor' },
          ok(4242, { not: 'ours' }),
          ok(message['id'], { ours: true }),
          { jsonrpc: '2.0', method: 'notifications/late' },
        ];
        // In one piece, so that what follows the answer is read with it.
        sse(response, events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')).end();
      },
    });
    const { options, notifications } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    const cause = new TestCause();
    const answer = await leg.request(callOf({ cause })).answer;
    expect(whole(answer, '1')).toBe('{"jsonrpc":"2.0","id":1,"result":{"ours":true}}');
    expect(cause.notes.all.map(({ method }) => method)).toEqual([
      'notifications/progress',
      'notifications/message',
      'notifications/vendor',
    ]);
    expect(notifications.all.map(({ method }) => method)).toEqual(['notifications/tools/list_changed']);
  });

  it('may stay open behind its answer, but not for long', async () => {
    const streams = new Inbox<http.ServerResponse>();
    const closed = new Inbox<true>();
    const server = await sessionServer({
      call: ({ message }, response) => {
        response.on('close', () => closed.push(true));
        streams.push(sse(response, ok(message['id'])));
      },
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const lingering = async (): Promise<ManualTimer> => {
      await leg.request(callOf()).answer;
      return timers.set.next(({ ms }) => ms === 1000);
    };
    (await lingering()).fire();
    await closed.next();
    await streams.next();
    const takenBack = await lingering();
    (await streams.next()).end();
    await closed.next();
    // The connection is free again when the next call has been answered on it.
    await lingering();
    expect(takenBack.isOn()).toBe(false);
  });

  it('is read in any chunking', async () => {
    const server = await sessionServer({
      call: ({ message }, response) => {
        const text = `\u{FEFF}: c\r\nid: 1\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":${message['id'] as number},"result":{"é":"ü"}}\r\n\r\n`;
        const bytes = Buffer.from(text);
        sse(response);
        const step = (at: number): void => {
          if (at === bytes.length) response.end();
          else response.write(bytes.subarray(at, at + 1), () => setImmediate(step, at + 1));
        };
        step(0);
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect(JSON.parse(whole(await leg.request(callOf()).answer, '9'))).toEqual({
      jsonrpc: '2.0',
      id: 9,
      result: { é: 'ü' },
    });
  });

  it('renews the clock of a call with its progress', async () => {
    const streams = new Inbox<[unknown, http.ServerResponse]>();
    const server = await sessionServer({
      call: ({ message }, response) => streams.push([message['id'], sse(response, ': \n\n')]),
    });
    const timers = manualTimers();
    let nowMs = 0;
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer, now: () => nowMs }).options));
    const cause = new TestCause();
    const { answer } = leg.request(callOf({ cause, timeoutMs: 100, maxMs: 1000 }));
    const [id, stream] = await streams.next();
    nowMs = 80;
    sse(stream, { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: id as number } });
    await cause.notes.next();
    nowMs = 150;
    for (const { fire } of timers.set.all.slice()) fire();
    expect(leg.inFlight).toBe(1);
    nowMs = 200;
    for (const { fire } of timers.set.all.slice()) fire();
    expect((await failure(answer)).reason).toBe('timeout');
  });

  it('asks the call, whose clock stands still, and posts what it answers', async () => {
    let finish = (): void => undefined;
    const server = await sessionServer({
      call: ({ message }, response) => {
        sse(response, { jsonrpc: '2.0', id: 'q', method: 'roots/list' }, { jsonrpc: '2.0', id: 'p', method: 'ping' });
        finish = () => sse(response, ok(message['id'])).end();
      },
    });
    const timers = manualTimers();
    let nowMs = 0;
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer, now: () => nowMs }).options));
    const cause = new TestCause();
    const { promise, resolve } = Promise.withResolvers<ServerRequestAnswer>();
    cause.reply = promise;
    const { answer } = leg.request(callOf({ cause, timeoutMs: 60, maxMs: 60 }));
    await cause.asked.next();
    const pong = await server.received.next(({ message }) => message['id'] === 'p');
    expect(pong.message).toEqual({ jsonrpc: '2.0', id: 'p', result: {} });
    nowMs = 100_000;
    for (const { fire } of timers.set.all.filter(({ ms }) => ms <= 60)) fire();
    expect(leg.inFlight).toBe(1);
    resolve({ result: { roots: [] } });
    const posted = await server.received.next(({ message }) => message['id'] === 'q');
    expect(posted.message).toEqual({ jsonrpc: '2.0', id: 'q', result: { roots: [] } });
    expect(posted.headers['mcp-session-id']).toBe('session-1');
    finish();
    expect((await answer).kind).toBe('result');
  });

  it('asks a call so many things at a time, each with an id of its own', async () => {
    const server = await sessionServer({
      call: (_request, response) => {
        const ask = (id: number): JsonObject => ({ jsonrpc: '2.0', id, method: 'roots/list' });
        sse(response, ...Array.from({ length: 66 }, (_, id) => ask(id)), ask(0));
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const cause = new TestCause();
    cause.reply = new Promise(() => undefined);
    leg.request(callOf({ cause }));
    const refused: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      const { message } = await server.received.next((one) => one.message['error'] !== undefined);
      refused.push(message['id']);
    }
    expect(new Set(refused)).toEqual(new Set([64, 65, 0]));
    expect(cause.asked.all).toHaveLength(64);
  });

  it('is resumed after exactly the time that the server asked for', async () => {
    let call: JsonObject = {};
    const server = await sessionServer({
      call: ({ message }, response) => {
        call = message;
        sse(response, 'id: event-1\nretry: 517\ndata: \n\n').end();
      },
      get: ({ headers }, response) => {
        if (headers['last-event-id'] === 'event-1') sse(response, 'id: event-2\ndata:\n\n').end();
        else if (headers['last-event-id'] === 'event-2') sse(response, ok(call['id'], { resumed: true })).end();
        else response.writeHead(405).end();
      },
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const { answer } = leg.request(callOf());
    for (let resumed = 0; resumed < 2; resumed++) (await timers.set.next(({ ms }) => ms === 517)).fire();
    expect(whole(await answer, '1')).toContain('"resumed":true');
    const resumptions = server.received.all.filter(({ headers }) => headers['last-event-id'] !== undefined);
    expect(
      resumptions.map(({ headers }) => [headers['last-event-id'], headers['mcp-session-id'], headers.accept]),
    ).toEqual([
      ['event-1', 'session-1', 'text/event-stream'],
      ['event-2', 'session-1', 'text/event-stream'],
    ]);
  });

  it('is not resumed for ever', async () => {
    const server = await sessionServer({
      call: (_request, response) => sse(response, 'id: same\ndata: \n\n').end(),
      get: ({ headers }, response) => {
        if (headers['last-event-id'] === undefined) response.writeHead(405).end();
        else sse(response).end();
      },
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const { answer } = leg.request(callOf());
    const isOver = answer.then(
      () => true,
      () => true,
    );
    for (let tries = 0; tries < 5; tries++) (await timers.set.next(({ ms }) => ms === 1000)).fire();
    await isOver;
    expect((await failure(answer)).reason).toBe('down');
  });

  it('gives up a resumption that is cancelled', async () => {
    const server = await sessionServer({
      call: (_request, response) => sse(response, 'id: 1\nretry: 31\ndata: \n\n').end(),
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const pending = leg.request(callOf());
    const timer = await timers.set.next(({ ms }) => ms === 31);
    pending.cancel();
    timer.fire();
    expect((await failure(pending.answer)).reason).toBe('cancelled');
    await server.received.next(isMethod('notifications/cancelled'));
    expect(server.received.all.filter(({ headers }) => headers['last-event-id'] !== undefined)).toEqual([]);
  });
});

describe('cancel', () => {
  it('tells a server of the session era, closes the stream and delivers nothing after it', async () => {
    const closed = new Inbox<true>();
    let late = (): void => undefined;
    const server = await sessionServer({
      call: ({ message }, response) => {
        response.on('close', () => closed.push(true));
        sse(response, { jsonrpc: '2.0', method: 'notifications/message', params: {} });
        late = () =>
          void sse(response, { jsonrpc: '2.0', method: 'notifications/message', params: {} }, ok(message['id']));
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const cause = new TestCause();
    const pending = leg.request(callOf({ cause }));
    await cause.notes.next();
    pending.cancel('changed my mind');
    late();
    expect(await failure(pending.answer)).toMatchObject({ reason: 'cancelled' });
    const { message } = await server.received.next(isMethod('notifications/cancelled'));
    expect(message['params']).toEqual({ requestId: expect.any(Number) as number, reason: 'changed my mind' });
    await closed.next();
    expect(cause.notes.all).toHaveLength(1);
    expect(leg.inFlight).toBe(0);
  });

  it('closes the stream in the stateless era, and says nothing', async () => {
    const closed = new Inbox<true>();
    const server = await statelessServer({
      call: (_request, response) => {
        response.on('close', () => closed.push(true));
        sse(response, { jsonrpc: '2.0', method: 'notifications/message', params: {} });
      },
    });
    const leg = kept(await openHttpStateless(bench(server.url).options));
    const cause = new TestCause();
    const pending = leg.request(callOf({ cause }));
    await cause.notes.next();
    pending.cancel();
    await closed.next();
    expect((await failure(pending.answer)).reason).toBe('cancelled');
    expect(server.received.all.filter(isMethod('notifications/cancelled'))).toEqual([]);
  });
});
