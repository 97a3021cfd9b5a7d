/**
 * A remote server that lists something else for each bearer token, through all the rooms: nobody sees, reaches or hears of what
 * another's token lists. Who has which token stands in for logins.
 */

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer, Exchange, Principal, Session } from '@sallyport/server';
import type { JsonObject, JsonRpcNotification } from '@sallyport/wire';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { LoginChange } from '../logins/index.ts';
import type { RoomOptions, Rooms } from '../rooms.ts';
import { createMemoryStore } from '../store/memory.ts';
import { configOf, openRooms } from '../cli/testing/assembly.ts';

/** What one token lists: tools, prompts, resources and a template. */
interface Shelf {
  names: readonly string[];
}

interface Remote extends AsyncDisposable {
  readonly url: string;
  /** Method and token of every message. */
  readonly asked: string[];
  readonly shelves: Map<string, Shelf>;
  /** Says something to whoever listens with a token. */
  tell(token: string, method: string, params?: JsonObject): void;
}

async function serveRemote(): Promise<Remote> {
  const asked: string[] = [];
  const shelves: Remote['shelves'] = new Map();
  const streams = new Map<ServerResponse, string>();
  const http = createServer((request, response) => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      streams.set(response, token);
      response.on('close', () => streams.delete(response));
      return;
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { id, method, params } = JSON.parse(body || '{}') as { id?: number; method?: string; params?: JsonObject };
      const uri = params?.['uri'];
      asked.push([token, method, ...(typeof uri === 'string' ? [uri] : [])].join(' '));
      const shelf = shelves.get(token);
      if (shelf === undefined) response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      else if (id === undefined) response.writeHead(202).end();
      else {
        const result = answerTo(method ?? '', shelf, token);
        const answer = result === undefined ? { error: { code: -32601, message: 'no' } } : { result };
        response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': `of-${token}` });
        response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
      }
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    asked,
    shelves,
    tell: (token, method, params) => {
      for (const [stream, whose] of streams) {
        if (whose === token) stream.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`);
      }
    },
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function answerTo(method: string, { names }: Shelf, token: string): object | undefined {
  const changing = { listChanged: true };
  const answers: Readonly<Record<string, object>> = {
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: {
        tools: changing,
        prompts: changing,
        resources: { ...changing, subscribe: true },
        completions: {},
      },
      serverInfo: { name: 'remote', version: '1' },
      instructions: `This is ${token}'s.`,
    },
    'tools/list': { tools: names.map((name) => ({ name, inputSchema: { type: 'object' } })) },
    'prompts/list': { prompts: names.map((name) => ({ name })) },
    'resources/list': { resources: names.map((name) => ({ uri: `doc:${name}`, name })) },
    'resources/templates/list': {
      resourceTemplates: names.map((name) => ({ uriTemplate: `doc:${name}/{page}`, name })),
    },
    'completion/complete': { completion: { values: [token] } },
    'resources/subscribe': {},
    'resources/unsubscribe': {},
    ping: {},
    'tools/call': { content: [{ type: 'text', text: token }] },
    'prompts/get': { messages: [{ role: 'user', content: { type: 'text', text: token } }] },
    'resources/read': { contents: [{ uri: 'doc:', text: token }] },
    'vendor/method': { token },
  };
  return answers[method];
}

/** Logins as the rooms need them: whoever is in `tokens` has that token. */
function standIn(tokens: ReadonlyMap<string, string>): {
  readonly logins: object;
  readonly changed: (change: LoginChange) => void;
} {
  const heard: { changed?: (change: LoginChange) => void; personal?: (server: string) => void } = {};
  const haveAsked = new Set<string>();
  return {
    changed: (change) => heard.changed?.(change),
    logins: {
      any: true,
      onChanged: (listener: (change: LoginChange) => void) => (heard.changed = listener),
      onPersonal: (listener: (server: string) => void) => (heard.personal = listener),
      personal: (server: string) => haveAsked.has(server),
      mayNeed: () => true,
      callers: { exchanges: () => false, came: () => undefined },
      needs: () => false,
      hasToken: (_server: string, { subject }: Principal) => tokens.has(subject),
      ownerFor: (_server: string, { issuer, subject }: Principal) => ({ issuer, subject }),
      replace: () => undefined,
      authorizationFor: (server: string, of: Principal | undefined) => ({
        token: () => tokens.get(of?.subject ?? ''),
        challenged: async () => {
          haveAsked.add(server);
          heard.personal?.(server);
          throw new Error('a login is needed');
        },
      }),
    },
  };
}

interface Setting {
  readonly rooms: Rooms;
  /** A server that wants no login of anybody. */
  readonly open: Remote;
  readonly tokens: Map<string, string>;
  readonly changed: (change: LoginChange) => void;
}

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of disposables.splice(0)) await each[Symbol.asyncDispose]();
});

