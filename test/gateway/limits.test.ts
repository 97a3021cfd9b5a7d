/** Limits in front of a real gateway: what passes, what a client reads when it does not, and what stays counted. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createInbox } from '../support/inbox.ts';
import { ask, configurationText, startGateway, temporaryFolder, type Started } from './gateway.ts';
import { openSession, stateless, type Message, type RawClient, type Reply } from './raw-client.ts';
import { serveRaw, type RawHttp } from './raw-http.ts';
import type { Incoming, Wire } from './raw-server.ts';

const URI = 'raw://one';

async function raw(before?: (message: Incoming, wire: Wire) => boolean): Promise<RawHttp> {
  const resources = Array.from({ length: 5 }, (_, n) => ({ uri: n === 0 ? URI : `${URI}${n}`, name: `r${n}` }));
  return await serveRaw({ era: 'session', resources, ...(before && { before }) });
}

interface Counted {
  readonly passed: number;
  readonly refused: readonly Reply[];
}

/** Calls that all come at once. */
async function burst(client: RawClient, count: number, name = 'up__pid'): Promise<Counted> {
  const replies = await Promise.all(
    Array.from({ length: count }, () => client.start('tools/call', { name, arguments: {} })),
  );
  await Promise.all(replies.map(({ last }) => last));
  const refused = replies.filter(({ status }) => status === 429);
  return { passed: replies.length - refused.length, refused };
}

/** Calls of a principal, one after the other; how many of them pass. */
async function passed(started: Started, subject: string, count: number): Promise<number> {
  let passing = 0;
  for (let n = 0; n < count; n++) {
    const answer = (await ask(started, subject, 'tools/call', { name: 'up__pid' })) as { readonly kind: string };
    if (answer.kind === 'result') passing++;
  }
  return passing;
}

const limitIn = (message: Message): unknown => message.error?.data?.['limit'];

