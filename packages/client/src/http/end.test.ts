import { afterEach, describe, expect, it } from 'vitest';
import { callOf, failure, manualTimers, TestCause } from '../testing/calls.ts';
import { bench, createHttpServers, isCall, isGet, json, ok, sse, type Handle } from '../testing/http-servers.ts';
import { Inbox } from '../testing/inbox.ts';
import { createDispatcher } from './dispatcher.ts';
import { openHttpSession, openHttpStateless } from './open.ts';

const servers = createHttpServers();
const { kept, onEnd, serve, sessionServer, statelessServer } = servers;
afterEach(() => servers.end());

describe('end', () => {
  it('waits for calls under way, deletes the session and is done once', async () => {
    let answer = (): void => undefined;
    const calls = new Inbox<true>();
    const server = await sessionServer({
      call: ({ message }, response) => {
        answer = () => json(response, ok(message['id']));
        calls.push(true);
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const pending = leg.request(callOf());
    await calls.next();
    const closed = leg.close();
    expect(leg.close()).toBe(closed);
    expect((await failure(leg.request(callOf()).answer)).reason).toBe('down');
    // What was sent has arrived when another session has begun.
    kept(await openHttpSession(bench(server.url).options));
    expect(server.received.all.filter(({ method }) => method === 'DELETE')).toEqual([]);
    answer();
    await pending.answer;
    await closed;
    const ends = server.received.all.filter(({ method }) => method === 'DELETE');
    expect(ends.map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-1']);
  });

  it('does not wait for a server that does not answer DELETE', async () => {
    const server = await serve(({ message, method }, response) => {
      if (message['method'] === 'initialize') {
        json(response, ok(message['id'], { protocolVersion: '2025-11-25' }), 200, { 'mcp-session-id': 'x' });
      } else if (method !== 'DELETE') response.writeHead(202).end();
    });
    const timers = manualTimers();
    const leg = kept(await openHttpSession(bench(server.url, { setTimer: timers.setTimer }).options));
    const closed = leg.close();
    await server.received.next(({ method }) => method === 'DELETE');
    (await timers.set.next(({ ms }) => ms === 2000)).fire();
    expect(await closed).toBeUndefined();
  });

  it.each([openHttpSession, openHttpStateless])(
    'lets go of all connections of a pool that others use: %o',
    async (open) => {
      const closed = new Inbox<unknown>();
      const opened = new Inbox<true>();
      const hold: Handle = ({ method, message }, response) => {
        response.on('close', () => closed.push(message['method'] ?? method));
        sse(response, ': \n\n');
        opened.push(true);
      };
      const server = await (open === openHttpSession
        ? sessionServer({ get: hold, call: hold })
        : statelessServer({ capabilities: { tools: { listChanged: true } }, listen: hold, call: hold }));
      const dispatcher = createDispatcher(server.url, {}, { connectTimeoutMs: 5000 });
      onEnd(() => dispatcher.destroy());
      const leg = await open(bench(server.url, { dispatcher }).options);
      const pending = leg.request(callOf());
      await opened.next();
      await opened.next();
      leg.destroy();
      expect((await failure(pending.answer)).reason).toBe('down');
      await closed.next();
      await closed.next();
      expect(dispatcher).toMatchObject({ destroyed: false });
    },
  );

  it('fails what is under way when it is destroyed', async () => {
    const closed = new Inbox<true>();
    const server = await sessionServer({
      get: (_request, response) => {
        response.on('close', () => closed.push(true));
        sse(response, ': \n\n');
      },
      call: (_request, response) => {
        response.on('close', () => closed.push(true));
        sse(response, ': \n\n');
      },
    });
    const { options, downs } = bench(server.url);
    const leg = kept(await openHttpSession(options));
    const pending = leg.request(callOf({ cause: new TestCause() }));
    await server.received.next(isCall);
    await server.received.find(isGet);
    leg.destroy();
    leg.destroy();
    expect((await failure(pending.answer)).reason).toBe('down');
    await closed.next();
    await closed.next();
    expect(downs.all).toEqual([]);
  });
});
