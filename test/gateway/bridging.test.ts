/** Clients of one era on servers that speak only the other (docs/PROTOCOL.md, "Between eras"). */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answering, openSdk1, openSdk2 } from '../support/clients.ts';
import { start } from '../support/process.ts';
import type { Running } from '../support/process.ts';
import { startGateway } from './gateway.ts';
import type { Started } from './gateway.ts';
import { openSession, stateless, textOf } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';

const EVERYTHING = fileURLToPath(new URL('../everything/server.ts', import.meta.url));
const program = (era: string): object => ({ command: process.execPath, args: [EVERYTHING, '--stdio', '--eras', era] });

const WAYS = ['http', 'stdio'] as const;
const at: { running: Running[]; gateways: Map<string, Started> } = { running: [], gateways: new Map() };
const gateway = (way: string, era: string): Started => at.gateways.get(`${way} ${era}`) as Started;

beforeAll(async () => {
  for (const era of ['session', 'stateless']) {
    const running = start(process.execPath, [EVERYTHING, '--port', '0', '--eras', era]);
    at.running.push(running);
    const [url] = await running.untilLine(/http:\S+/);
    at.gateways.set(`http ${era}`, await startGateway({ mcpServers: { e: { url } }, naming: 'plain' }));
    at.gateways.set(`stdio ${era}`, await startGateway({ mcpServers: { e: program(era) }, naming: 'plain' }));
  }
  for (const { gateway: each } of at.gateways.values()) await each.rooms.catalog.root.ready();
});

afterAll(async () => {
  for (const started of at.gateways.values()) await started[Symbol.asyncDispose]();
  for (const running of at.running) await running.stop();
});

describe.each(WAYS)('a session client on a stateless server over %s', (way) => {
  it('lists, calls, reads, prompts and completes', async () => {
    await using opened = await openSdk1(gateway(way, 'stateless').url);
    const { client } = opened;
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(await client.callTool({ name: 'echo', arguments: { text: 'hello' } })).toMatchObject({
      content: [{ type: 'text', text: 'hello' }],
    });
    expect(await client.readResource({ uri: 'test://static-text' })).toMatchObject({
      contents: [{ mimeType: 'text/plain' }],
    });
    expect((await client.getPrompt({ name: 'test_simple_prompt' })).messages).toHaveLength(1);
    const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' } as const;
    const completed = await client.complete({ ref, argument: { name: 'arg1', value: 'par' } });
    expect(completed.completion.values).toEqual(['paris', 'park', 'party']);
  });

  it('is asked what the server needs, over several rounds', async () => {
    const asked: string[] = [];
    await using opened = await openSdk1(gateway(way, 'stateless').url, {
      handlers: answering(asked),
    });
    const { client } = opened;
    expect(JSON.stringify(await client.callTool({ name: 'test_sampling', arguments: { prompt: 'x' } }))).toContain(
      'sampled',
    );
    expect(
      JSON.stringify(await client.callTool({ name: 'test_elicitation', arguments: { message: 'who?' } })),
    ).toContain('ada');
    const { tools } = await client.listTools();
    const rounds = tools.find(({ name }) => name.includes('multi_round'))?.name ?? '';
    asked.length = 0;
    expect((await client.callTool({ name: rounds, arguments: {} })).isError).not.toBe(true);
    expect(asked.length).toBeGreaterThanOrEqual(2);
  });

  it('gets progress, and log messages at the level it set', async () => {
    await using opened = await openSdk1(gateway(way, 'stateless').url);
    const { client, notices } = opened;
    const progress: number[] = [];
    await client.callTool({ name: 'test_tool_with_progress' }, undefined, {
      onprogress: (each) => progress.push(each.progress),
    });
    expect(progress).toEqual([0, 50, 100]);
    await client.setLoggingLevel('error');
    await client.callTool({ name: 'log', arguments: { level: 'info', text: 'too low' } });
    await client.callTool({ name: 'log', arguments: { level: 'error', text: 'loud enough' } });
    const first = await notices.until(({ method }) => method === 'notifications/message', 'a log message');
    expect(first.params).toMatchObject({ level: 'error', data: 'loud enough' });
  });

  it('hears of a resource that it subscribed to, and of changed lists', async () => {
    await using opened = await openSdk1(gateway(way, 'stateless').url);
    const { client, notices } = opened;
    await client.subscribeResource({ uri: 'test://watched-resource' });
    await client.callTool({ name: 'bump' });
    const updated = await notices.until(({ method }) => method === 'notifications/resources/updated', 'an update');
    expect(updated.params).toEqual({ uri: 'test://watched-resource' });
    await notices.until(({ method }) => method === 'notifications/tools/list_changed', 'a changed list');
  });
});

