/** Many servers as one: names, order, owners, pages, arguments, on real servers and on made-up ones. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openSdk1, openSdk2 } from '../support/clients.ts';
import { startGateway, temporaryFolder } from './gateway.ts';
import { openSession, stateless, textOf } from './raw-client.ts';
import type { Message } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';

const real = (name: string, ...args: string[]): object => ({
  command: process.execPath,
  args: [
    fileURLToPath(new URL(`../../node_modules/@modelcontextprotocol/${name}/dist/index.js`, import.meta.url)),
    ...args,
  ],
});
const EVERYTHING = fileURLToPath(new URL('../everything/server.ts', import.meta.url));

const names = ({ result }: Message): string[] =>
  ((result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name);
const plainTool = (name: string): Record<string, unknown> => ({ name, inputSchema: { type: 'object' } });

describe('four real servers at once', () => {
  it('are one catalogue in both eras, and the same bytes after a restart', { timeout: 60_000 }, async () => {
    await using folder = await temporaryFolder();
    const configuration = {
      mcpServers: {
        thinking: real('server-sequential-thinking'),
        files: {
          ...real('server-filesystem', folder.path),
          tools: { deny: ['write_*', 'edit_*', 'move_*', 'create_*'] },
        },
        memory: { ...real('server-memory'), env: { MEMORY_FILE_PATH: `${folder.path}/memory.json` } },
        all: { command: process.execPath, args: [EVERYTHING, '--stdio'] },
      },
      store: 'sqlite',
      limits: { listDeadline: '30s' },
    };
    const bytes: string[] = [];
    for (const run of [1, 2]) {
      await using started = await startGateway(configuration, { stateDirectory: folder.path });
      const reply = await (await openSession(started.url)).start('tools/list');
      const { text, message } = await reply.last;
      bytes[run] = text;
      const servers = names(message).map((name) => name.split('__')[0]);
      expect([...new Set(servers)]).toEqual(['thinking', 'files', 'memory', 'all']);
      expect(names(message)).not.toContain('files__write_file');
      expect(message.result?.['_meta']).toBeUndefined();
      for (const opened of [await openSdk1(started.url), await openSdk2(started.url, { era: 'stateless' })]) {
        await using _ = opened;
        const { client } = opened as Awaited<ReturnType<typeof openSdk1>>;
        const calls = [
          client.callTool({ name: 'files__list_allowed_directories', arguments: {} }),
          client.callTool({ name: 'memory__read_graph', arguments: {} }),
          client.callTool({ name: 'all__echo', arguments: { text: 'hi' } }),
          client.callTool({
            name: 'thinking__sequentialthinking',
            arguments: { thought: 't', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 },
          }),
        ];
        for (const result of await Promise.all(calls)) expect(result.isError ?? false).toBe(false);
        await expect(client.callTool({ name: 'files__write_file', arguments: {} })).rejects.toThrow(/Unknown tool/);
      }
    }
    expect(bytes[2]).toBe(bytes[1]);
  });
});

describe('a large catalogue', () => {
  it('is fetched page by page, every page', async () => {
    const many = (prefix: string): { name: string }[] =>
      Array.from({ length: 95 }, (_, n) => ({ name: `${prefix}${n}` }));
    await using server = await serveRaw({
      era: 'stateless',
      tools: many('t').map(({ name }) => plainTool(name)),
      prompts: many('p'),
      resources: many('r').map(({ name }) => ({ name, uri: `raw://${name}` })),
      templates: many('x').map(({ name }) => ({ name, uriTemplate: `raw://${name}/{id}` })),
      pageSize: 10,
    });
    await using started = await startGateway({ mcpServers: { up: { url: server.url } } });
    const client = stateless(started.url);
    for (const [method, member] of [
      ['tools/list', 'tools'],
      ['prompts/list', 'prompts'],
      ['resources/list', 'resources'],
      ['resources/templates/list', 'resourceTemplates'],
    ] as const) {
      const { result } = await client.call(method);
      expect(result?.[member]).toHaveLength(95);
      expect(result).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
      expect(server.server.of(method)).toHaveLength(10);
    }
  });
});

describe('two servers with the same offer', () => {
  const offer = {
    tools: [plainTool('raw'), plainTool('number')],
    prompts: [{ name: 'greet' }],
    resources: [{ name: 'same', uri: 'raw://same' }],
    templates: [{ name: 'any', uriTemplate: 'raw://any/{id}' }],
  };
  const own = {
    ...offer,
    resources: [...offer.resources, { name: 'own', uri: 'own://b' }],
    templates: [{ name: 'own', uriTemplate: 'own://{id}' }],
  };

  it.each([
    ['prefixed', ['a__raw', 'a__number', 'b__raw', 'b__number'], ['a__greet', 'b__greet']],
    ['plain', ['raw', 'number'], ['greet']],
  ])('%s: each is reached under its own name, a shared one is the first server’s', async (naming, tools, prompts) => {
    await using a = await serveRaw({ era: 'stateless', ...offer });
    await using b = await serveRaw({ era: 'session', ...own });
    await using started = await startGateway({ mcpServers: { a: { url: a.url }, b: { url: b.url } }, naming });
    const client = await openSession(started.url);
    expect(names(await client.call('tools/list'))).toEqual(tools);
    const listed = (await client.call('prompts/list')).result?.['prompts'] as { name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(prompts);
    const counts = (): number[] =>
      [a, b].map(
        ({ server }) =>
          server.of('resources/read').length +
          server.of('prompts/get').length +
          server.of('completion/complete').length,
      );
    await client.call('prompts/get', { name: prompts[0] });
    await client.call('resources/read', { uri: 'raw://same' });
    await client.call('resources/read', { uri: 'raw://any/7' });
    expect(counts()).toEqual([3, 0]);
    await client.call('resources/read', { uri: 'own://b' });
    await client.call('resources/read', { uri: 'own://c' });
    expect(counts()).toEqual([3, 2]);
    expect(await client.call('resources/read', { uri: 'else://x' })).toMatchObject({ error: { code: -32002 } });
    const argument = { name: 'x', value: '' };
    const complete = async (ref: object): Promise<unknown> => {
      const { result } = await client.call('completion/complete', { ref, argument });
      return ((result?.['completion'] ?? {}) as { values?: string[] }).values;
    };
    expect(await complete({ type: 'ref/prompt', name: prompts[0] })).toEqual(['{"type":"ref/prompt","name":"greet"}']);
    expect(await complete({ type: 'ref/resource', uri: 'raw://any/{id}' })).toEqual([
      '{"type":"ref/resource","uri":"raw://any/{id}"}',
    ]);
    expect(counts()).toEqual([5, 2]);
    expect(await complete({ type: 'ref/resource', uri: 'own://{id}' })).toEqual([
      '{"type":"ref/resource","uri":"own://{id}"}',
    ]);
    expect(counts()).toEqual([5, 3]);
    // With several servers nobody can know whose an unknown method is.
    expect(await client.call('vendor/method', {})).toMatchObject({ error: { code: -32601 } });
  });
});

describe('a server that completes nothing', () => {
  it('is not asked to', async () => {
    await using server = await serveRaw({ era: 'session', resources: [{ name: 'a', uri: 'raw://a' }] });
    await using started = await startGateway({ mcpServers: { up: { url: server.url } } });
    await started.gateway.rooms.catalog.root.ready();
    const params = { ref: { type: 'ref/resource', uri: 'raw://a' }, argument: { name: 'x', value: '' } };
    const { result } = await (await openSession(started.url)).call('completion/complete', params);
    expect(result).toEqual({ completion: { values: [], total: 0, hasMore: false } });
    expect(server.server.of('completion/complete')).toEqual([]);
  });
});

describe('what the configuration hides', () => {
  const offer = {
    tools: [plainTool('raw'), plainTool('number')],
    prompts: [{ name: 'greet' }],
    resources: [{ name: 'a', uri: 'raw://a' }],
  };

  it.each(['session', 'stateless'] as const)(
    'cannot be called by a client of the %s era, by any method',
    async (era) => {
      const seen: string[] = [];
      await using server = await serveRaw({
        era,
        ...offer,
        before: ({ method = '' }) => {
          if (!/list|initialize|discover|initialized|listen/.test(method)) seen.push(method);
          return false;
        },
      });
      const up = { url: server.url, tools: { deny: ['raw'] }, features: { prompts: false, resources: false } };
      await using started = await startGateway({ mcpServers: { up } });
      const client = era === 'session' ? await openSession(started.url) : stateless(started.url);
      expect(names(await client.call('tools/list'))).toEqual(['up__number']);
      for (const [method, member] of [
        ['prompts/list', 'prompts'],
        ['resources/list', 'resources'],
        ['resources/templates/list', 'resourceTemplates'],
      ] as const) {
        expect((await client.call(method)).result?.[member]).toEqual([]);
      }
      const refused: [string, Record<string, unknown>][] = [
        ['tools/call', { name: 'up__raw' }],
        ['tools/call', { name: 'raw' }],
        ['prompts/get', { name: 'up__greet' }],
        ['resources/read', { uri: 'raw://a' }],
        ['vendor/call', { name: 'raw' }],
        ['vendor/get', { name: 'greet' }],
        ['vendor/read', { uri: 'raw://a' }],
      ];
      for (const [method, params] of refused) expect((await client.call(method, params)).error).toBeDefined();
      expect(seen).toEqual([]);
      const { capabilities } = (await started.gateway.rooms.served.describe(
        { endpoint: '/mcp', principal: { issuer: 'local', subject: 'local', roles: [] } },
        era,
      )) as { capabilities: Record<string, unknown> };
      expect(Object.keys(capabilities).toSorted()).toEqual(['completions', 'logging', 'tools']);
    },
  );

  it('of arguments never arrives, neither in the body nor in a header', async () => {
    const inputSchema = {
      type: 'object',
      properties: {
        tenant: { type: 'string', 'x-mcp-header': 'Tenant' },
        region: { type: 'string', 'x-mcp-header': 'Region' },
        limit: { type: 'integer' },
        secret: { type: 'string' },
      },
      required: ['tenant', 'secret'],
    };
    await using server = await serveRaw({ era: 'stateless', tools: [{ name: 'raw', inputSchema }] });
    const rules = { tenant: { fix: 'ours' }, secret: { hide: true }, limit: { default: 5 } };
    const up = {
      url: server.url,
      tools: { arguments: { raw: rules }, rename: { raw: 'shown' }, describe: { raw: 'New.' } },
    };
    await using started = await startGateway({ mcpServers: { up } });
    const client = stateless(started.url);
    const { result } = await client.call('tools/list');
    expect(result?.['tools']).toEqual([
      {
        name: 'up__shown',
        description: 'New.',
        inputSchema: {
          type: 'object',
          properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, limit: { type: 'integer' } },
          required: [],
        },
      },
    ]);
    const args = { region: 'eu', tenant: 'theirs', secret: 'SESAME' };
    const headers = { 'mcp-param-region': 'eu', 'mcp-param-tenant': 'theirs', 'mcp-param-vendor': 'kept' };
    const seen = textOf(await client.call('tools/call', { name: 'up__shown', arguments: args }, { headers }));
    expect((JSON.parse(seen) as { params: object }).params).toMatchObject({
      name: 'raw',
      arguments: { region: 'eu', tenant: 'ours', limit: 5 },
    });
    expect(seen).not.toContain('SESAME');
    const post = server.posts.at(-1)?.headers;
    expect(post).toMatchObject({
      'mcp-name': 'raw',
      'mcp-method': 'tools/call',
      'mcp-param-tenant': 'ours',
      'mcp-param-region': 'eu',
      'mcp-param-vendor': 'kept',
    });
    const wrong = { ...headers, 'mcp-param-region': 'us' };
    const mismatch = await client.start('tools/call', { name: 'up__shown', arguments: args }, { headers: wrong });
    expect(mismatch.status).toBe(400);
    expect((await mismatch.last).message).toMatchObject({ error: { code: -32020 } });
  });
});

describe('instructions', () => {
  it('of all servers are given, cut', async () => {
    await using a = await serveRaw({ era: 'session', instructions: 'x'.repeat(500) });
    await using b = await serveRaw({ era: 'session', instructions: 'Short.' });
    await using started = await startGateway({ mcpServers: { a: { url: a.url }, b: { url: b.url } } });
    await started.gateway.rooms.catalog.root.ready();
    await using opened = await openSdk1(started.url);
    expect(opened.client.getInstructions()).toBe(`a: ${'x'.repeat(199)}…\nb: Short.`);
  });
});
