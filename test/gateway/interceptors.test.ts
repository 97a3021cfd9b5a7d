/**
 * Interceptors of a gateway that runs: the two examples as a stranger would copy them, a hook that shortens lists, and what happens
 * when one does not answer. Both eras, servers over HTTP and stdio (docs/INTERCEPTORS.md).
 */
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configurationText, startGateway, temporaryFolder, type Started } from './gateway.ts';
import { openSession, stateless, textOf, type Message, type RawClient } from './raw-client.ts';
import { serveRaw, type RawHttp } from './raw-http.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples/interceptors');
const SECRET = 'shared with the hook of a test';
const CLIENTS = ['session', 'stateless'] as const;
/** A picture whose bytes would be a card's number if they were a text. */
const PICTURE = { type: 'image', data: '4111111111111111', mimeType: 'image/png' };

const TASK = 'what the server calls its task';

type Json = Record<string, unknown>;

/** What the examples export for tests. */
const maskerExample = async (): Promise<{
  readonly masked: (text: string) => string;
  readonly answerTo: (question: Json) => Json;
  readonly safeAnswerTo: (question: Json) => Json;
}> => await import(pathToFileURL(join(EXAMPLES, 'pii-masker/masker.mjs')).href);
const hookExample = async (): Promise<{
  readonly createHook: (options: { secret: string; tickets: string }) => Server;
}> => await import(pathToFileURL(join(EXAMPLES, 'ticket-approval/hook.mjs')).href);

const tool = (name: string, more: Json = {}): Json => ({ name, inputSchema: { type: 'object' }, ...more });
const TOOLS = [
  tool('raw', { description: 'Says what it was sent, at some length.' }),
  tool('person'),
  tool('drop', { annotations: { destructiveHint: true } }),
  tool('secret'),
  tool('number'),
];
/** An argument of it travels as a header too. */
const MIRRORED = tool('mirrored', {
  inputSchema: { type: 'object', properties: { to: { type: 'string', 'x-mcp-header': 'To' } } },
});

/** What is answered by method; the digits of the bytes would be a card's. */
const READ: Readonly<Record<string, Json>> = {
  'prompts/get': { messages: [{ role: 'user', content: { type: 'text', text: 'Write to ann@example.com' } }] },
  'resources/read': {
    contents: [
      { uri: 'file:///notes', text: 'ann@example.com' },
      { uri: 'file:///photo', blob: '4111111111111111' },
    ],
  },
};

const isRead = (method: string | undefined): method is string => method !== undefined && Object.hasOwn(READ, method);
const isAnswered = (method: string | undefined, name: string): boolean =>
  (method === 'tools/call' || method === 'tasks/result') && ['person', 'drop', 'secret', 'mirrored'].includes(name);

