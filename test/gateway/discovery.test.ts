/**
 * Calls that are meant through the gateway's own tools are those calls, whatever era the client speaks: what happens in their midst
 * and what comes of them is that of a direct call (docs/DISCOVERY.md). Who may see and call what is in ../security/matrix.test.ts.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type Started } from './gateway.ts';
import {
  openSession,
  stateless,
  textOf,
  type Message,
  type RawClient,
  type RawSession,
  type Reply,
} from './raw-client.ts';
import { serveRaw, type RawHttp } from './raw-http.ts';
import type { Incoming, Wire } from './raw-server.ts';

type Params = Record<string, unknown>;

const ERAS = ['session', 'stateless'] as const;
type Era = (typeof ERAS)[number];
const WAYS = ['call_tool', 'call_read_tool', 'call_dynamic_tool'] as const;
type Way = (typeof WAYS)[number];
const ROWS = ERAS.flatMap((era) => WAYS.map((way) => ({ era, way })));

const READS = { readOnlyHint: true };
const CAPABILITIES = { elicitation: { form: {} }, tasks: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };
const FORM = { message: 'who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } };
const ACCEPT = { action: 'accept', content: { name: 'Ada' } };
/** The last one has no tool behind it. */
const NAMES = ['ask', 'fails', 'odd', 'progress', 'stay', 'work', 'absent'];

/** Beside what the server by hand can: a tool that fails in its own words, one that never ends, and one that is a task. */
const before = (era: Era, { id, method = '', params = {} }: Incoming, wire: Wire): boolean => {
  const taskId = params['taskId'] ?? 't-1';
  const complete = era === 'stateless' && { resultType: 'complete' };
  const results: Record<string, object> = {
    'tools/call fails': { ...complete, content: [{ type: 'text', text: 'no such file' }], isError: true },
    'tools/call work': era === 'session' ? { task: { taskId, status: 'working' } } : { resultType: 'task', taskId },
    'tasks/get': { ...complete, taskId, status: 'working' },
  };
  const called = method === 'tools/call' ? `${method} ${String(params['name'])}` : method;
  if (called === 'tools/call stay') {
    const { progressToken } = params['_meta'] as Params;
    wire.send(
      JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } }),
    );
    return true;
  }
  const result = results[called];
  if (result !== undefined) wire.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
  return result !== undefined;
};

/** `more`: tools that it has later. */
const serveUp = async (era: Era, more: readonly Params[] = []): Promise<RawHttp> => {
  const tools = NAMES.map((name) => ({
    name,
    inputSchema: { type: 'object' },
    annotations: READS,
    ...(name === 'work' && { execution: { taskSupport: 'optional' } }),
  }));
  const tasks = era === 'session' ? { tasks: { requests: { tools: { call: {} } } } } : {};
  const extensions = { 'io.modelcontextprotocol/tasks': {} };
  return await serveRaw({
    era,
    get tools(): readonly Params[] {
      return [...tools, ...more];
    },
    capabilities: era === 'session' ? tasks : { extensions },
    before: (message, wire) => before(era, message, wire),
  });
};

const later: Params[] = [];
let ups: Record<Era, RawHttp>;
let started: Started;

beforeAll(async () => {
  ups = { session: await serveUp('session', later), stateless: await serveUp('stateless') };
  started = await startGateway({
    mcpServers: {
      session: { url: ups.session.url, description: 'Of the session era' },
      stateless: { url: ups.stateless.url, era: 'stateless', description: 'Of the stateless era' },
    },
    discovery: { mode: 'auto', budget: 1_000_000, always: ['session__always_*'] },
  });
  await started.gateway.rooms.catalog.root.ready();
});
afterAll(async () => {
  await started[Symbol.asyncDispose]();
  for (const up of Object.values(ups)) await up[Symbol.asyncDispose]();
});

async function clientOf(era: Era, mode: string): Promise<RawClient> {
  const url = `${started.url}?discovery=${mode}`;
  return era === 'session' ? await openSession(url, CAPABILITIES) : stateless(url, CAPABILITIES);
}

const ofWay = (way: Way): string => (way === 'call_dynamic_tool' ? 'groups' : 'search');

