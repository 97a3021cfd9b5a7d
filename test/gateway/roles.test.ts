/**
 * Who may not see a tool finds it nowhere and calls it by no way, be it an operation of an API or a program of the configuration; and
 * what an API says of the credentials that it was sent is read by nobody (docs/OPENAPI.md, docs/CODE.md, docs/POLICY.md).
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, temporaryFolder, type Started } from './gateway.ts';
import { openSession, stateless, textOf, type Message, type RawClient } from './raw-client.ts';

const ERAS = ['session', 'stateless'] as const;
const KEYS = { ann: 'ann-client-key-of-a-test-0123456789', bob: 'bob-client-key-of-a-test-0123456789' };
const TOKEN = 'machine-Wq47-a-test';
const API_KEY = 'api-key-Hn52-a-test';
const BASIC = Buffer.from('orders:short').toString('base64');

const scheme = (security: string, more: object = {}): object => ({
  security: [{ [security]: [] }],
  responses: { 200: { description: 'what it was sent' } },
  ...more,
});
const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Things', version: '1' },
  components: {
    securitySchemes: {
      machine: { type: 'oauth2', flows: { clientCredentials: { tokenUrl: 'https://unused.example/', scopes: {} } } },
      key: { type: 'apiKey', in: 'query', name: 'k' },
      login: { type: 'http', scheme: 'basic' },
    },
  },
  paths: {
    '/machine': { get: scheme('machine', { operationId: 'machine' }) },
    '/key': { get: scheme('key', { operationId: 'key' }) },
    '/login': { get: scheme('login', { operationId: 'login' }) },
    '/things': { delete: scheme('key', { operationId: 'erase' }) },
  },
};
const program = (code: string): object => ({ description: 'A program.', inputSchema: { type: 'object' }, code });

/** Says what it was sent, and gives tokens. */
const asked: string[] = [];
const api: Server = createServer((request, response) => {
  const { headers, method, url } = request;
  asked.push(`${method} ${url}`);
  const sent = method === 'GET' ? { url, given: headers.authorization } : {};
  const said = url === '/token' ? { access_token: TOKEN, token_type: 'Bearer' } : sent;
  response.writeHead(url?.startsWith('/login') === true ? 403 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(said));
});

let started: Started;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  const origin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  folder = await temporaryFolder();
  const document = join(folder.path, 'api.json');
  await writeFile(document, JSON.stringify(DOCUMENT));
  const given = {
    mcpServers: {
      api: {
        openapi: {
          document,
          server: origin,
          operations: { allow: ['*'] },
          auth: {
            machine: { clientId: 'me', clientSecret: 'client-secret-of-a-test', tokenUrl: `${origin}/token` },
            key: { value: API_KEY },
            login: { username: 'orders', password: 'short' },
          },
        },
      },
    },
    tools: {
      erase: program('return await tools.api.erase({});'),
      hidden: program('return 1;'),
      look: program('return Object.keys(tools).map((name) => [name, Object.keys(tools[name])]);'),
      again: program('return await tools.sallyport.again({});'),
      meta: program('return await tools.sallyport.call_tool({ name: "api__erase", arguments: {} });'),
    },
    auth: { mode: 'key', keys: Object.entries(KEYS).map(([name, key]) => ({ name, key })) },
    store: 'memory',
    policy: {
      roles: { all: { keys: ['ann'] }, some: { keys: ['bob'] } },
      rules: [
        { effect: 'allow', roles: ['all'], servers: ['*'] },
        { effect: 'allow', roles: ['some'], servers: ['*'] },
        { effect: 'deny', roles: ['some'], tools: ['api__erase', 'sallyport__hidden'] },
      ],
    },
  };
  const file = join(folder.path, 'sallyport.json');
  started = await startGateway(given, { file, named: [document], stateDirectory: folder.path });
  await started.gateway.rooms.catalog.root.ready();
});
afterAll(async () => {
  await started[Symbol.asyncDispose]();
  api.closeAllConnections();
  await new Promise((resolve) => void api.close(resolve));
  await folder[Symbol.asyncDispose]();
});

