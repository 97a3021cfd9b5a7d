/** The servers of examples/servers do what they say, each as the process that a stranger starts. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type Client, type ConnectOptions } from '@sallyport/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIdentityProvider } from './support/identity-provider.ts';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { start, type Running } from './support/process.ts';

const examples = fileURLToPath(new URL('../examples/servers/', import.meta.url));
const KEY = 'a-key-of-ann-which-is-long-enough-for-anybody';

let home: TemporaryHome;
beforeAll(async () => {
  home = await temporaryHome();
});
afterAll(async () => home.remove());

interface Serving extends AsyncDisposable {
  readonly url: string;
  readonly stop: Running['stop'];
}

/** Starts an example on a free port. */
async function serving(name: string, env: Record<string, string> = {}): Promise<Serving> {
  const running = start(process.execPath, [join(examples, name, 'server.ts')], {
    env: { ...home.env, PORT: '0', ...env },
    cwd: home.path,
  });
  const [url] = await running.untilLine(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
  return { url, stop: () => running.stop(), [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

const textOf = async (client: Client, tool: string, args = {}): Promise<string | undefined> =>
  (await client.callTool(tool, args)).content[0]?.text;

/** Whatever the page is made of is there. */
async function expectParts(url: string, page: string, count: number): Promise<void> {
  const parts = [...page.matchAll(/ (?:href|src)="([^"]+)"/g)].map(([, path = '']) => path);
  expect(parts).toHaveLength(count);
  for (const path of parts) expect([path, (await fetch(new URL(path, url))).status]).toEqual([path, 200]);
}

describe('hello', () => {
  it('greets, and ends when it is asked to', async () => {
    await using server = await serving('hello');
    const { url } = server;
    const client = await connect(url);
    expect(await textOf(client, 'hello', { name: 'Ann' })).toBe('Hello, Ann!');
    expect(await client.callTool('hello', { name: '' })).toMatchObject({ isError: true });
    await client.close();
    expect((await server.stop()).code).toBe(0);
  });
});

describe('multi-transport', () => {
  it('counts for clients of four transports at once', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const onDiagnostic: ConnectOptions['onDiagnostic'] = ({ text }) => {
      const url = /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(text)?.[0];
      if (url !== undefined) resolve(url);
    };
    const target = {
      command: process.execPath,
      args: [join(examples, 'multi-transport/server.ts')],
      env: { PORT: '0' },
    };
    await using first = await connect(target, { onDiagnostic });
    const url = new URL(await promise);
    await using http = await connect(url.href);
    await using ws = await connect(url.href.replace('http:', 'ws:'));
    await using sse = await connect({ url: new URL('/sse', url), type: 'sse' });
    const values: unknown[] = [];
    for (const client of [first, http, ws, sse]) values.push((await client.callTool('count')).structuredContent);
    expect(values).toEqual([
      { value: 1, transport: 'stdio' },
      { value: 2, transport: 'http' },
      { value: 3, transport: 'ws' },
      { value: 4, transport: 'sse' },
    ]);
  });

  it('tells one client what another has changed', async () => {
    await using server = await serving('multi-transport');
    const { url } = server;
    await using one = await connect(url, { era: 'session' });
    await using other = await connect(url);
    const told = new Promise((resolve) => one.on('resourceUpdated', resolve));
    await one.subscribe('counter://value');
    await other.callTool('count', { by: 5 });
    expect(await told).toEqual({ uri: 'counter://value' });
    expect((await one.readResource('counter://value')).contents[0]?.text).toBe('5');
  });
});

describe('files', () => {
  it('reads and writes below its folder, and nothing else by any way', async () => {
    const folder = join(home.path, 'workspace');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    writeFileSync(join(home.path, 'secret.txt'), 'mine');
    writeFileSync(join(folder, 'a.txt'), 'A');
    symlinkSync(join(home.path, 'secret.txt'), join(folder, 'link.txt'));
    symlinkSync('..', join(folder, 'up'));
    await using client = await connect({
      command: process.execPath,
      args: [join(examples, 'files/server.ts'), folder],
    });
    expect((await client.callTool('list_files')).structuredContent).toEqual({
      entries: ['a.txt', 'link.txt', 'sub/', 'up'],
      more: false,
    });
    expect(await textOf(client, 'read_file', { path: 'a.txt' })).toBe('A');
    expect(await textOf(client, 'write_file', { path: 'new/b.txt', text: 'B' })).toBe('Wrote new/b.txt.');
    expect(readFileSync(join(folder, 'new/b.txt'), 'utf8')).toBe('B');
    expect(await textOf(client, 'write_file', { path: 'a.txt', text: 'x' })).toBe('a.txt is there already.');
    expect(await textOf(client, 'write_file', { path: 'a.txt', text: 'x', replace: true })).toBe('Wrote a.txt.');
    expect((await client.readResource('workspace:///a.txt')).contents[0]?.text).toBe('x');
    for (const path of [
      '../secret.txt',
      join(home.path, 'secret.txt'),
      'link.txt',
      'up/secret.txt',
      'sub/../../secret.txt',
    ]) {
      for (const [tool, more] of [
        ['read_file', {}],
        ['write_file', { text: 'x', replace: true }],
      ] as const) {
        const result = await client.callTool(tool, { path, ...more });
        expect(result, `${tool} ${path}`).toMatchObject({ isError: true });
        expect(result.content[0]?.text).toContain('Give a relative path inside the root.');
      }
    }
    expect(readFileSync(join(home.path, 'secret.txt'), 'utf8')).toBe('mine');
    await expect(client.readResource('workspace:///..%2Fsecret.txt')).rejects.toThrow('inside the root');
    expect(await textOf(client, 'read_file', { path: 'nothing.txt' })).toBe('There is no nothing.txt.');
    expect(await textOf(client, 'read_file', { path: 'sub' })).toContain('sub is no file.');
  });
});

describe('notes', () => {
  it('keeps notes of each principal apart, over a restart, and shows them escaped', async () => {
    const env = { NOTES_DB: join(home.path, 'notes.db'), NOTES_KEY: KEY };
    await using first = await serving('notes', env);
    const asked: string[] = [];
    const form = ({ message }: { message: string }): { action: 'accept'; content: { sure: boolean } } => {
      asked.push(message);
      return { action: 'accept', content: { sure: true } };
    };
    {
      await using local = await connect(first.url, { elicitation: { form } });
      await using ann = await connect({ url: first.url, headers: { authorization: `Bearer ${KEY}` } });
      await local.callTool('add_note', { title: '<b>Milk</b>', text: 'Two litres' });
      const { structuredContent } = await ann.callTool('add_note', { title: 'Ann’s', text: 'A secret' });
      const { id } = structuredContent as { id: number };
      expect((await local.callTool('search_notes')).structuredContent).toMatchObject({ notes: [{ id: 1 }] });
      expect((await ann.callTool('search_notes', { words: 'SECRET' })).structuredContent).toMatchObject({
        notes: [{ id }],
      });
      expect(await textOf(local, 'delete_note', { id })).toBe(`There is no note ${id}.`);
      await expect(local.readResource(`notes:///${id}`)).rejects.toThrow(`There is no note ${id}.`);
      expect((await ann.readResource(`notes:///${id}`)).contents[0]?.text).toBe('A secret');
      await local.callTool('add_note', { title: 'Old', text: 'x' });
      expect(await textOf(local, 'delete_note', { id: 3 })).toBe('Deleted note 3.');
      expect(asked).toEqual(['Delete the note “Old”?']);
    }
    expect((await first.stop()).code).toBe(0);

    await using again = await serving('notes', env);
    const page = await fetch(new URL('/?q=milk', again.url));
    const text = await page.text();
    expect(text).toContain('&lt;b&gt;Milk&lt;/b&gt;');
    expect(text).not.toContain('A secret');
    await expectParts(page.url, text, 2);
    expect(page.headers.get('content-security-policy')).toContain('default-src');
    const foreign = await fetch(new URL('/', again.url), { headers: { origin: 'https://evil.example' } });
    expect(foreign.status).toBe(403);
  });
});

describe('kanban', () => {
  it('is a board for models, with a page that shows it live', async () => {
    await using server = await serving('kanban');
    const { url } = server;
    const form = () => ({ action: 'accept' as const, content: { sure: true } });
    const client = await connect(url, { elicitation: { form } });
    const tools = await client.listTools();
    expect(tools).toHaveLength(20);
    const call = async (tool: string, args = {}): Promise<unknown> => {
      const { content, isError } = await client.callTool(tool, args);
      const text = content[0]?.text ?? '';
      expect(isError, `${tool}: ${text}`).not.toBe(true);
      return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
    };

    const page = await fetch(new URL('/', url));
    await expectParts(page.url, await page.text(), 3);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const events = await fetch(new URL('/events', url));
    const stream = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    let shown = '';
    const until = async (part: string): Promise<void> => {
      while (!shown.includes(part)) {
        const { done, value } = await stream.read();
        if (done) throw new Error(`the page was not told of ${part}`);
        shown += value;
      }
    };
    await until('data: []');

    const board = (await call('create_board', { name: 'House' })) as { id: number; columns: { id: number }[] };
    const [todo, doing] = board.columns.map(({ id }) => id);
    const card = (await call('add_card', { column: todo, title: 'Paint <b>walls</b>' })) as { id: number };
    await until('Paint <b>walls</b>');
    await client.subscribe(`kanban:///cards/${card.id}`);
    const told = new Promise((resolve) => client.on('resourceUpdated', resolve));
    await call('move_card', { id: card.id, column: doing });
    expect(await told).toEqual({ uri: `kanban:///cards/${card.id}` });
    await call('assign_card', { id: card.id, assignee: 'Ann' });
    await call('tag_card', { id: card.id, tag: 'indoors' });
    await call('comment_card', { id: card.id, text: 'Which colour?' });
    await call('edit_card', { id: card.id, text: 'White.' });
    expect(await call('get_card', { id: card.id })).toMatchObject({
      column: 'Doing',
      assignee: 'Ann',
      tags: ['indoors'],
      text: 'White.',
      comments: [{ by: 'local', text: 'Which colour?' }],
    });
    expect(await call('board_stats', { id: board.id })).toMatchObject({ assignees: { Ann: 1 }, tags: { indoors: 1 } });
    expect(await call('search_cards', { words: 'WHITE' })).toEqual([
      { id: card.id, title: 'Paint <b>walls</b>', board: 'House', column: 'Doing' },
    ]);
    await call('untag_card', { id: card.id, tag: 'indoors' });
    const added = (await call('add_column', { board: board.id, name: 'Later' })) as { id: number };
    await call('move_column', { id: added.id, position: 0 });
    await call('rename_column', { id: added.id, name: 'Some day' });
    await call('rename_board', { id: board.id, name: 'Home' });
    const whole = (await call('get_board', { id: board.id })) as { name: string; columns: { name: string }[] };
    expect([whole.name, ...whole.columns.map(({ name }) => name)]).toEqual([
      'Home',
      'Some day',
      'To do',
      'Doing',
      'Done',
    ]);
    expect((await client.callTool('delete_column', { id: doing! })).content[0]?.text).toContain('move them first');
    await call('delete_column', { id: added.id });
    const prompt = await client.getPrompt('standup', { board: String(board.id) });
    expect(prompt.messages[0]?.content.text).toContain('Paint');
    const resources = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['kanban:///boards', `kanban:///boards/${board.id}`]);
    await call('delete_card', { id: card.id });
    await expect(client.readResource(`kanban:///cards/${card.id}`)).rejects.toThrow(`There is no card ${card.id}.`);
    expect(await call('delete_board', { id: board.id })).toBe('Deleted.');
    expect(await call('list_boards')).toEqual([]);
    await client.close();
    expect((await server.stop()).code).toBe(0);
  });
});

describe('oidc', () => {
  it('lets in whoever has a token for it, as far as roles and scopes go', async () => {
    const secret = 'a secret of this client alone';
    const clerk = { id: 'clerk', secret, roles: ['staff'] };
    const boss = { id: 'boss', secret, roles: ['staff', 'admin'] };
    await using provider = await openIdentityProvider('jwt', [clerk, boss]);
    await using server = await serving('oidc', { OIDC_ISSUER: provider.issuer });
    const { url } = server;
    const named = async (client: Client): Promise<string[]> => (await client.listTools()).map(({ name }) => name);
    const connectAs = async ({ id }: { id: string }, scope: string): Promise<Client> =>
      await connect(url, {
        oauth: { grant: 'client_credentials', clientId: id, clientSecret: secret, scopes: scope.split(' ') },
      });

    await expect(connect(url)).rejects.toMatchObject({ code: 'unauthorized' });
    const metadata = await fetch(new URL('/.well-known/oauth-protected-resource/mcp', url));
    expect(await metadata.json()).toMatchObject({ resource: url, authorization_servers: [provider.issuer] });

    await using first = await connectAs(clerk, 'mcp read');
    expect(await named(first)).toEqual(['whoami', 'read_report', 'publish_report']);
    expect((await first.callTool('whoami')).structuredContent).toMatchObject({
      roles: ['staff'],
      scopes: ['mcp', 'read'],
    });
    expect(await textOf(first, 'read_report', { year: '2025' })).toBe('All went well.');
    await expect(first.callTool('delete_reports')).rejects.toMatchObject({ code: 'rpc' });

    // A token that is all there is cannot become more; a client that can ask for more does so.
    const headers = { authorization: `Bearer ${await provider.token(clerk, url, 'mcp')}` };
    await using bare = await connect({ url, headers });
    await expect(bare.callTool('publish_report', { year: '2026', text: 'x' })).rejects.toMatchObject({ status: 403 });
    expect(await textOf(first, 'publish_report', { year: '2026', text: 'Better.' })).toBe('Published 2026.');
    const forOthers = { authorization: `Bearer ${await provider.token(clerk, 'https://other.example/mcp', 'mcp')}` };
    await expect(connect({ url, headers: forOthers })).rejects.toMatchObject({ code: 'unauthorized' });

    await using second = await connectAs(boss, 'mcp');
    expect(await named(second)).toContain('delete_reports');
    expect(await textOf(second, 'delete_reports')).toBe('Deleted.');
  });
});
