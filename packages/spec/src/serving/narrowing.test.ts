import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorkspaces } from '../workspace/workspace.ts';
import { settingsOf } from './environment.ts';
import { narrowingIn, readQueryFor } from './narrowing.ts';
import { serveSpec, type ServingSpec } from './serve.ts';

const KEY = 'a-key-for-this-test-0123456789-abcdef';

let base: string;
let root: string;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'spec-narrowing-')));
  root = join(base, 'root');
  await mkdir(join(root, 'inner', 'deep'), { recursive: true });
  await mkdir(join(root, 'beside'));
  await mkdir(join(base, 'root-evil'));
  await symlink(join(base, 'root-evil'), join(root, 'out'));
  await symlink(join(root, 'inner'), join(root, 'link'));
});

afterEach(async () => rm(base, { recursive: true, force: true }));

const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');

const withConfig = (config: string): URLSearchParams => new URLSearchParams({ config });

describe('P3-12 the query of a URL', () => {
  const readAs = (query: URLSearchParams, isAllowed = true): unknown =>
    readQueryFor(createWorkspaces({ roots: [root], now: () => 0 }), isAllowed)(query);

  it('narrows folder and time, the same place for all that means the same', () => {
    const inner = join(root, 'inner');
    const texts = [
      { workspacePath: inner, timeout: 5000 },
      { timeout: 5000, workspacePath: 'inner' },
      { workspacePath: join(root, 'link'), timeout: 5000 },
    ].map((config) => readAs(withConfig(encoded(config))));
    expect(new Set(texts).size).toBe(1);
    expect(narrowingIn(`/mcp?${String(texts[0])}`)).toEqual({ workspacePath: inner, longestMs: 5000 });
    const urlSafe = Buffer.from('{"workspacePath":"inner"}').toString('base64url');
    expect(readAs(withConfig(urlSafe))).toBe(readAs(withConfig(encoded({ workspacePath: inner }))));
    expect([readAs(withConfig(encoded({}))), readAs(new URLSearchParams('x=1'))]).toEqual(['', '']);
    expect(narrowingIn('/mcp')).toEqual({ workspacePath: undefined, longestMs: undefined });
  });

  it.each([
    ['not Base64', `${encoded({ timeout: 5 })}*`, /JSON object in Base64/],
    ['not JSON', encoded('not json'), /JSON object in Base64/],
    ['no text', Buffer.from('{"workspacePath":"inner\xff"}', 'latin1').toString('base64'), /JSON object in Base64/],
    ['empty', '', /JSON object in Base64/],
    ['a list', encoded([]), /JSON object in Base64/],
    ['nothing', encoded(null), /JSON object in Base64/],
    ['deep', encoded('['.repeat(3000)), /JSON object in Base64/],
    ['1 MB', encoded({ workspacePath: 'x'.repeat(1_000_000) }), /more than 4096 characters/],
    ['__proto__', encoded('{"__proto__":{"timeout":1}}'), /"__proto__" in \?config= is refused/],
    ['constructor', encoded({ constructor: 1 }), /"constructor" in \?config= is refused/],
    ['authentication off', encoded({ enableAuth: false }), /"enableAuth" in \?config= is refused/],
    ['origins', encoded({ allowedOrigins: ['https://evil.test'] }), /"allowedOrigins" in \?config= is refused/],
    ['a command', encoded({ command: 'sh' }), /"command" in \?config= is refused/],
    ['a key', encoded({ apiKey: 'canary-4711-canary' }), /^apiKey does not belong into a URL/],
    ['an endless time', encoded({ timeout: 1e9 }), /timeout in \?config= must be/],
    ['no time', encoded({ timeout: '5' }), /timeout in \?config= must be/],
    ['no path', encoded({ workspacePath: ['inner'] }), /workspacePath in \?config= must be a path/],
    ['the root of the system', encoded({ workspacePath: '/' }), /not among the folders/],
    ['a folder of the system', encoded({ workspacePath: '/etc' }), /not among the folders/],
    ['a way up', encoded({ workspacePath: 'inner/../..' }), /not among the folders/],
    ['a name that begins alike', encoded({ workspacePath: '../root-evil' }), /not among the folders/],
    ['a link that leads out', encoded({ workspacePath: 'out' }), /not among the folders/],
    ['a NUL', encoded({ workspacePath: 'inner\0' }), /NUL/],
    ['no folder', encoded({ workspacePath: 'nowhere' }), /does not exist/],
  ])('is refused: %s', (_what, config, why) => {
    const answer = readAs(withConfig(config));
    expect(answer).toEqual({ refused: expect.stringMatching(why) as string });
    expect(JSON.stringify(answer)).not.toContain('canary');
  });

  it('is refused with two of them, where it is not allowed, and with a key anywhere', () => {
    const two = new URLSearchParams([
      ['config', encoded({ timeout: 5 })],
      ['config', encoded({})],
    ]);
    expect(readAs(two)).toEqual({ refused: expect.stringContaining('more than once') as string });
    expect(readAs(withConfig(encoded({})), false)).toEqual({
      refused: expect.stringContaining('--allow-config') as string,
    });
    for (const name of ['apiKey', 'api_key', 'access_token', 'smithery_api_key']) {
      expect(readAs(new URLSearchParams({ [name]: 'canary-4711-canary' }), false)).toEqual({
        refused: expect.stringMatching(/^\w+ does not belong into a URL(?!.*canary)/) as string,
      });
    }
  });
});

