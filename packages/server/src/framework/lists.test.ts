import type { JsonObject, JsonValue } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { connectInMemory, type InMemoryClient } from '../kit/client.ts';
import { fakePrincipal } from '../kit/principal.ts';
import type { Exchange } from '../exchange.ts';
import { createServer, type McpServer } from './server.ts';

function withTools(count: number, pageSize: number): { server: McpServer; tools: { remove(): void }[] } {
  const server = createServer({ name: 'test', version: '1.0.0', pageSize });
  const tools = Array.from({ length: count }, (_each, index) => server.addTool({ name: `tool-${index}` }, () => ''));
  return { server, tools };
}

function namesOf(page: JsonObject): JsonValue[] {
  return (page['tools'] as { name: string }[]).map(({ name }) => name);
}

async function pagesOf(client: InMemoryClient): Promise<JsonValue[][]> {
  const pages: JsonValue[][] = [];
  let cursor: JsonValue | undefined;
  do {
    const page = await client.request('tools/list', cursor === undefined ? {} : { cursor });
    pages.push(namesOf(page));
    cursor = page['nextCursor'];
  } while (cursor !== undefined);
  return pages;
}

describe('pages of a list', () => {
  it.each([
    [0, [0]],
    [1, [1]],
    [3, [3]],
    [4, [3, 1]],
    [6, [3, 3]],
    [7, [3, 3, 1]],
  ])('of %d tools at three a page have %j, each once', async (count, sizes) => {
    const pages = await pagesOf(await connectInMemory(withTools(count, 3).server));
    expect(pages.map(({ length }) => length)).toEqual(sizes);
    expect(new Set(pages.flat()).size).toBe(count);
  });

  it('lose and repeat nothing when the list changes between them', async () => {
    const { server, tools } = withTools(6, 2);
    const client = await connectInMemory(server);
    const first = await client.request('tools/list');
    tools[0]?.remove();
    tools[2]?.remove();
    server.addTool({ name: 'new' }, () => '');
    const second = await client.request('tools/list', { cursor: first['nextCursor'] ?? null });
    const third = await client.request('tools/list', { cursor: second['nextCursor'] ?? null });
    expect([first, second, third].map(namesOf)).toEqual([
      ['tool-0', 'tool-1'],
      ['tool-3', 'tool-4'],
      ['tool-5', 'new'],
    ]);
  });

  it('are found by no cursor that was not given out for the list', async () => {
    const { server } = withTools(6, 2);
    const client = await connectInMemory(server);
    const cursor = (await client.request('tools/list'))['nextCursor'] as string;
    const other = await connectInMemory(withTools(6, 2).server);
    const changed = `${cursor.slice(0, -4)}AAAA`;
    for (const wrong of [changed, `${cursor}A`, '', 'x', 5, null, 'x'.repeat(10_000)]) {
      await expect(client.request('tools/list', { cursor: wrong })).rejects.toMatchObject({ code: -32602 });
    }
    await expect(client.request('prompts/list', { cursor })).rejects.toMatchObject({ code: -32602 });
    await expect(other.request('tools/list', { cursor })).rejects.toMatchObject({ code: -32602 });
  });

  it('of replicas with one key are found by each other’s cursors', async () => {
    const cursorKey = new Uint8Array(32).fill(7);
    const replica = async (): Promise<InMemoryClient> => {
      const server = createServer({ name: 'test', version: '1.0.0', pageSize: 1, cursorKey });
      for (const name of ['a', 'b']) server.addTool({ name }, () => '');
      return await connectInMemory(server, { era: 'stateless' });
    };
    const cursor = (await (await replica()).request('tools/list'))['nextCursor'] ?? null;
    expect(namesOf(await (await replica()).request('tools/list', { cursor }))).toEqual(['b']);
    expect(() => createServer({ name: 'a', version: '1', cursorKey: new Uint8Array(8) })).toThrow(/32 bytes/);
  });
});

describe('a list', () => {
  it('says how long it holds in the stateless era alone', async () => {
    const { server } = withTools(1, 3);
    expect(await (await connectInMemory(server, { era: 'stateless' })).request('tools/list')).toMatchObject({
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'test', version: '1.0.0' } },
    });
    expect(Object.keys(await (await connectInMemory(server)).request('tools/list'))).toEqual(['tools']);
  });

  it('is written once for all who see the same', async () => {
    const server = createServer({ name: 'test', version: '1.0.0' });
    server.addTool({ name: 'open' }, () => '');
    server.addTool({ name: 'closed', requireRole: 'admin' }, () => '');
    const list = (subject: string, roles: string[]): Promise<unknown> =>
      server.served.handle({
        message: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
        era: 'session',
        transport: 'http',
        endpoint: '/mcp',
        principal: fakePrincipal({ subject, roles }),
        client: { info: undefined, capabilities: {} },
        session: undefined,
      } as Partial<Exchange> as Exchange);
    const alice = await list('alice', []);
    expect(await list('bob', ['user'])).toBe(alice);
    const admin = await list('carol', ['admin']);
    expect(admin).not.toEqual(alice);
    expect(await list('dave', ['user', 'admin'])).toBe(admin);
    server.addTool({ name: 'another' }, () => '');
    expect(await list('alice', [])).not.toEqual(alice);
  });

  it('knows no page size of nothing', () => {
    expect(() => createServer({ name: 'a', version: '1', pageSize: 0 })).toThrow(/pageSize/);
    expect(() => createServer({ name: '', version: '1' })).toThrow(/name/);
  });
});