describe('a rate', () => {
  it.each(['session', 'stateless'] as const)('P3-09 lets 10 of a burst of 30 pass, era %s', async (era) => {
    await using up = await raw();
    await using started = await startGateway({
      mcpServers: { up: { url: up.url } },
      limits: { rate: { global: '10/h' } },
    });
    const client = era === 'session' ? await openSession(started.url) : stateless(started.url);
    const before = Date.now();
    const { passed: passing, refused } = await burst(client, 30);
    expect([passing, refused.length, up.server.of('tools/call').length]).toEqual([10, 20, 10]);
    const [reply] = refused as [Reply];
    const { message } = await reply.last;
    expect(message.error).toEqual({
      code: -31004,
      message: 'The limit of calls for all clients together (10/h) is reached. Try again in 6 min.',
      data: {
        code: 'rate_limited',
        id: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
        limit: 'global',
        retryAfterMs: expect.any(Number) as number,
      },
    });
    // One comes each six minutes, from the first call on.
    expect(Number(message.error?.data?.['retryAfterMs'])).toBeLessThanOrEqual(360_000);
    expect(Number(message.error?.data?.['retryAfterMs'])).toBeGreaterThanOrEqual(360_000 - (Date.now() - before));
    expect(reply.headers).toMatchObject({
      'retry-after': '360',
      'ratelimit-limit': '10',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '3600',
    });
  });

  it('P3-09 counts each client by itself, and P4-12 all of them together', async () => {
    await using up = await raw();
    await using started = await startGateway({
      mcpServers: { up: { url: up.url } },
      limits: { rate: { global: '20/h', perPrincipal: '10/h' } },
    });
    expect([await passed(started, 'a', 30), await passed(started, 'b', 5)]).toEqual([10, 5]);
    expect([await passed(started, 'c', 10), await passed(started, 'b', 10)]).toEqual([5, 0]);
    expect(up.server.of('tools/call')).toHaveLength(20);
  });

  it('P4-12 of 20 in all and 10 each lets 20 of 3 × 10 pass', async () => {
    await using up = await raw();
    await using started = await startGateway({
      mcpServers: { up: { url: up.url } },
      limits: { rate: { global: '20/h', perPrincipal: '10/h' } },
    });
    const counts = await Promise.all(['a', 'b', 'c'].map((subject) => passed(started, subject, 10)));
    expect(counts.reduce((sum, count) => sum + count)).toBe(20);
    expect(Math.max(...counts)).toBeLessThanOrEqual(10);
  });

  it('P2-14 is kept for each session, server and tool', async () => {
    await using up = await raw();
    await using started = await startGateway({
      mcpServers: { up: { url: up.url }, other: { url: up.url } },
      limits: { rate: { perSession: '5/h', perServer: '8/h', perTool: '3/h' } },
    });
    const [one, other] = [await openSession(started.url), await openSession(started.url)];
    expect((await burst(one, 3)).passed).toBe(3);
    expect((await burst(one, 10, 'up__held')).passed).toBe(2);
    const { passed: passing, refused } = await burst(other, 2, 'up__held');
    expect([passing, limitIn((await (refused[0] as Reply).last).message)]).toEqual([1, 'perTool']);
    // What the tool refused counts for its session all the same.
    expect((await burst(other, 10, 'up__raw')).passed).toBe(2);
    expect((await burst(other, 10, 'other__pid')).passed).toBe(0);
    expect((await burst(await openSession(started.url), 10, 'other__pid')).passed).toBe(3);
  });

  it('P3-09 counts openings and pings, apart from calls', async () => {
    await using up = await raw();
    const [one, other] = ['a', 'b'].map((name) => ({ name, key: `${name}-client-key-of-a-test-0123456789` }));
    await using started = await startGateway({
      mcpServers: { up: { url: up.url } },
      auth: { mode: 'key', keys: [one, other] },
      limits: { rate: { perPrincipal: '5/h' } },
    });
    const as = (key = ''): Record<string, string> => ({ authorization: `Bearer ${key}` });
    const statuses = async (client: RawClient, method: string, count: number): Promise<number[]> =>
      await Promise.all(Array.from({ length: count }, async () => (await client.start(method)).status));
    const refusals = (all: readonly number[]): number => all.filter((status) => status === 429).length;
    const client = stateless(started.url, {}, as(one?.key));
    expect(refusals(await statuses(client, 'server/discover', 7))).toBe(2);
    await expect(openSession(started.url, {}, as(one?.key))).rejects.toThrow(/The limit of calls for this client/);
    expect((await burst(client, 7)).passed).toBe(5);
    // A session is one, and in it a refusal has the status of a call's: what was opened stays open.
    const session = await openSession(started.url, {}, as(other?.key));
    expect(refusals(await statuses(session, 'ping', 7))).toBe(3);
    expect((await burst(session, 7)).passed).toBe(5);
  });

  it('of the local key on this machine does not exist, nor does its quota', async () => {
    await using up = await raw();
    await using started = await startGateway({
      mcpServers: { up: { url: up.url } },
      limits: { rate: { perPrincipal: '1/h' }, quota: { day: 1 }, concurrency: 1 },
    });
    expect((await burst(stateless(started.url), 30)).passed).toBe(30);
    expect(await passed(started, 'ci', 5)).toBe(1);
  });

  it('P3-09 of a key is its own; the local key has one as soon as a proxy is in between', async () => {
    await using up = await raw();
    const keys = ['a', 'b'].map((name) => ({ name, key: `${name}-client-key-of-a-test-0123456789` }));
    await using started = await startGateway({
      mcpServers: { up: { url: up.url } },
      auth: { mode: 'key', keys },
      limits: { rate: { perPrincipal: '10/h' } },
    });
    const as = (key = '', more: Readonly<Record<string, string>> = {}): RawClient =>
      stateless(started.url, {}, { authorization: `Bearer ${key}`, ...more });
    const counts = await Promise.all(keys.map(({ key }) => burst(as(key), 30)));
    expect(counts.map(({ passed: passing }) => passing)).toEqual([10, 10]);
    const { localKey } = started.gateway;
    expect((await burst(as(localKey), 30)).passed).toBe(30);
    const { passed: passing, refused } = await burst(as(localKey, { 'x-forwarded-for': '203.0.113.9' }), 30);
    expect([passing, refused.length]).toEqual([10, 20]);
  });

  it('changes with the configuration, and what was used stays used', async () => {
    await using up = await raw();
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'sallyport.json');
    const limited = (global: string): Record<string, unknown> => ({
      mcpServers: { up: { url: up.url } },
      limits: { rate: { global } },
    });
    await using started = await startGateway(limited('4/h'), { file });
    const client = stateless(started.url);
    expect((await burst(client, 10)).passed).toBe(4);
    await writeFile(file, configurationText(limited('7/h')));
    await started.gateway.reload();
    await started.log.until(({ text }) => text === 'the configuration was taken over', 'a reload');
    expect((await burst(client, 10)).passed).toBe(3);
  });
});

describe('a quota', () => {
  it('survives a restart', async () => {
    await using up = await raw();
    await using folder = await temporaryFolder();
    const configuration = { mcpServers: { up: { url: up.url } }, limits: { quota: { day: 4 } }, store: 'sqlite' };
    const run = async (): Promise<number> => {
      await using started = await startGateway(configuration, { stateDirectory: folder.path });
      return await passed(started, 'me', 3);
    };
    expect([await run(), await run(), await run()]).toEqual([3, 1, 0]);
    await using started = await startGateway(configuration, { stateDirectory: folder.path });
    const answer = await ask(started, 'me', 'tools/call', { name: 'up__pid' });
    expect(answer).toMatchObject({
      error: { code: -31004, data: { limit: 'quota.day' } },
      status: 429,
      headers: { 'ratelimit-limit': '4', 'ratelimit-remaining': '0' },
    });
    expect(await passed(started, 'you', 2)).toBe(2);
  });
});