/** The call of a tool by some way; `more` stands beside its name. */
function meant(way: Way, server: Era, name: string, args: object = {}, more: object = {}): Params {
  if (way === 'call_dynamic_tool') return { name: way, arguments: { group: server, name, args }, ...more };
  return { name: way, arguments: { name: `${server}__${name}`, arguments: args }, ...more };
}

/** Makes a call and answers what is asked meanwhile; the last answer. */
async function answered(client: RawClient, params: Params, answer: object): Promise<Message> {
  if (client.era === 'session') {
    const reply = await client.start('tools/call', params);
    const { message } = await reply.messages.until(({ message: { method } }) => method !== undefined, 'a question');
    await (client as RawSession).tell({ id: message.id, result: answer });
    return (await reply.last).message;
  }
  const first = await client.call('tools/call', params);
  const keys = Object.keys(first.result?.['inputRequests'] ?? {});
  expect(keys, JSON.stringify(first)).toHaveLength(1);
  const inputResponses = Object.fromEntries(keys.map((key) => [key, answer]));
  return await client.call('tools/call', { ...params, inputResponses, requestState: first.result?.['requestState'] });
}

describe.each(ROWS)('a call through $way of a client of the $era era', ({ era, way }) => {
  it('tells how far it is under the token of its caller', async () => {
    const client = await clientOf(era, ofWay(way));
    const params = meant(way, 'session', 'progress', { steps: 2 });
    const reply = await client.start('tools/call', params, { meta: { progressToken: 'mine' } });
    expect(textOf((await reply.last).message)).toBe('done');
    const told = reply.messages.items.flatMap(({ message: { method, params: given = {} } }) =>
      method === 'notifications/progress' ? [[given['progressToken'], given['progress']]] : [],
    );
    expect(told).toEqual([
      ['mine', 1],
      ['mine', 2],
    ]);
  });

  it('that is cancelled is cancelled at its server', async () => {
    const client = await clientOf(era, ofWay(way));
    const { server } = ups.session;
    const [calls, cancelled] = [server.of('tools/call').length, server.of('notifications/cancelled').length];
    const begun = client.start('tools/call', meant(way, 'session', 'stay'), { id: 'mine', meta: { progressToken: 1 } });
    await expect.poll(() => server.of('tools/call').length).toBe(calls + 1);
    // It has told how far it is, so that the stream is there to be left.
    if (era === 'stateless') (await begun).abort();
    else await (client as RawSession).tell({ method: 'notifications/cancelled', params: { requestId: 'mine' } });
    await expect.poll(() => server.of('notifications/cancelled').length).toBe(cancelled + 1);
    const stays = server.of('tools/call').at(-1);
    expect(server.of('notifications/cancelled').at(-1)?.params?.['requestId']).toBe(stays?.id);
  });

  it('is answered what its server asks', async () => {
    const client = await clientOf(era, ofWay(way));
    const params = meant(way, 'session', 'ask', { method: 'elicitation/create', params: FORM });
    expect(JSON.parse(textOf(await answered(client, params, ACCEPT)))).toMatchObject({ result: ACCEPT });
  });

  it('is a task of its caller where that was asked for', async () => {
    const client = await clientOf(era, ofWay(way));
    const more = era === 'session' ? { task: { ttl: 60_000 } } : {};
    const { result = {} } = await client.call('tools/call', meant(way, era, 'work', {}, more));
    const sent = ups[era].server.of('tools/call').at(-1)?.params;
    expect(sent).toMatchObject({ name: 'work', ...more });
    const { taskId } = (era === 'session' ? result['task'] : result) as { taskId: string };
    expect(taskId).toMatch(/^[\w-]{40,}$/);
    expect((await client.call('tasks/get', { taskId })).result).toMatchObject({ status: 'working' });
    expect(ups[era].server.of('tasks/get').at(-1)?.params?.['taskId']).toBe('t-1');
  });

  it('gives the results and errors of the direct call', async () => {
    const [client, direct] = [await clientOf(era, ofWay(way)), await clientOf(era, 'full')];
    for (const name of ['odd', 'fails']) {
      const expected = await direct.call('tools/call', { name: `session__${name}`, arguments: {} });
      expect(expected.result).toBeDefined();
      expect((await client.call('tools/call', meant(way, 'session', name))).result).toEqual(expected.result);
    }
    for (const name of ['absent', 'unknown']) {
      const { error } = await direct.call('tools/call', { name: `session__${name}`, arguments: {} });
      const said = await client.call('tools/call', meant(way, 'session', name));
      expect(error).toBeDefined();
      const told = { content: [{ type: 'text', text: `Tool execution failed: ${error?.message}` }], isError: true };
      const { code, message } = error ?? {};
      const wanted = way === 'call_dynamic_tool' ? { result: told } : { error: { code, message } };
      expect(said).toMatchObject(wanted);
    }
  });
});

