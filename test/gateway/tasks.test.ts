/** Tasks of both eras through the gateway: within their era, under sealed ids, for their owner alone. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ask, startGateway } from './gateway.ts';
import type { Started } from './gateway.ts';
import { openSession, stateless, textOf } from './raw-client.ts';
import type { Arrived, Message, RawSession } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';
import type { RawHttp } from './raw-http.ts';
import type { Wire } from './raw-server.ts';

const EVERYTHING = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url),
);

interface Task {
  readonly taskId: string;
  readonly status: string;
}

const taskOf = ({ result }: Message): Task => result?.['task'] as Task;

describe('a task of a real server', () => {
  it('is created, watched, asked about, and gives its result', { timeout: 40_000 }, async () => {
    await using started = await startGateway({
      mcpServers: { e: { command: process.execPath, args: [EVERYTHING], era: 'session' } },
    });
    await started.gateway.rooms.catalog.root.ready();
    const session = await openSession(started.url, { elicitation: {}, tasks: {} });
    const stream = await session.listen();
    const args = { topic: 'python', ambiguous: true };
    const created = taskOf(
      await session.call('tools/call', { name: 'e__simulate-research-query', arguments: args, task: { ttl: 60_000 } }),
    );
    expect(created.status).toBe('working');
    // What the server calls it is not told.
    expect(created.taskId).toMatch(/^[\w-]{60,}$/);
    const isNews = ({ message }: Arrived): boolean => message.method === 'notifications/tasks/status';
    const news = await stream.messages.until(isNews, 'news of the task');
    const seen = await session.call('tasks/get', { taskId: created.taskId });
    expect(seen.result).toMatchObject({ status: expect.any(String) as string });
    expect(news.message.params?.['taskId']).toMatch(/^[\w-]{60,}$/);
    expect((await session.call('tasks/get', { taskId: news.message.params?.['taskId'] })).result).toBeDefined();
    // The result is waited for; meanwhile the server asks, and names the task as the client knows it.
    const reply = await session.start('tasks/result', { taskId: created.taskId });
    const question = await reply.messages.until(
      ({ message }) => message.method === 'elicitation/create',
      'the question',
    );
    const meta = question.message.params?.['_meta'] as Record<string, { taskId: string }>;
    const related = meta['io.modelcontextprotocol/related-task']?.taskId ?? '';
    expect((await session.call('tasks/get', { taskId: related })).result).toBeDefined();
    await session.tell({ id: question.message.id, result: { action: 'accept', content: { interpretation: 'snake' } } });
    expect(textOf((await reply.last).message)).toContain('Research Report');
    const listed = (await session.call('tasks/list')).result?.['tasks'] as Task[];
    expect(listed.map(({ status }) => status)).toEqual(['completed']);
    stream.abort();
  });
});

/** Servers of the session era with two tasks each, whoever asks. */
function taskServer(prefix: string): Parameters<typeof serveRaw>[0] {
  let count = 0;
  return {
    era: 'session',
    tools: [{ name: 'work', inputSchema: {}, execution: { taskSupport: 'optional' } }],
    capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
    before: ({ id, method = '', params }, wire: Wire) => {
      const taskId = String(params?.['taskId']);
      const same = (): string => JSON.stringify({ taskId, status: 'working' });
      const answers: Record<string, () => string> = {
        'tools/call': () => `{"task":{"taskId":"${prefix}${++count}","status":"working","far":1e400}}`,
        'tasks/list': () => {
          const tasks = Array.from({ length: count }, (_, n) => ({ taskId: `${prefix}${n + 1}`, status: 'working' }));
          return JSON.stringify({ tasks: [...tasks, { taskId: 'somebody else’s', status: 'working' }] });
        },
        'tasks/get': same,
        'tasks/cancel': same,
        'tasks/result': () => {
          const meta = `{"io.modelcontextprotocol/related-task":{"taskId":"${taskId}"}}`;
          return `{"content":[],"n":12345678901234567890,"_meta":${meta}}`;
        },
      };
      const answer = answers[method];
      if (answer !== undefined) wire.send(`{"jsonrpc":"2.0","id":${String(id)},"result":${answer()}}`);
      return answer !== undefined;
    },
  };
}