describe('the queue of a server', () => {
  it('has places for so many, is left by who goes, and then it is the turn of the next', async () => {
    const arrived = createInbox<() => void>();
    await using up = await raw(({ id, method }, wire) => {
      if (method !== 'tools/call') return false;
      arrived.push(() => wire.send(JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } })));
      return true;
    });
    await using started = await startGateway({
      mcpServers: { up: { url: up.url } },
      limits: { serverConcurrency: 1, serverQueue: 2 },
    });
    const client = stateless(started.url);
    const controller = new AbortController();
    const call = (): Promise<Reply> => client.start('tools/call', { name: 'up__pid', arguments: {} });
    const first = call();
    await arrived.until(() => true, 'the first call');
    // Two wait, in the order in which they came; the connection of one of them breaks.
    const gone = fetch(started.url, {
      method: 'POST',
      signal: controller.signal,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...HEADERS },
      body: BODY,
    });
    const second = call();
    await expect
      .poll(async () => {
        const reply = await call();
        return [reply.status, limitIn((await reply.last).message)];
      })
      .toEqual([429, 'serverQueue']);
    controller.abort();
    await expect(gone).rejects.toThrow('aborted');
    const third = call();
    arrived.items[0]?.();
    expect((await first).status).toBe(200);
    for (const [n, waiting] of [second, third].entries()) {
      await arrived.until((answer) => arrived.items.indexOf(answer) === n + 1, 'the next call');
      arrived.items[n + 1]?.();
      expect((await waiting).status).toBe(200);
    }
    expect(up.server.of('tools/call')).toHaveLength(3);
  });
});

/** One call by hand, so that it can be broken off before anything has come back. */
const HEADERS = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'up__pid' };
const BODY = JSON.stringify({
  jsonrpc: '2.0',
  id: 99,
  method: 'tools/call',
  params: {
    name: 'up__pid',
    arguments: {},
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});

describe('subscriptions', () => {
  it('DOS-10 are so many for a principal, as are listens, and free again when they end', async () => {
    await using up = await raw();
    await using started = await startGateway({
      mcpServers: { up: { url: up.url } },
      limits: { subscriptions: 3, streams: 2 },
    });
    const [one, other] = [await openSession(started.url), await openSession(started.url)];
    const subscribe = async (n: number): Promise<unknown> => {
      const client = n % 2 === 0 ? one : other;
      return limitIn(await client.call('resources/subscribe', { uri: n === 0 ? URI : `${URI}${n}` }));
    };
    expect([await subscribe(0), await subscribe(1), await subscribe(2)]).toEqual([undefined, undefined, undefined]);
    const refused = await one.start('resources/subscribe', { uri: `${URI}4` });
    expect([refused.status, refused.headers['ratelimit-limit']]).toEqual([429, '3']);
    expect((await refused.last).message.error).toMatchObject({ code: -31004, data: { limit: 'subscriptions' } });
    expect(await subscribe(2)).toBeUndefined();
    await one.call('resources/unsubscribe', { uri: URI });
    expect(await subscribe(4)).toBeUndefined();

    const listen = (resourceSubscriptions: readonly string[] = []): Promise<Reply> =>
      stateless(started.url).start('subscriptions/listen', {
        notifications: { toolsListChanged: true, resourceSubscriptions },
      });
    const over = await listen([URI]);
    expect([over.status, limitIn((await over.last).message)]).toEqual([429, 'subscriptions']);
    const streams = [await listen(), await listen()];
    expect(streams.map(({ status }) => status)).toEqual([200, 200]);
    const third = await listen();
    expect([third.status, limitIn((await third.last).message)]).toEqual([429, 'streams']);
    streams[0]?.abort();
    await expect
      .poll(async () => {
        const reply = await listen();
        reply.abort();
        return reply.status;
      })
      .toBe(200);
    streams[1]?.abort();
  });

  it('P3-09 of a server that reports without end arrive once a moment, the last state always', async () => {
    await using up = await raw();
    await using started = await startGateway({ mcpServers: { up: { url: up.url } } });
    const session = await openSession(started.url);
    const stream = await session.listen();
    await session.call('resources/subscribe', { uri: URI });
    await expect.poll(() => [up.server.of('resources/subscribe').length, up.server.broadcasts.size]).toEqual([1, 1]);
    const lists = up.server.of('tools/list').length;
    for (let n = 0; n < 10_000; n++) {
      up.server.broadcast('notifications/resources/updated', { uri: URI, n });
      up.server.broadcast('notifications/tools/list_changed');
    }
    await stream.messages.until(({ message }) => message.params?.['n'] === 9999, 'the last state');
    const updates = stream.messages.items.filter(({ message }) => message.method === 'notifications/resources/updated');
    expect(updates[0]?.message.params?.['n']).toBe(0);
    expect(updates.length).toBeLessThan(1000);
    await expect.poll(() => up.server.of('tools/list').length).toBeGreaterThan(lists);
    expect(up.server.of('tools/list').length - lists).toBeLessThan(1000);
    stream.abort();
  });
});