describe('over HTTP', () => {
  let serving: ServingSpec;
  let lines: string;

  const start = async (allowConfig: boolean, roots: readonly string[] = [root]): Promise<void> => {
    lines = '';
    serving = await serveSpec({
      roots,
      version: '0',
      env: { PATH: process.env['PATH'] },
      now: Date.now,
      allowConfig,
      http: settingsOf({ API_KEY: KEY, PORT: '0', LOG_LEVEL: 'debug' }),
      log: (line) => {
        lines += line;
      },
    });
  };

  afterEach(async () => serving.destroy());

  const post = async (query: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${serving.url}${query}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: {
        Authorization: `Bearer ${KEY}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...headers,
      },
    });

  /** Of the stateless era. */
  const begin = async (query: string, method: string, params: Record<string, unknown>): Promise<Response> => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const named = params['name'] ?? params['uri'];
    return await post(
      query,
      { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } },
      {
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': method,
        ...(typeof named === 'string' && { 'Mcp-Name': named }),
      },
    );
  };

  const ask = async (query: string, method: string, params: Record<string, unknown>): Promise<string> =>
    (await begin(query, method, params)).text();

  const config = (value: unknown): string => `?config=${encodeURIComponent(encoded(value))}`;

  it('P3-12 P3-06 a URL narrows its own calls and session, and nobody else’s', async () => {
    await start(true);
    for (const [folder, text] of [
      ['', 'Constitution of the root'],
      ['inner', 'Constitution of the inner'],
      ['beside', 'Constitution of the other'],
    ] as const) {
      await mkdir(join(root, folder, '.specify', 'memory'), { recursive: true });
      await writeFile(join(root, folder, '.specify/memory/constitution.md'), `# ${text}\n`);
    }
    const read = async (query: string): Promise<string> => ask(query, 'resources/read', { uri: 'spec://constitution' });
    const inner = config({ workspacePath: 'inner' });
    expect(await Promise.all([read(inner), read(''), read(config({ workspacePath: 'beside' }))])).toEqual([
      expect.stringContaining('of the inner'),
      expect.stringContaining('of the root'),
      expect.stringContaining('of the other'),
    ]);
    for (const workspacePath of [root, '..', '../beside', join(root, 'beside')]) {
      const answer = await ask(inner, 'tools/call', { name: 'workflow_status', arguments: { workspacePath } });
      expect([workspacePath, answer]).toEqual([workspacePath, expect.stringContaining('outside_workspace')]);
    }
    expect(
      await ask(inner, 'tools/call', { name: 'workflow_status', arguments: { workspacePath: 'deep' } }),
    ).not.toContain('isError":true');

    const initialize = {
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    };
    const opened = await post(inner, initialize);
    const session = {
      'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '',
      'MCP-Protocol-Version': '2025-11-25',
    };
    await opened.body?.cancel();
    const inSession = async (query: string): Promise<[number, string]> => {
      const answer = await post(
        query,
        { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'spec://constitution' } },
        session,
      );
      return [answer.status, await answer.text()];
    };
    expect(await inSession(inner)).toEqual([200, expect.stringContaining('of the inner')]);
    expect((await inSession(''))[0]).toBe(404);
    expect((await inSession(config({ workspacePath: 'beside' })))[0]).toBe(404);
    expect(lines).not.toContain('config=');
  });

  it('P3-12 P3-06 a URL sees nothing of the other folders that may be worked in', async () => {
    const second = join(base, 'root-evil');
    await mkdir(join(second, '.specify', 'memory'), { recursive: true });
    await writeFile(join(second, '.specify/memory/constitution.md'), '# Constitution of the second\n');
    await start(true, [root, second]);
    const uri = 'spec://roots/root-evil/constitution';
    const first = config({ workspacePath: root });
    expect(await ask('', 'resources/read', { uri })).toContain('of the second');
    for (const query of [first, config({ workspacePath: 'inner' })]) {
      expect(await ask(query, 'resources/read', { uri })).not.toContain('of the second');
      expect(await ask(query, 'resources/list', {})).not.toContain('root-evil');
      const answer = await ask(query, 'tools/call', { name: 'workflow_status', arguments: { workspacePath: second } });
      expect(answer).toContain('outside_workspace');
    }
    const own = await ask(config({ workspacePath: second }), 'resources/read', { uri: 'spec://constitution' });
    expect(own).toContain('of the second');
  });

  it('P3-12 a URL that means another folder hears nothing of the first', async () => {
    await start(true);
    await mkdir(join(root, '.specify', 'memory'), { recursive: true });
    const notifications = { resourceSubscriptions: ['spec://constitution'] };
    const listen = async (query: string): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
      const { body } = await begin(query, 'subscriptions/listen', { notifications });
      return (body as ReadableStream<Uint8Array>).getReader();
    };
    const [own, other] = [await listen(''), await listen(config({ workspacePath: 'inner' }))];
    const until = async (reader: typeof own, text: string): Promise<string> => {
      const decoder = new TextDecoder();
      let seen = '';
      while (!seen.includes(text)) {
        const { done, value } = await reader.read();
        if (done) break;
        seen += decoder.decode(value, { stream: true });
      }
      return seen;
    };
    let count = 0;
    const writing = setInterval(() => {
      void writeFile(join(root, '.specify/memory/constitution.md'), String((count += 1)));
    }, 50);
    await until(own, 'resources/updated').finally(() => clearInterval(writing));
    const ended = until(other, '"resultType"');
    await serving.close();
    expect(await ended).toMatch(/acknowledged(?!.*resources\/updated).*"resultType"/s);
  });

  it('P3-12 a command takes no longer than the URL says', async () => {
    await start(true);
    const hanging = { name: 'x', scripts: { test: 'node -e "setInterval(() => {}, 1000)"' } };
    await writeFile(join(root, 'package.json'), JSON.stringify(hanging));
    const answer = await ask(config({ timeout: 300 }), 'tools/call', { name: 'quality_test', arguments: {} });
    expect(answer).toContain('took longer than 300 ms');
  });

  it('P3-12 is refused with its reason to whoever is known, and tells a stranger nothing', async () => {
    await start(false);
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const refused = await post(config({ timeout: 300 }), body);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('--allow-config')]);
    const keyed = await post(`?apiKey=${KEY}`, body);
    expect([keyed.status, await keyed.text()]).toEqual([400, expect.stringContaining('does not belong into a URL')]);
    const stranger = await post(`?apiKey=${KEY}`, body, { Authorization: '' });
    expect([stranger.status, (await stranger.text()).includes('URL')]).toEqual([401, false]);
    expect(lines).not.toContain(KEY);
  });
});

it('P3-06 a folder that became a link to another is not followed', async () => {
  const workspaces = createWorkspaces({ roots: [root], now: () => 0 });
  const inner = join(root, 'inner');
  expect(workspaces.within(inner).open().path).toBe(inner);
  await rename(inner, join(root, 'gone'));
  await symlink(join(root, 'beside'), inner);
  expect(() => workspaces.within(inner)).toThrow(/does not exist/);
});