async function keyed(started: Started, name: string): Promise<RawSession> {
  const { gateway } = started;
  const key = name === 'local' ? gateway.localKey : undefined;
  return await openSession(started.url, {}, key === undefined ? {} : { authorization: `Bearer ${key}` });
}

/** The task that a server was last asked about. */
function lastTask({ server }: RawHttp, method: string): unknown {
  return server.of(method).at(-1)?.params?.['taskId'];
}

describe('tasks of several servers', () => {
  it('are listed together, for their owner alone, and reach their own server', async () => {
    await using a = await serveRaw(taskServer('a'));
    await using b = await serveRaw(taskServer('b'));
    await using started = await startGateway({ mcpServers: { a: { url: a.url }, b: { url: b.url } } });
    await started.gateway.rooms.catalog.root.ready();
    const session = await keyed(started, 'none');
    const created: string[] = [];
    for (const server of ['a', 'b', 'a']) {
      const answer = await session.call('tools/call', { name: `${server}__work`, arguments: {}, task: {} });
      created.push(taskOf(answer).taskId);
    }
    const listed = (await session.call('tasks/list')).result?.['tasks'] as Task[];
    expect(listed).toHaveLength(3);
    for (const [taskId, server, original] of [
      [created[0], a, 'a1'],
      [created[1], b, 'b1'],
      [created[2], a, 'a2'],
    ] as const) {
      expect((await session.call('tasks/get', { taskId })).result).toMatchObject({ status: 'working' });
      expect(lastTask(server, 'tasks/get')).toBe(original);
    }
    await session.call('tasks/cancel', { taskId: created[1] });
    expect(lastTask(b, 'tasks/cancel')).toBe('b1');
  });

  it('have their news told to the session that began them', async () => {
    await using a = await serveRaw(taskServer('a'));
    await using started = await startGateway({ mcpServers: { a: { url: a.url } } });
    await started.gateway.rooms.catalog.root.ready();
    const session = await keyed(started, 'none');
    for (let n = 0; n < 2; n++) await session.call('tools/call', { name: 'a__work', arguments: {}, task: {} });
    const [mine, other] = [await session.listen(), await (await keyed(started, 'none')).listen()];
    await expect.poll(() => a.server.broadcasts.size).toBeGreaterThan(0);
    for (const taskId of ['somebody else’s', 'a2'])
      a.server.broadcast('notifications/tasks/status', { taskId, status: 'completed' });
    const news = await mine.messages.until(({ message }) => message.method === 'notifications/tasks/status', 'news');
    expect(news.message.params?.['status']).toBe('completed');
    await session.call('tasks/get', { taskId: news.message.params?.['taskId'] });
    expect(lastTask(a, 'tasks/get')).toBe('a2');
    expect(mine.messages.items).toHaveLength(1);
    expect(other.messages.items).toEqual([]);
    for (const stream of [mine, other]) stream.abort();
  });

  it('give their results byte for byte but for the ids', async () => {
    await using a = await serveRaw(taskServer('a'));
    await using started = await startGateway({ mcpServers: { a: { url: a.url } } });
    const session = await keyed(started, 'none');
    const reply = await session.start('tools/call', { name: 'a__work', arguments: {}, task: {} });
    const { text, message } = await reply.last;
    expect(text).toMatch(/"result":\{"task":\{"taskId":"[\w-]+","status":"working","far":1e400\}\}\}$/);
    const result = await session.start('tasks/result', { taskId: taskOf(message).taskId });
    expect((await result.last).text).toMatch(
      /"n":12345678901234567890,"_meta":\{"io.modelcontextprotocol\/related-task":\{"taskId":"[\w-]{40,}"\}\}\}\}$/,
    );
  });

  it('are unknown to another principal', async () => {
    await using a = await serveRaw(taskServer('a'));
    await using started = await startGateway({ mcpServers: { a: { url: a.url } }, auth: { mode: 'key' } });
    const session = await keyed(started, 'local');
    const { taskId } = taskOf(await session.call('tools/call', { name: 'a__work', arguments: {}, task: {} }));
    expect((await session.call('tasks/get', { taskId })).result).toBeDefined();
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update']) {
      expect(await ask(started, 'mallory', method, { taskId })).toMatchObject({
        kind: 'error',
        error: { code: -32602 },
      });
    }
    expect(await ask(started, 'mallory', 'tasks/list')).toEqual({ kind: 'value', result: { tasks: [] } });
    expect(await ask(started, 'local', 'tasks/list')).toMatchObject({ result: { tasks: [{ status: 'working' }] } });
  });
});