async function start(
  remote: Remote,
  tokens: Map<string, string>,
  store: RoomOptions['store'] = createMemoryStore({ now: Date.now }),
): Promise<Setting> {
  const open = await serveRemote();
  disposables.push(open);
  open.shelves.set('', { names: ['open'] });
  const at = ({ url }: Remote): object => ({ url, type: 'http' });
  const { changed, logins } = standIn(tokens);
  const opened = await openRooms({
    config: await configOf({ mcpServers: { docs: at(remote), open: at(open) } }),
    store,
    policy: {
      version: '1',
      audienceOf: () => undefined,
      decide: () => ({ effect: 'allow', rule: 'default' }),
    } as never,
    logins: logins as never,
  });
  disposables.push(opened);
  const { rooms } = opened;
  return { rooms, open, tokens, changed };
}

const PRINCIPALS = new Map<string, Principal>();

function principal(subject: string): Principal {
  const known = PRINCIPALS.get(subject) ?? { issuer: 'https://idp', subject, roles: [] };
  PRINCIPALS.set(subject, known);
  return known;
}

function ask(
  { rooms }: Setting,
  who: string,
  method: string,
  params: JsonObject = {},
  session?: Session,
): Promise<Answer> {
  const message = { jsonrpc: '2.0', id: 1, method, params } as const;
  const exchange: Exchange = {
    message,
    text: JSON.stringify(message),
    era: 'session',
    revision: '2025-11-25',
    transport: 'http',
    endpoint: '/mcp',
    principal: principal(who),
    local: undefined,
    address: undefined,
    client: { info: undefined, capabilities: {} },
    logLevel: undefined,
    session,
    headers: {},
    cancelled: false,
    onCancel: () => undefined,
    hold: () => undefined,
    notify: () => undefined,
    ask: () => Promise.reject(new Error('nobody is asked')),
  };
  return rooms.served.handle(exchange);
}

/** The answer as it is sent, without the id that stands in the log. */
async function said(...asked: Parameters<typeof ask>): Promise<string> {
  const answer = await ask(...asked);
  const text = answer.kind === 'result' ? answer.before.toString() + answer.after.toString() : JSON.stringify(answer);
  return text.replaceAll(/[0-9a-f]{12}/g, 'LOG');
}

function sessionOf({ rooms }: Setting, who: string): { readonly session: Session; readonly heard: string[] } {
  const heard: string[] = [];
  const notify = ({ method, params }: JsonRpcNotification): void =>
    void heard.push(`${method.replace('notifications/', '')} ${JSON.stringify(params?.['uri'] ?? '')}`);
  const session: Session = {
    id: who,
    transport: 'http',
    endpoint: '/mcp',
    principal: principal(who),
    revision: '2025-11-25',
    client: { info: undefined, capabilities: {} },
    logLevel: undefined,
    notify,
  };
  rooms.served.sessionOpened(session);
  return { session, heard };
}

async function twoLogins(): Promise<Setting & { readonly remote: Remote }> {
  const remote = await serveRemote();
  disposables.push(remote);
  remote.shelves.set('token-a', { names: ['common', 'secret'] });
  remote.shelves.set('token-b', { names: ['common'] });
  const setting = await start(remote, new Map(Object.entries({ alice: 'token-a', bob: 'token-b' })));
  return { ...setting, remote };
}