type Era = (typeof ERAS)[number];
async function clientOf(era: Era, who: keyof typeof KEYS, discovery: string): Promise<RawClient> {
  const url = `${started.url}?discovery=${discovery}`;
  const headers = { authorization: `Bearer ${KEYS[who]}` };
  return era === 'session' ? await openSession(url, {}, headers) : stateless(url, {}, headers);
}

const call = (client: RawClient, name: string, args: object = {}): Promise<Message> =>
  client.call('tools/call', { name, arguments: args });

/** As text, without what is another in every answer. */
function plain(message: Message, name: string): string {
  return JSON.stringify({ ...message, id: 0 })
    .replaceAll(name, 'NAME')
    .replaceAll(/"id":"[0-9a-f]{12}"/g, '"id":""');
}

describe.each(ERAS)('a tool that somebody may not see, in the era %s', (era) => {
  it.each([
    ['an operation of an API', 'api__erase', 'api__never'],
    ['a program', 'sallyport__hidden', 'sallyport__nobody'],
  ])('is to every way as one that is not there: %s', async (_what, name, unknown) => {
    const before = asked.length;
    const full = await clientOf(era, 'bob', 'full');
    const search = await clientOf(era, 'bob', 'search');
    const code = await clientOf(era, 'bob', 'code');
    const [server = '', own = ''] = name.split('__');
    const listed = JSON.stringify((await full.call('tools/list', {})).result);
    expect(listed).toContain('api__machine');
    expect(listed).not.toContain(name);
    const ways: ((of: string) => Promise<Message>)[] = [
      (of) => call(full, of),
      (of) => call(search, of),
      (of) => call(search, 'call_tool', { name: of, arguments: {} }),
      (of) => call(search, 'describe_tools', { names: [of] }),
      (of) =>
        call(code, 'run_code', { code: `return await tools.${server}[${JSON.stringify(of.split('__')[1])}]({});` }),
    ];
    for (const way of ways) {
      const [hidden, none] = [await way(name), await way(unknown)];
      expect(plain(hidden, name).replaceAll(own, 'OWN')).toBe(
        plain(none, unknown).replaceAll(unknown.split('__')[1] ?? '', 'OWN'),
      );
    }
    expect(JSON.stringify(await call(search, 'find_tools', { query: own }))).not.toContain(name);
    expect(asked.slice(before)).toEqual([]);
  });

  it('is not there for a program that its caller may run, and is for another’s', async () => {
    const before = asked.length;
    const bob = await clientOf(era, 'bob', 'full');
    expect(textOf(await call(bob, 'sallyport__erase'))).toContain('tools.api has no "erase"');
    expect(textOf(await call(bob, 'sallyport__look'))).toBe('[["api",["machine","key","login"]]]');
    expect(asked.slice(before)).toEqual([]);
    const ann = await clientOf(era, 'ann', 'full');
    expect((await call(ann, 'sallyport__erase')).result?.['isError']).toBeUndefined();
    expect(asked.slice(before)).toEqual([`DELETE /things?k=${API_KEY}`]);
  });

  it('a program calls neither itself nor another one, nor the gateway’s own tools', async () => {
    const ann = await clientOf(era, 'ann', 'search');
    for (const name of ['sallyport__again', 'sallyport__meta']) {
      expect(textOf(await call(ann, name))).toContain('tools has no "sallyport"');
    }
  });
});

describe('a credential that an API sends back', () => {
  it.each([
    ['of a client', 'machine', TOKEN],
    ['in a query', 'key', API_KEY],
    ['of HTTP Basic, in an error', 'login', BASIC],
  ])('is read by nobody: %s', async (_what, name, secret) => {
    const ann = await clientOf('stateless', 'ann', 'full');
    const answer = await call(ann, `api__${name}`);
    const inCode = await call(await clientOf('session', 'ann', 'code'), 'run_code', {
      code: `return await tools.api.${name}({});`,
    });
    const said = JSON.stringify([answer, inCode, started.log.items]);
    expect(asked.some((each) => each.startsWith(`GET /${name}`))).toBe(true);
    expect(said).not.toContain(secret);
  });
});