describe('a change of what is hidden', () => {
  const isChange = ({ message: { method } }: { message: Message }): boolean =>
    method === 'notifications/tools/list_changed';

  /** Lists, and hears of changes from then on. */
  const watch = async (era: Era, mode: string): Promise<Reply> => {
    const client = await clientOf(era, mode);
    await client.call('tools/list');
    if (era === 'session') return await (client as RawSession).listen();
    const reply = await client.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await reply.messages.until(({ message: { method } }) => method !== undefined, 'the acknowledgement');
    return reply;
  };

  it('is told to nobody who is shown the same tools as before', async () => {
    const rows = ERAS.flatMap((era) => ['search', 'groups', 'full'].map((mode) => ({ era, mode })));
    const streams = await Promise.all(
      rows.map(async ({ era, mode }) => ({ of: `${era} ${mode}`, reply: await watch(era, mode) })),
    );
    const told = (): string[] =>
      streams.flatMap(({ of, reply }) => reply.messages.items.filter(isChange).map(() => of)).toSorted(byText);
    const change = async (name: string): Promise<void> => {
      later.push({ name, inputSchema: { type: 'object' } });
      await expect.poll(() => ups.session.server.broadcasts.size).toBeGreaterThan(0);
      ups.session.server.broadcast('notifications/tools/list_changed');
    };
    await change('hidden');
    await expect.poll(told).toEqual(['session full', 'stateless full']);
    await change('always_there');
    const once = streams.map(({ of }) => of);
    await expect.poll(told).toEqual([...once, 'session full', 'stateless full'].toSorted(byText));
    for (const { reply } of streams) reply.abort();
  });
});

describe('an endpoint for embeddings', () => {
  it('ranks what words do not, and leaves the ranking to them when it is gone', async () => {
    const asked: string[] = [];
    const answer: { fails: boolean } = { fails: false };
    const http = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { input } = JSON.parse(body) as { input: string[] };
        asked.push(...input);
        const embeddings = input.map((text) => (/fails|misfortune/.test(text) ? [1, 0] : [0, 1]));
        response.writeHead(answer.fails ? 500 : 200).end(JSON.stringify({ embeddings }));
      });
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    await using own = await startGateway({
      mcpServers: { up: { url: ups.session.url } },
      discovery: { mode: 'search', embeddings: { url: `http://127.0.0.1:${port}/api/embed`, model: 'm' } },
    });
    const client = stateless(own.url);
    const found = async (query: string): Promise<unknown> => {
      const { result } = await client.call('tools/call', { name: 'find_tools', arguments: { query, limit: 1 } });
      const { tools } = { tools: [], ...(result?.['structuredContent'] as { tools?: { name: string }[] } | undefined) };
      return tools.map(({ name }: { name: string }) => name);
    };
    expect(await found('misfortune')).toEqual([]);
    await expect.poll(() => found('misfortune')).toEqual(['up__fails']);
    expect(asked.filter((text) => text.startsWith('up: fails'))).toHaveLength(1);
    answer.fails = true;
    expect(await found('misfortune')).toEqual([]);
    expect(await found('progress')).toEqual(['up__progress']);
    expect(own.log.items.filter(({ text }) => text.startsWith('embeddings: '))).toHaveLength(1);
    http.closeAllConnections();
    http.close();
  });
});

function byText(one: string, other: string): number {
  return one.localeCompare(other);
}
