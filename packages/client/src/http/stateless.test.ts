import type http from 'node:http';
import type { JsonObject } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { callOf, failure, manualTimers, TestCause } from '../testing/calls.ts';
import { bad, bench, createHttpServers, isCall, isGet, isMethod, json, ok, sse } from '../testing/http-servers.ts';
import { Inbox } from '../testing/inbox.ts';
import { openHttpStateless } from './open.ts';

const servers = createHttpServers();
const { kept, statelessServer } = servers;
afterEach(() => servers.end());

describe('stateless era', () => {
  it('sends the envelope with its own requests and mirrors the body in headers', async () => {
    const server = await statelessServer({
      call: ({ message }, response) => json(response, ok(message['id'], { resultType: 'complete' })),
    });
    const leg = kept(await openHttpStateless(bench(server.url).options));
    expect(leg.server).toEqual({
      info: { name: 'm' },
      capabilities: { tools: {} },
      instructions: undefined,
      revisions: ['2026-07-28'],
    });
    const discover = await server.received.next();
    expect(discover.headers).toMatchObject({ 'mcp-method': 'server/discover', 'mcp-protocol-version': '2026-07-28' });
    expect(discover.message['params']).toEqual({ _meta: leg.ownMeta });
    await leg.request(callOf({ name: 'Größe', paramHeaders: { 'mcp-param-region': 'eu' } })).answer;
    const call = await server.received.next(isCall);
    expect(call.headers).toMatchObject({
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?R3LDtsOfZQ==?=',
      'mcp-param-region': 'eu',
      'mcp-protocol-version': '2026-07-28',
    });
    expect(call.headers['mcp-session-id']).toBeUndefined();
  });

  it('loses a call whose stream ends, even where there was an event id', async () => {
    const server = await statelessServer({ call: (_request, response) => sse(response, 'id: 1\ndata: \n\n').end() });
    const leg = kept(await openHttpStateless(bench(server.url).options));
    expect((await failure(leg.request(callOf()).answer)).reason).toBe('down');
    expect(server.received.all.filter(isGet)).toEqual([]);
  });

  it('drops requests of the server', async () => {
    const server = await statelessServer({
      call: ({ message }, response) =>
        sse(response, { jsonrpc: '2.0', id: 1, method: 'roots/list' }, ok(message['id'])).end(),
    });
    const { options, unattributed, logs } = bench(server.url);
    const leg = kept(await openHttpStateless(options));
    const cause = new TestCause();
    expect((await leg.request(callOf({ cause })).answer).kind).toBe('result');
    expect([cause.asked.all, unattributed.all]).toEqual([[], []]);
    expect(await logs.next((text) => text.includes('roots/list'))).toMatch(/^warn/);
  });
});