describe.each(WAYS)('a stateless client on a session server over %s', (way) => {
  it('lists, calls, reads, prompts and completes', async () => {
    await using opened = await openSdk2(gateway(way, 'session').url, { era: 'stateless' });
    const { client } = opened;
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(await client.callTool({ name: 'echo', arguments: { text: 'hello' } })).toMatchObject({
      content: [{ type: 'text', text: 'hello' }],
    });
    expect(await client.readResource({ uri: 'test://static-text' })).toMatchObject({
      contents: [{ mimeType: 'text/plain' }],
    });
    expect((await client.getPrompt({ name: 'test_simple_prompt' })).messages).toHaveLength(1);
  });

  it('gets what its revision asks for in a result, and the envelope stays here', async () => {
    const client = stateless(gateway(way, 'session').url);
    const { result } = await client.call('resources/read', { uri: 'test://static-text' });
    expect(result).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
    expect(result?.['_meta']).toMatchObject({ 'io.modelcontextprotocol/serverInfo': { name: 'everything' } });
  });

  it('gets progress, and log messages where it asks for them', async () => {
    const client = stateless(gateway(way, 'session').url);
    const progressing = await client.start(
      'tools/call',
      { name: 'test_tool_with_progress' },
      { meta: { progressToken: 'mine' } },
    );
    await progressing.last;
    const progress = progressing.messages.items.filter(({ message }) => message.method === 'notifications/progress');
    expect(progress.map(({ message }) => message.params?.['progressToken'])).toEqual(['mine', 'mine', 'mine']);
    for (const [level, count] of [
      ['debug', 1],
      ['error', 0],
    ] as const) {
      const logging = await client.start(
        'tools/call',
        { name: 'log', arguments: { level: 'debug', text: 'hello' } },
        { meta: { 'io.modelcontextprotocol/logLevel': level } },
      );
      await logging.last;
      expect(logging.messages.items.filter(({ message }) => message.method === 'notifications/message')).toHaveLength(
        count,
      );
    }
  });

  it('cancels what it leaves', async () => {
    const client = stateless(gateway(way, 'session').url);
    const count = async (): Promise<number> =>
      Number(textOf(await client.call('tools/call', { name: 'cancellations' })));
    const before = await count();
    const reply = await client.start(
      'tools/call',
      { name: 'sleep', arguments: { ms: 20_000 } },
      { meta: { progressToken: 1 } },
    );
    await reply.messages.until(({ message }) => message.method === 'notifications/progress', 'that it has begun');
    reply.abort();
    await expect.poll(count).toBe(before + 1);
  });
});

describe('what crosses', () => {
  it('is the client’s envelope in one direction, and nothing of it in the other', async () => {
    await using modern = await serveRaw({ era: 'stateless' });
    await using old = await serveRaw({ era: 'session' });
    await using started = await startGateway({ mcpServers: { m: { url: modern.url }, s: { url: old.url } } });
    const session = await openSession(started.url, { sampling: {}, vendor: {} });
    const meta = { progressToken: 'p', 'vendor/x': 1 };
    const there = JSON.parse(textOf(await session.call('tools/call', { name: 'm__raw', arguments: {} }, { meta }))) as {
      id: number;
      params: { _meta: Record<string, unknown> };
    };
    expect(there.params._meta).toEqual({
      progressToken: there.id,
      'vendor/x': 1,
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { sampling: {} },
    });
    const answer = await stateless(started.url).call(
      'tools/call',
      { name: 's__raw', arguments: {} },
      { meta: { 'vendor/x': 1 } },
    );
    const back = JSON.parse(textOf(answer)) as typeof there;
    expect(back.params._meta).toEqual({ 'vendor/x': 1 });
  });

  it('is the log level that a request asks for, once for a server', async () => {
    await using old = await serveRaw({ era: 'session' });
    await using started = await startGateway({ mcpServers: { s: { url: old.url } } });
    for (const level of ['warning', 'debug', 'error']) {
      const meta = { 'io.modelcontextprotocol/logLevel': level };
      await stateless(started.url).call('tools/call', { name: 's__raw', arguments: {} }, { meta });
    }
    const told = old.server.of('logging/setLevel').map(({ params }) => params?.['level']);
    expect(told).toEqual(['warning', 'debug']);
  });

  it('ends after ten rounds, and at once when a server asks for nothing', async () => {
    let rounds = 0;
    await using server = await serveRaw({
      era: 'stateless',
      before: ({ id, method, params }, wire) => {
        if (method !== 'tools/call') return false;
        rounds++;
        const more = params?.['name'] === 'raw' ? { requestState: `s${rounds}` } : {};
        wire.send(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'input_required', ...more } }));
        return true;
      },
    });
    await using started = await startGateway({ mcpServers: { up: { url: server.url } } });
    const session = await openSession(started.url);
    expect(await session.call('tools/call', { name: 'up__raw', arguments: {} })).toMatchObject({
      error: { code: -31003 },
    });
    expect(rounds).toBe(10);
    expect(server.server.of('tools/call').map(({ params }) => params?.['requestState'])).toEqual([
      undefined,
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `s${n}`),
    ]);
    const error = { code: -31001, data: { reason: 'protocol' } };
    expect(await session.call('tools/call', { name: 'up__odd', arguments: {} })).toMatchObject({ error });
    expect(rounds).toBe(11);
  });
});
