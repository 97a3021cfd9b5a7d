import type { JsonObject, JsonRpcRequest } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { errorAnswer, type Answer, type Exchange, type Principal } from '../exchange.ts';
import { connectInMemory } from '../kit/client.ts';
import { fakePrincipal } from '../kit/principal.ts';
import type { Restriction } from './definitions.ts';
import { createServer, type McpServer } from './server.ts';

interface Facts {
  readonly principal: Principal;
  readonly era?: Exchange['era'];
  readonly transport?: Exchange['transport'];
}

/** One request as a transport hands it over. */
function ask(server: McpServer, method: string, params: JsonObject, facts: Facts): Promise<Answer> {
  const message: JsonRpcRequest = { jsonrpc: '2.0', id: 1, method, params };
  return server.served.handle({
    era: 'session',
    transport: 'http',
    revision: '2025-11-25',
    endpoint: '/mcp',
    client: { info: undefined, capabilities: {} },
    message,
    ...facts,
  } as Partial<Exchange> as Exchange);
}

/** With one of each, restricted alike, beside one of each that everybody may know. */
function closed(restriction: Restriction): McpServer {
  const server = createServer({ name: 'test', version: '1.0.0' });
  server.addTool({ name: 'open' }, () => '');
  server.addTool({ name: 'secret', ...restriction }, () => 'it');
  server.addPrompt({ name: 'secret', ...restriction, arguments: [{ name: 'a' }], complete: { a: ['x'] } }, () => 'it');
  server.addResource({ uri: 'test://secret', name: 'secret', ...restriction }, () => 'it');
  server.addResourceTemplate(
    {
      uriTemplate: 'test://vault/{id}',
      name: 'vault',
      ...restriction,
      list: () => [{ uri: 'test://vault/1', name: '1' }],
    },
    () => 'it',
  );
  return server;
}

const REQUESTS: [string, (name: string) => JsonObject][] = [
  ['tools/call', (name) => ({ name })],
  ['prompts/get', (name) => ({ name })],
  ['resources/read', (name) => ({ uri: `test://${name}` })],
  ['resources/read', (name) => ({ uri: `test://${name === 'secret' ? 'vault' : 'depot'}/1` })],
  ['completion/complete', (name) => ({ ref: { type: 'ref/prompt', name }, argument: { name: 'a', value: '' } })],
];
const LISTS = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];

const RESTRICTIONS: [string, Restriction, Partial<Principal>][] = [
  ['a role', { requireRole: 'admin' }, { roles: ['admin'] }],
  ['one of two roles', { requireRole: ['admin', 'root'] }, { roles: ['user', 'root'] }],
  ['a rule of the author', { visible: ({ user }) => user.groups.includes('staff') }, { groups: ['staff'] }],
];

describe.each(RESTRICTIONS)('what needs %s', (_what, restriction, entitled) => {
  const server = closed(restriction);
  const stranger = fakePrincipal({ subject: 'mallory', roles: ['user'] });

  it.each(REQUESTS)('S2-27 is to a stranger what does not exist: %s', async (method, params) => {
    const bytes = async (name: string): Promise<string> =>
      JSON.stringify(await ask(server, method, params(name), { principal: stranger }));
    const names = (text: string): string => text.replaceAll('secret', 'absent').replaceAll('vault', 'depot');
    expect(names(await bytes('secret'))).toBe(await bytes('absent'));
    const own = JSON.stringify(await ask(server, method, params('secret'), { principal: fakePrincipal(entitled) }));
    expect(own).not.toBe(await bytes('secret'));
  });

  it('is in no list of a stranger, and in the lists of others', async () => {
    for (const method of LISTS) {
      const list = async (principal: Principal): Promise<string> => {
        const answer = await ask(server, method, {}, { principal });
        return answer.kind === 'result' ? answer.after.toString() : '';
      };
      expect(await list(stranger)).not.toMatch(/secret|vault/);
      expect(await list(fakePrincipal(entitled))).toMatch(/secret|vault/);
    }
  });
});