describe('listening to changes', () => {
  const changing = { tools: { listChanged: true }, prompts: {}, resources: { listChanged: true, subscribe: true } };
  const subscriptionId = 'io.modelcontextprotocol/subscriptionId';
  const ack = (id: unknown, granted: JsonObject = { toolsListChanged: true }): JsonObject => ({
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: { _meta: { [subscriptionId]: id as string }, notifications: granted },
  });
  const change = (id: unknown, more: JsonObject = {}): JsonObject => ({
    jsonrpc: '2.0',
    method: 'notifications/tools/list_changed',
    params: { _meta: { [subscriptionId]: id as string, ...more } },
  });

  it('asks for what the server announces and delivers it without the subscription', async () => {
    const streams = new Inbox<[unknown, http.ServerResponse]>();
    const server = await statelessServer({
      capabilities: changing,
      listen: ({ message }, response) => streams.push([message['id'], sse(response, ack(message['id']))]),
    });
    const { options, notifications } = bench(server.url);
    const leg = kept(await openHttpStateless(options));
    const [id, stream] = await streams.next();
    const { message, headers } = await server.received.next(isMethod('subscriptions/listen'));
    expect(headers['mcp-method']).toBe('subscriptions/listen');
    expect(message['params']).toEqual({
      _meta: leg.ownMeta,
      notifications: { toolsListChanged: true, resourcesListChanged: true },
    });
    sse(
      stream,
      change('of another'),
      {
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: 1, _meta: { [subscriptionId]: id as string } },
      },
      change(id, { kept: 1 }),
      change(id),
    );
    expect(await notifications.next()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
      params: { _meta: { kept: 1 } },
    });
    expect(await notifications.next()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
      params: {},
    });
    expect(notifications.all).toHaveLength(2);
  });

  it('opens it again and says that changes may have been missed', async () => {
    const streams = new Inbox<[unknown, http.ServerResponse]>();
    const server = await statelessServer({
      capabilities: changing,
      listen: ({ message }, response) => streams.push([message['id'], sse(response, ack(message['id']))]),
    });
    const timers = manualTimers();
    const { options, notifications } = bench(server.url, { setTimer: timers.setTimer, random: () => 1 });
    kept(await openHttpStateless(options));
    const [id, stream] = await streams.next();
    sse(stream, change(id));
    await notifications.next();
    stream.end();
    (await timers.set.next(({ ms }) => ms === 1000)).fire();
    const [, second] = await streams.next();
    expect((await notifications.next()).method).toBe('notifications/tools/list_changed');
    expect((await notifications.next()).method).toBe('notifications/resources/list_changed');
    // It was of no use: the next one waits longer.
    second.end();
    (await timers.set.next(({ ms }) => ms === 2000)).fire();
    await streams.next();
  });

  it('replaces the stream when other resources are wanted, the next before the last', async () => {
    const streams = new Inbox<[unknown, http.ServerResponse]>();
    const closed = new Inbox<unknown>();
    const server = await statelessServer({
      capabilities: changing,
      listen: ({ message }, response) => {
        response.on('close', () => closed.push(message['id']));
        streams.push([message['id'], sse(response)]);
      },
    });
    const { options, notifications } = bench(server.url);
    const leg = kept(await openHttpStateless(options));
    const [firstId, first] = await streams.next();
    sse(first, ack(firstId), change(firstId));
    await notifications.next();
    leg.setSubscriptions(['x:y', 'x:y']);
    expect(leg.subscriptions).toBe(1);
    const [secondId, second] = await streams.next();
    const asked = server.received.all.findLast(isMethod('subscriptions/listen'));
    expect(asked?.message['params']).toMatchObject({ notifications: { resourceSubscriptions: ['x:y'] } });
    sse(first, change(firstId));
    await notifications.next();
    sse(second, ack(secondId), {
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri: 'x:y', _meta: { [subscriptionId]: secondId as string } },
    });
    expect(await closed.next()).toBe(firstId);
    expect(await notifications.next()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri: 'x:y' },
    });
    expect(notifications.all).toHaveLength(3);
  });

  it.each([
    [
      'lines of JSON that do not end',
      (r: http.ServerResponse) => {
        r.writeHead(200, { 'content-type': 'application/json' });
        r.write(`${JSON.stringify(ack('listen-1'))}\n`);
      },
    ],
    ['an error', (r: http.ServerResponse) => json(r, bad('listen-1', -32601, 'no'), 404)],
    ['nothing granted', (r: http.ServerResponse) => sse(r, ack('listen-1', {}))],
  ])('goes without it, and blocks nothing: %s', async (_name, answer) => {
    const closed = new Inbox<true>();
    const server = await statelessServer({
      capabilities: changing,
      listen: (_request, response) => {
        response.on('close', () => closed.push(true));
        answer(response);
      },
      call: ({ message }, response) => json(response, ok(message['id'])),
    });
    const timers = manualTimers();
    const { options, logs } = bench(server.url, { setTimer: timers.setTimer });
    const leg = kept(await openHttpStateless(options));
    await logs.next((text) => text.includes('refused the subscription'));
    await closed.next();
    expect((await leg.request(callOf()).answer).kind).toBe('result');
    expect(timers.set.all.filter(({ ms }) => ms === 1000)).toEqual([]);
    expect(server.received.all.filter(isMethod('subscriptions/listen'))).toHaveLength(1);
  });

  it('tries again when the acknowledgement does not come', async () => {
    const server = await statelessServer({ capabilities: changing, listen: () => undefined });
    const timers = manualTimers();
    const { options } = bench(server.url, { setTimer: timers.setTimer, connectTimeoutMs: 4321 });
    kept(await openHttpStateless(options));
    await server.received.next(isMethod('subscriptions/listen'));
    for (const { fire } of timers.set.all.filter(({ ms }) => ms === 4321)) fire();
    (await timers.set.next(({ ms }) => ms === 1000)).fire();
    const again = await server.received.next(isMethod('subscriptions/listen'));
    expect(again.message['id']).toBe('listen-2');
  });
});