/** Answers `person` with what nobody should read, and `drop` and `secret` with what they were sent. */
const upstream = (era: 'session' | 'stateless'): Promise<RawHttp> =>
  serveRaw({
    era,
    tools: era === 'stateless' ? [...TOOLS, MIRRORED] : TOOLS,
    prompts: [{ name: 'letter' }],
    resources: [{ uri: `file:///${era}`, name: 'notes' }],
    capabilities: { tasks: { requests: { tools: { call: {} } } } },
    before: ({ id, method, params }, wire) => {
      const name = method === 'tasks/result' ? 'person' : String(params?.['name']);
      if (params?.['task'] !== undefined) {
        const times = { createdAt: '2026-01-01T00:00:00Z', lastUpdatedAt: '2026-01-01T00:00:00Z', ttl: null };
        const task = { taskId: TASK, status: 'completed', ...times };
        wire.send(JSON.stringify({ jsonrpc: '2.0', id, result: { task } }));
        return true;
      }
      if (isRead(method)) {
        const kind = era === 'stateless' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {};
        wire.send(JSON.stringify({ jsonrpc: '2.0', id, result: { ...kind, ...READ[method] } }));
        return true;
      }
      if (!isAnswered(method, name)) return false;
      const said =
        name === 'person'
          ? 'ann@example.com pays with 4111 1111 1111 1111, order 4111111111111112'
          : JSON.stringify(params);
      const result = {
        ...(era === 'stateless' && { resultType: 'complete' }),
        ...(method === 'tasks/result' && { _meta: { 'io.modelcontextprotocol/related-task': { taskId: TASK } } }),
        content: [{ type: 'text', text: said }, PICTURE],
        structuredContent: { iban: 'GB82 WEST 1234 5698 7654 32', n: 12 },
        isError: name === 'person',
      };
      wire.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
      return true;
    },
  });

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const asked: Json[] = [];
/** What a hook of this test answers, by phase. */
const answers: Readonly<Record<string, (question: Json) => object>> = {
  list: ({ tools }) => ({
    action: 'replace',
    tools: (tools as Json[])
      .filter(({ name }) => name !== 'secret')
      .map(({ description, name }) => ({ name, ...(description !== undefined && { description: 'Says it.' }) })),
  }),
  'before-call': ({ arguments: args }) =>
    (args as Json)['odd'] === undefined ? { action: 'pass' } : { action: 'maybe' },
};
const tickets = createServer((request, response) => {
  const states: Readonly<Record<string, Json>> = {
    '/tickets/OPS-1': { state: 'approved', tool: 'db__drop', requester: 'local' },
    '/tickets/OPS-2': { state: 'open', tool: 'db__drop', requester: 'local' },
    '/tickets/OPS-3': { state: 'approved', tool: 'db__other', requester: 'local' },
  };
  const ticket = states[request.url ?? ''];
  response.writeHead(ticket === undefined ? 404 : 200).end(JSON.stringify(ticket ?? {}));
});
const hook = createServer((request, response) => {
  void text(request).then((body) => {
    const question = JSON.parse(body) as Json;
    asked.push(question);
    const answer = answers[String(question['phase'])]?.(question);
    response.writeHead(answer === undefined ? 500 : 200).end(JSON.stringify(answer ?? {}));
  });
});

let servers: Readonly<Record<'old' | 'fresh' | 'db', RawHttp>>;
let ticketHook: Server | undefined;
let hookUrl: string;
let started: Started;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const clients: Partial<Record<(typeof CLIENTS)[number], RawClient>> = {};