it.each<[string, unknown]>([
  ['a promise', () => Promise.resolve(true)],
  ['a promise that is rejected', () => Promise.reject(new Error('no'))],
  ['a text', () => 'no'],
])('a rule that gives %s hides', async (_what, visible) => {
  const client = await connectInMemory(closed({ visible: visible as () => boolean }));
  expect((await client.listTools()).map(({ name }) => name)).toEqual(['open']);
  await expect(client.callTool('secret')).rejects.toThrow('Unknown tool');
});

it.each<object>([
  { requireRole: undefined },
  { requireRole: [] },
  { requireRole: '' },
  { requireRole: 7 },
  { requireRole: { admin: true } },
  { requireRole: ['admin', undefined] },
  { requireScope: undefined },
  { requireScope: null },
  { requireScope: [] },
  { visible: undefined },
  { visible: true },
  { requireRoles: 'admin' },
  { roles: ['admin'] },
  { require_scope: 'a' },
])('what would restrict nothing is refused: %j', (restriction) => {
  const server = createServer({ name: 'test', version: '1.0.0' });
  expect(() => server.addTool({ name: 'a', ...restriction }, () => '')).toThrow(/would restrict nothing/);
  const added = server.addTool({ name: 'b', requireRole: 'admin' }, () => '');
  expect(() => added.update(restriction)).toThrow(/would restrict nothing/);
});

it('a rule that throws hides', async () => {
  const visible = (): never => {
    throw new Error('no');
  };
  const answer = await ask(closed({ visible }), 'tools/call', { name: 'secret' }, { principal: fakePrincipal() });
  expect(answer).toEqual(errorAnswer('invalid_params', 'session', 'Unknown tool: secret'));
});

describe('what needs scopes', () => {
  const server = closed({ requireScope: ['notes:read', 'notes:write'] });
  const lacking = fakePrincipal({ scopes: ['notes:read'] });
  const params = { name: 'secret' };

  it.each(REQUESTS.slice(0, 4))('says over HTTP which, so that they can be asked for: %s', async (method, paramsOf) => {
    const answer = await ask(server, method, paramsOf('secret'), { principal: lacking });
    expect(answer).toMatchObject({
      kind: 'error',
      status: 403,
      error: { data: { code: 'insufficient_scope', scopes: ['notes:read', 'notes:write'] } },
    });
  });

  it('is unknown where nothing could be done about it', async () => {
    const answer = await ask(server, 'tools/call', params, { principal: lacking, transport: 'ws' });
    expect(answer).toMatchObject({ kind: 'error', error: { message: 'Unknown tool: secret' } });
  });

  it('is open to who has them, and to a credential that knows none', async () => {
    for (const principal of [fakePrincipal({ scopes: ['notes:write', 'notes:read'] }), fakePrincipal()]) {
      expect(await ask(server, 'tools/call', params, { principal })).toMatchObject({ kind: 'result' });
    }
    const none = fakePrincipal({ scopes: [] });
    expect(await ask(server, 'tools/call', params, { principal: none })).toMatchObject({ status: 403 });
  });

  it('comes after roles: who lacks those learns nothing', async () => {
    const both = closed({ requireRole: 'admin', requireScope: 'notes:read' });
    const answer = await ask(both, 'tools/call', params, { principal: fakePrincipal({ scopes: [] }) });
    expect(answer).toMatchObject({ error: { message: 'Unknown tool: secret' } });
  });
});

it('a hidden resource is not hidden by a template that shows it to others', async () => {
  const server = createServer({ name: 'test', version: '1.0.0' });
  server.addResource({ uri: 'test://a', name: 'a', requireRole: 'admin' }, () => 'own');
  server.addResourceTemplate({ uriTemplate: 'test://{id}', name: 'any' }, ({ id }) => `any ${String(id)}`);
  const read = async (roles: string[]): Promise<unknown> =>
    (await (await connectInMemory(server, { principal: fakePrincipal({ roles }) })).readResource('test://a'))[0]?.[
      'text'
    ];
  expect([await read(['admin']), await read([])]).toEqual(['own', 'any a']);
});