const LISTS = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];

describe('a server that all use with one login', () => {
  it('UPS-18 is begun anew after a logout: of what it listed and of its session nothing is left', async () => {
    const store = createMemoryStore({ now: Date.now });
    const remote = await serveRemote();
    disposables.push(remote);
    const { open, ...setting } = await start(remote, new Map(), store);
    expect(await said({ open, ...setting }, 'alice', 'tools/call', { name: 'open__open' })).not.toContain('error');
    await vi.waitFor(async () => expect(await store.get('catalog', 'open')).toBeDefined());
    const { catalog } = setting.rooms;
    const begun = (): number => open.asked.filter((line) => line.endsWith('initialize')).length;
    expect([catalog.snapshot('open')?.tools.length, begun()]).toEqual([1, 1]);
    setting.changed({ server: 'open', owner: undefined, is: 'out', over: true });
    expect(catalog.snapshot('open')).toBeUndefined();
    expect([...catalog.root.catalog.tools.keys()]).toEqual([]);
    expect(await store.get('catalog', 'open')).toBeUndefined();
    expect(await said({ open, ...setting }, 'alice', 'tools/list')).toContain('open__open');
    expect(begun()).toBe(2);
  });
});

describe('a remote server that lists something else for each token', () => {
  it('is found out by the first list, and then shown to each with its own token', async () => {
    const { remote, ...setting } = await twoLogins();
    const seen = await Promise.all(
      ['alice', 'bob', 'eve'].map(async (who) =>
        (await Promise.all(LISTS.map((list) => said(setting, who, list)))).join(),
      ),
    );
    expect(seen.map((text) => [text.includes('common'), text.includes('secret')])).toEqual([
      [true, true],
      [true, false],
      [false, false],
    ]);
    expect(seen[2]).toContain('sallyport login docs');
    const greetings = await Promise.all(
      ['alice', 'bob', 'eve'].map(async (who) =>
        setting.rooms.served.describe({ endpoint: '/mcp', principal: principal(who) }, 'session'),
      ),
    );
    expect(greetings.map(({ instructions }) => instructions)).toEqual([
      "docs: This is token-a's.\nopen: This is 's.",
      "docs: This is token-b's.\nopen: This is 's.",
      "open: This is 's.\nNeeds a login first: docs (sallyport login docs).",
    ]);
    expect(new Set(remote.asked.filter((line) => line.endsWith('/list')).map((line) => line.split(' ')[0]))).toEqual(
      new Set(['token-a', 'token-b']),
    );
  });

  it.each<[string, JsonObject, JsonObject]>([
    ['tools/call', { name: 'docs__secret' }, { name: 'docs__nobody' }],
    ['prompts/get', { name: 'docs__secret' }, { name: 'docs__nobody' }],
    ['resources/read', { uri: 'doc:secret' }, { uri: 'doc:nobody' }],
    ['resources/read', { uri: 'doc:secret/1' }, { uri: 'doc:nobody/1' }],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'docs__secret' } },
      { ref: { type: 'ref/prompt', name: 'docs__nobody' } },
    ],
    ['vendor/method', { name: 'docs__secret' }, { name: 'docs__nobody' }],
  ])("AUT-05 %s: one's %j is to another as if it were not there", async (method, secret, unknown) => {
    const setting = await twoLogins();
    const as = async (who: string, params: JsonObject): Promise<string> =>
      (await said(setting, who, method, params)).replaceAll('nobody', 'secret');
    await said(setting, 'alice', 'tools/list');
    const own = await as('alice', secret);
    const [bobs, eves] = [await as('bob', secret), await as('eve', secret)];
    expect([bobs, eves]).toEqual([await as('bob', unknown), await as('eve', unknown)]);
    expect([own, bobs, eves].map((text) => text.includes('token-a'))).toEqual([true, false, false]);
  });

  it('tells of its changes and updates whom they concern', async () => {
    const { remote, ...setting } = await twoLogins();
    const [alice, bob] = [sessionOf(setting, 'alice'), sessionOf(setting, 'bob')];
    for (const list of LISTS) await Promise.all(['alice', 'bob'].map((who) => ask(setting, who, list)));
    for (const { session } of [alice, bob]) {
      for (const uri of ['doc:common', 'doc:secret']) {
        await ask(setting, session.id, 'resources/subscribe', { uri }, session);
      }
    }
    await expect
      .poll(() => remote.asked.filter((line) => line.includes('resources/subscribe')).toSorted())
      .toEqual(
        ['doc:common', 'doc:secret']
          .map((uri) => `token-a resources/subscribe ${uri}`)
          .concat('token-b resources/subscribe doc:common'),
      );
    const changesHeard = (): number => alice.heard.filter((line) => line === 'tools/list_changed ""').length;
    const before = changesHeard();
    remote.shelves.set('token-a', { names: ['common', 'secret', 'newer'] });
    remote.tell('token-a', 'notifications/tools/list_changed');
    remote.tell('token-a', 'notifications/resources/updated', { uri: 'doc:common' });
    await expect.poll(changesHeard).toBeGreaterThan(before);
    await expect.poll(() => alice.heard).toContain('resources/updated "doc:common"');
    remote.tell('token-b', 'notifications/resources/updated', { uri: 'doc:common/2' });
    await expect.poll(() => bob.heard).toContain('resources/updated "doc:common/2"');
    expect(bob.heard.filter((line) => line.includes('updated'))).toHaveLength(1);
    expect(alice.heard.filter((line) => line.includes('updated'))).toHaveLength(1);
    expect(await said(setting, 'alice', 'tools/list')).toContain('newer');
    expect(await said(setting, 'bob', 'tools/list')).not.toContain('newer');
  });

  it('is read anew after a login, and nothing of it is left after a logout, in the store neither', async () => {
    const store = createMemoryStore({ now: Date.now });
    const remote = await serveRemote();
    disposables.push(remote);
    remote.shelves.set('token-a', { names: ['secret'] });
    const setting = await start(remote, new Map(), store);
    const { heard } = sessionOf(setting, 'alice');
    expect(await said(setting, 'alice', 'tools/list')).not.toContain('secret');
    const owner = { issuer: 'https://idp', subject: 'alice' };
    setting.tokens.set('alice', 'token-a');
    setting.changed({ server: 'docs', owner, is: 'in', over: false });
    // Nobody asks again so soon by itself.
    await expect.poll(() => said(setting, 'alice', 'tools/list')).toContain('secret');
    await expect.poll(() => heard).toContain('tools/list_changed ""');
    await expect.poll(() => store.list('catalog-owned')).toHaveLength(1);
    expect(JSON.stringify(await store.list('catalog'))).not.toContain('secret');

    // A session that was begun with the first login is not gone on with after the second.
    remote.shelves.set('token-other', { names: ['secret'] });
    setting.tokens.set('alice', 'token-other');
    const before = remote.asked.length;
    setting.changed({ server: 'docs', owner, is: 'in', over: true });
    await expect.poll(() => remote.asked.slice(before)).toContain('token-other initialize');
    await expect.poll(() => said(setting, 'alice', 'tools/list')).toContain('secret');
    await expect.poll(() => store.list('catalog-owned')).toHaveLength(1);
    setting.tokens.set('alice', 'token-a');

    // Another process of the same store knows it at once.
    const other = await start(remote, new Map([['bob', 'token-b']]), store);
    await ask(other, 'eve', 'tools/list');
    expect(await said(other, 'alice', 'tools/list')).toContain('secret');
    expect(await said(other, 'bob', 'tools/list')).not.toContain('secret');

    heard.length = 0;
    setting.tokens.clear();
    remote.shelves.clear();
    setting.changed({ server: 'docs', owner, is: 'out', over: true });
    expect(await said(setting, 'alice', 'tools/list')).not.toContain('secret');
    await expect.poll(() => heard).toContain('tools/list_changed ""');
    expect(await store.list('catalog-owned')).toEqual([]);
  });
});