beforeAll(async () => {
  servers = { old: await upstream('session'), fresh: await upstream('stateless'), db: await upstream('session') };
  const { createHook } = await hookExample();
  ticketHook = createHook({ secret: SECRET, tickets: await listening(tickets) });
  const ticketUrl = await listening(ticketHook);
  hookUrl = await listening(hook);
  folder = await temporaryFolder();
  const configuration = {
    store: 'sqlite',
    mcpServers: {
      old: { url: servers.old.url },
      fresh: { url: servers.fresh.url },
      db: { url: servers.db.url },
      io: { command: process.execPath, args: [join(import.meta.dirname, 'raw-server.ts')] },
    },
    discovery: 'full',
    views: { found: { discovery: { mode: 'search' } } },
    policy: {
      rules: [
        { effect: 'deny', tools: ['old__drop'], when: "arguments.to == '[e-mail]'", reason: 'Not to a person.' },
        { effect: 'ask', tools: ['fresh__raw'], when: "'ask' in arguments" },
        { effect: 'allow', servers: ['*'] },
      ],
    },
    interceptors: [
      {
        name: 'pii',
        command: process.execPath,
        args: ['masker.mjs'],
        cwd: join(EXAMPLES, 'pii-masker'),
        sandbox: { network: [] },
        phases: ['before-call', 'after-call'],
        servers: ['old', 'fresh', 'io'],
        // The machine is busy while tests run.
        timeout: '20s',
      },
      { name: 'tickets', url: ticketUrl, secret: SECRET, phases: ['before-call'], tools: ['db__d*'], timeout: '20s' },
      { name: 'lists', url: hookUrl, phases: ['list'], servers: ['db'], timeout: '20s' },
      { name: 'odd', url: hookUrl, phases: ['before-call'], tools: ['db__number'], timeout: '20s' },
      { name: 'down', url: hookUrl, phases: ['after-call'], tools: ['db__person'], timeout: '20s' },
      { name: 'lax', url: hookUrl, phases: ['after-call'], tools: ['db__raw'], timeout: '20s', onError: 'open' },
    ],
  };
  started = await startGateway(configuration, { stateDirectory: folder.path });
  clients.session = await openSession(started.url);
  clients.stateless = stateless(started.url);
});
afterAll(async () => {
  await started?.[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
  for (const each of Object.values(servers)) await each[Symbol.asyncDispose]();
  for (const each of [tickets, ticketHook, hook]) each?.close();
});

const call = (era: (typeof CLIENTS)[number], name: string, args: Json = {}): Promise<Message> =>
  (clients[era] as RawClient).call('tools/call', { name, arguments: args });

describe.each(CLIENTS)('a client of the %s era', (era) => {
  it.each(['old', 'fresh'] as const)('reads no personal data of %s, and pictures as they are', async (server) => {
    const { result } = await call(era, `${server}__person`);
    expect(result).toMatchObject({
      content: [{ type: 'text', text: '[e-mail] pays with [card], order 4111111111111112' }, PICTURE],
      structuredContent: { iban: '[IBAN]', n: 12 },
      isError: true,
    });
    expect(result?.['resultType']).toBe(era === 'stateless' ? 'complete' : undefined);
  });

  it.each([
    ['old', 'session'],
    ['fresh', 'stateless'],
  ])('reads no personal data in prompts and resources of %s', async (server, uri) => {
    const client = clients[era] as RawClient;
    const { result: prompt } = await client.call('prompts/get', { name: `${server}__letter` });
    expect(prompt?.['messages']).toEqual([{ role: 'user', content: { type: 'text', text: 'Write to [e-mail]' } }]);
    const { result: read } = await client.call('resources/read', { uri: `file:///${uri}` });
    expect(read?.['contents']).toEqual([
      { uri: 'file:///notes', text: '[e-mail]' },
      { uri: 'file:///photo', blob: '4111111111111111' },
    ]);
  });

  it.each(['old', 'fresh', 'io'])('sends no personal data to %s', async (server) => {
    const { result } = await call(era, `${server}__raw`, { to: 'ann@example.com', n: [1, '+49 30 1234567'] });
    const { params } = JSON.parse(textOf({ result } as Message)) as { params: { arguments: Json } };
    expect(params.arguments).toEqual({ to: '[e-mail]', n: [1, '[phone]'] });
  });

  it('is decided again by the arguments that would be sent', async () => {
    expect(await call(era, 'old__drop', { to: 'nobody' })).toHaveProperty('result');
    const refused = await call(era, 'old__drop', { to: 'ann@example.com' });
    expect(refused.error).toMatchObject({ code: -31003, message: 'Refused by policy: Not to a person.' });
  });

  it('needs an approved ticket for what destroys', async () => {
    const before = servers.db.server.of('tools/call').length;
    const none = await call(era, 'db__drop', { table: 't' });
    expect(none.error?.message).toContain('needs an approved ticket');
    expect(none.error?.data).toMatchObject({ reason: 'interceptor' });
    for (const ticket of ['OPS-2', 'OPS-3', 'OPS-4', '../x']) {
      expect((await call(era, 'db__drop', { table: 't', ticket })).error?.code, ticket).toBe(-31003);
    }
    expect(servers.db.server.of('tools/call')).toHaveLength(before);
    const made = await call(era, 'db__drop', { table: 't', ticket: 'OPS-1' });
    expect((JSON.parse(textOf(made)) as Json)['arguments']).toEqual({ table: 't' });
  });

  it('sees lists as they were left, and can call nothing else', async () => {
    const { result } = await (clients[era] as RawClient).call('tools/list');
    const tools = result?.['tools'] as Json[];
    const listed = tools.filter(({ name }) => String(name).startsWith('db__'));
    expect(listed.map(({ name, description }) => [name, description])).toEqual([
      ['db__raw', 'Says it.'],
      ['db__person', undefined],
      ['db__drop', undefined],
      ['db__number', undefined],
    ]);
    expect((await call(era, 'db__secret')).error).toMatchObject({ code: -32602, message: 'Unknown tool: db__secret' });
    expect(await call(era, 'fresh__secret')).toHaveProperty('result');
  });

  it('is refused what cannot be checked, and nothing else', async () => {
    const odd = await call(era, 'db__number', { n: 1, odd: true });
    expect(odd.error).toMatchObject({ code: -31003, data: { reason: 'interceptor' } });
    expect(textOf(await call(era, 'db__number', { n: 7 }))).toBe('7');
    const down = await call(era, 'db__person');
    expect(down.error?.message).toBe('The result of the call could not be checked, so it is withheld.');
    expect(JSON.stringify(down)).not.toContain('ann@example.com');
    // This one is open.
    expect(textOf(await call(era, 'db__raw', { n: 3 }))).toContain('"n":3');
  });
});

describe('what was taken out of a list', () => {
  it('is found and called by no other way', async () => {
    const client = stateless(`${started.url}/v/found`);
    const found = await client.call('tools/call', { name: 'find_tools', arguments: { query: 'secret' } });
    expect(textOf(found)).toContain('fresh__secret');
    expect(textOf(found)).not.toContain('db__secret');
    const through = await client.call('tools/call', {
      name: 'call_tool',
      arguments: { name: 'db__secret', arguments: {} },
    });
    expect(through.error).toMatchObject({ code: -32602, message: 'Unknown tool: db__secret' });
    expect(servers.db.server.of('tools/call').some(({ params }) => params?.['name'] === 'secret')).toBe(false);
  });
});

describe('the result of a task', () => {
  it('is that of the tool which made it, and its id stays the gateway’s', async () => {
    const client = clients.session as RawClient;
    const made = await client.call('tools/call', { name: 'old__person', arguments: {}, task: {} });
    const task = made.result?.['task'] as { readonly taskId: string };
    const read = await client.call('tasks/result', { taskId: task.taskId });
    expect(textOf(read)).toContain('[e-mail] pays with [card]');
    expect(JSON.stringify(read)).not.toContain(TASK);
  });
});

describe('an argument that travels as a header', () => {
  it('is held against what the client sent, and sent on as what it has become', async () => {
    const calling = (header: string): Promise<Message> => {
      const params = { name: 'fresh__mirrored', arguments: { to: 'ann@example.com' } };
      return (clients.stateless as RawClient).call('tools/call', params, { headers: { 'mcp-param-to': header } });
    };
    expect(JSON.parse(textOf(await calling('ann@example.com')))).toMatchObject({ arguments: { to: '[e-mail]' } });
    expect(servers.fresh.posts.at(-1)?.headers).toMatchObject({ 'mcp-param-to': '[e-mail]' });
    expect((await calling('[e-mail]')).error?.code).toBe(-32020);
  });
});

describe('a person', () => {
  it('is asked about what would be sent', async () => {
    const client = stateless(started.url, { elicitation: { form: {} } });
    const params = { name: 'fresh__raw', arguments: { ask: 'ann@example.com' } };
    const { result } = await client.call('tools/call', params);
    const [[key, question] = ['', {}]] = Object.entries(result?.['inputRequests'] as Record<string, Json>);
    expect(JSON.stringify(question)).toContain('[e-mail]');
    expect(JSON.stringify(question)).not.toContain('ann@example.com');
    const inputResponses = { [key]: { action: 'accept', content: { approve: true } } };
    const answer = { ...params, inputResponses, requestState: result?.['requestState'] };
    const made = await client.call('tools/call', answer);
    expect(JSON.parse(textOf(made))).toMatchObject({ params: { arguments: { ask: '[e-mail]' } } });
  });
});

describe('a call through a tool of the gateway', () => {
  it('is shown to interceptors as the call that it stands for', async () => {
    const client = stateless(`${started.url}/v/found`);
    const made = await client.call('tools/call', {
      name: 'call_tool',
      arguments: { name: 'old__person', arguments: {} },
    });
    expect(JSON.stringify(made)).toContain('[e-mail] pays with [card]');
  });
});

describe('a reload', () => {
  it('adds an interceptor, and takes none away', async () => {
    const file = join(folder.path, 'reloaded.json');
    const without = {
      mcpServers: { db: { url: servers.db.url } },
      discovery: 'full',
      guard: { pins: { mode: 'off' } },
    };
    await using reloaded = await startGateway(without, { file });
    const client = stateless(reloaded.url);
    const number = (): Promise<Message> =>
      client.call('tools/call', { name: 'db__number', arguments: { n: 5, odd: 1 } });
    expect(textOf(await number())).toBe('5');
    const odd = { name: 'odd', url: hookUrl, phases: ['before-call'], timeout: '20s' };
    await writeFile(file, configurationText({ ...without, interceptors: [odd] }));
    expect(await reloaded.gateway.reload()).toMatchObject({ status: 'applied' });
    expect((await number()).error?.data).toMatchObject({ reason: 'interceptor' });
    await writeFile(file, configurationText(without));
    expect(await reloaded.gateway.reload()).toMatchObject({ status: 'refused' });
    expect((await number()).error?.data).toMatchObject({ reason: 'interceptor' });
  });
});

describe('a question', () => {
  it('says who calls what, and no more than that', async () => {
    await call('stateless', 'db__number', { n: 8 });
    const { requestId, ...question } = asked.findLast(({ phase }) => phase === 'before-call') as Json;
    expect(requestId).toMatch(/^[0-9a-f]{12}$/);
    expect(question).toEqual({
      phase: 'before-call',
      server: 'db',
      tool: 'db__number',
      name: 'db__number',
      principal: { issuer: 'local', subject: expect.any(String), roles: expect.any(Array) },
      arguments: { n: 8 },
    });
  });
});

describe('the audit trail', () => {
  it('says which interceptor did what to whose call, and nothing of what was in it', async () => {
    await call('session', 'old__drop', { to: 'eve@example.com' });
    await call('session', 'db__drop', { ticket: 'OPS-99' });
    const trail = async (): Promise<string> => {
      const path = join(folder.path, 'audit');
      const names = (await readdir(path)).filter((name) => name.endsWith('.jsonl'));
      return (await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')))).join('');
    };
    const facts = (interceptor: string, outcome: string): string =>
      `"interceptor":"${interceptor}","outcome":"${outcome}"`;
    await expect.poll(trail, { timeout: 10_000 }).toContain(facts('pii', 'replace'));
    await expect.poll(trail, { timeout: 10_000 }).toContain(facts('tickets', 'deny'));
    const records = (await trail()).split('\n').filter((line) => line.includes('"interceptor.before-call"'));
    const denied = JSON.parse(records.findLast((line) => line.includes(facts('tickets', 'deny'))) ?? '{}') as Json;
    expect(denied).toMatchObject({ type: 'server_access', decision: 'deny', server: 'db', target: 'db__drop' });
    expect(await trail()).not.toContain('eve@example');
  });
});

describe('the masker', () => {
  it.each([
    ['mail ann.b+c@mail.example.co.uk, please', 'mail [e-mail], please'],
    ['to ann@localhost', 'to ann@localhost'],
    ['4111 1111 1111 1111 12/26', '[card] 12/26'],
    ['4111-1111-1111-1111', '[card]'],
    ['378282246310005 or 3782 822463 10005', '[card] or [card]'],
    ['0.4111111111111111', '0.4111111111111111'],
    ['4111111111111112', '4111111111111112'],
    ['0000000000000000', '0000000000000000'],
    ['GB82 WEST 1234 5698 7654 32 IS MINE', '[IBAN] IS MINE'],
    ['de89370400440532013000', '[IBAN]'],
    ['GB83 WEST 1234 5698 7654 32', 'GB83 WEST 1234 5698 7654 32'],
    ['NL91ABNA0417164300 DE89 3704 0044 0532 0130 00', '[IBAN] [IBAN]'],
    ['call +49 (30) 123-4567 or 0049 30 1234567', 'call [phone] or [phone]'],
    ['1 + 2000000000', '1 + 2000000000'],
  ])('makes of %j %j', async (before, after) => {
    expect((await maskerExample()).masked(before)).toBe(after);
  });

  it.each([{ content: [null] }, { content: 7 }, { contents: [null] }, { messages: [{}] }])(
    'refuses what it cannot look through, and lives on: %j',
    async (result) => {
      const { safeAnswerTo } = await maskerExample();
      expect(safeAnswerTo({ phase: 'after-call', result })).toMatchObject({ action: 'deny' });
    },
  );

  it('leaves bytes and what has nothing in it', async () => {
    const { answerTo } = await maskerExample();
    const blob = { type: 'resource', resource: { uri: 'file:///a', blob: '4111111111111111' } };
    const result = { isError: false, content: [PICTURE, blob], structuredContent: { n: 1, list: [null, true] } };
    expect(answerTo({ phase: 'after-call', result })).toEqual({ action: 'pass' });
    expect(answerTo({ phase: 'after-call', result: { structuredContent: { to: 'a@b.example' } } })).toEqual({
      action: 'replace',
      result: { content: [], structuredContent: { to: '[e-mail]' } },
    });
    expect(answerTo({ phase: 'before-call' })).toEqual({ action: 'pass' });
    expect(answerTo({ phase: 'before-call', arguments: { card: 4111111111111111, 'a@b.example': [] } })).toEqual({
      action: 'replace',
      arguments: { card: '[card]', '[e-mail]': [] },
    });
  });
});