describe('the tasks extension of 2026-07-28', () => {
  it('is routed under a sealed id, in body and header', async () => {
    await using server = await serveRaw({
      era: 'stateless',
      capabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } },
      before: ({ id, method, params }, wire) => {
        const known = method === 'tools/call' || method?.startsWith('tasks/') === true;
        const result = {
          resultType: method === 'tools/call' ? 'task' : 'complete',
          taskId: params?.['taskId'] ?? 't-1',
          status: 'working',
        };
        if (known) wire.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
        return known;
      },
    });
    await using other = await serveRaw({ era: 'stateless' });
    await using started = await startGateway({ mcpServers: { up: { url: server.url }, other: { url: other.url } } });
    const client = stateless(started.url, { extensions: { 'io.modelcontextprotocol/tasks': {} } });
    const { result } = await client.call('tools/call', { name: 'up__raw', arguments: {} });
    const taskId = String(result?.['taskId']);
    expect(result).toMatchObject({ resultType: 'task', taskId: expect.stringMatching(/^[\w-]{40,}$/) as string });
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      expect((await client.call(method, { taskId })).result).toMatchObject({ status: 'working' });
      const sent = server.posts.at(-1);
      expect(sent?.headers['mcp-name']).toBe('t-1');
      expect(server.server.of(method).at(-1)?.params?.['taskId']).toBe('t-1');
    }
  });

  it('tells whoever listens to a task what it would be answered then, and nobody who may not ask', async () => {
    const extension = { 'io.modelcontextprotocol/tasks': {} };
    await using server = await serveRaw({
      era: 'stateless',
      capabilities: { extensions: extension },
      before: ({ id, method, params }, wire) => {
        const results: Record<string, object> = {
          'tools/call': { resultType: 'task', taskId: 't-1', status: 'working' },
          'tasks/get': {
            resultType: 'complete',
            taskId: params?.['taskId'],
            status: 'completed',
            result: { content: [{ type: 'text', text: 'done' }] },
          },
        };
        const result = results[method ?? ''];
        if (result !== undefined) wire.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
        return result !== undefined;
      },
    });
    await using started = await startGateway({ mcpServers: { up: { url: server.url } } });
    const client = stateless(started.url, { extensions: extension });
    const { result } = await client.call('tools/call', { name: 'up__raw', arguments: {} });
    const taskId = String(result?.['taskId']);
    const listening = await client.start('subscriptions/listen', { notifications: { taskIds: [taskId, 'unknown'] } });
    const isOf =
      (method: string) =>
      ({ message }: Arrived): boolean =>
        message.method === method;
    const heard = await listening.messages.until(isOf('notifications/subscriptions/acknowledged'), 'the answer');
    expect(heard.message.params?.['notifications']).toEqual({ taskIds: [taskId] });
    const asked = (): Record<string, unknown> | undefined => server.server.of('subscriptions/listen').at(-1)?.params;
    await expect.poll(asked).toMatchObject({
      notifications: { taskIds: ['t-1'] },
      _meta: { 'io.modelcontextprotocol/clientCapabilities': { extensions: extension } },
    });
    const news = { status: 'completed', result: { content: [{ type: 'text', text: 'not this' }] } };
    for (const id of ['somebody else’s', 't-1'])
      server.server.broadcast('notifications/tasks', { taskId: id, ...news });
    const { message } = await listening.messages.until(isOf('notifications/tasks'), 'news of the task');
    expect(message.params).toMatchObject({ taskId, status: 'completed', result: { content: [{ text: 'done' }] } });
    expect(message.params).toHaveProperty(['_meta', 'io.modelcontextprotocol/subscriptionId']);
    expect(message.params).not.toHaveProperty('resultType');
    const undeclared = stateless(started.url);
    expect(await undeclared.call('subscriptions/listen', { notifications: { taskIds: [taskId] } })).toMatchObject({
      error: { code: -32021, data: { requiredCapabilities: { extensions: extension } } },
    });
    listening.abort();
    await expect.poll(() => asked()?.['notifications']).not.toHaveProperty('taskIds');
  });
});
