import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Session } from '../exchange.ts';
import { connectInMemory, type InMemoryClient } from '../kit/client.ts';
import { fakePrincipal } from '../kit/principal.ts';
import { createServer, type McpServer } from './server.ts';

const URI = 'test://folder';
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

function open(): McpServer {
  const server = createServer({ name: 'test', version: '1.0.0' });
  server.addResource({ uri: URI, name: 'folder' }, () => '');
  server.addResourceTemplate({ uriTemplate: `${URI}/{name}`, name: 'file' }, () => '');
  server.addResource({ uri: 'test://secret', name: 'secret', requireRole: 'admin' }, () => '');
  server.addResourceTemplate({ uriTemplate: 'test://vault/{id}', name: 'vault', requireRole: 'admin' }, () => '');
  server.addTool({ name: 'x' }, () => '');
  return server;
}

/** What a client was told, without progress. */
function told(client: InMemoryClient): [string, unknown][] {
  return client.notices
    .splice(0)
    .map(({ method, params }) => [method.replace('notifications/', ''), params['uri'] ?? params['data']]);
}

const settled = (client: InMemoryClient): Promise<JsonObject> => client.request('tools/call', { name: 'x' });

describe('a session', () => {
  it('hears of what it subscribed to, and of parts of that, until it does not want to', async () => {
    const server = open();
    const [client, other] = [await connectInMemory(server), await connectInMemory(server)];
    await client.request('resources/subscribe', { uri: URI });
    for (const uri of [URI, `${URI}/a`, 'test://folderb', 'test://else']) server.resourceUpdated(uri);
    await settled(client);
    expect(told(client)).toEqual([
      ['resources/updated', URI],
      ['resources/updated', `${URI}/a`],
    ]);
    server.resourceUpdated(URI, ({ endpoint }) => endpoint !== 'memory');
    await client.request('resources/unsubscribe', { uri: URI });
    server.resourceUpdated(URI);
    await settled(client);
    expect(told(client)).toEqual([]);
    expect(told(other)).toEqual([]);
  });

  it('subscribes to nothing that it may not read, and hears of it no more', async () => {
    const server = open();
    const client = await connectInMemory(server);
    for (const uri of ['test://secret', 'test://vault/1', 'test://nowhere', 'x'.repeat(9000)]) {
      await expect(client.request('resources/subscribe', { uri })).rejects.toMatchObject({ code: -32002 });
    }
    await expect(client.request('resources/subscribe')).rejects.toMatchObject({ code: -32602 });
    const removed = server.addResource({ uri: 'test://soon', name: 'soon' }, () => '');
    await client.request('resources/subscribe', { uri: 'test://soon' });
    removed.remove();
    client.notices.splice(0);
    server.resourceUpdated('test://soon');
    await settled(client);
    expect(told(client)).toEqual([['resources/list_changed', undefined]]);
  });

  it('may have a thousand subscriptions with others of its principal', async () => {
    const server = open();
    const [one, two] = [await connectInMemory(server), await connectInMemory(server)];
    for (let i = 0; i < 1000; i++)
      await (i % 2 === 0 ? one : two).request('resources/subscribe', { uri: `${URI}/${i}` });
    await expect(one.request('resources/subscribe', { uri: `${URI}/more` })).rejects.toMatchObject({ code: -31004 });
    await one.request('resources/subscribe', { uri: `${URI}/0` });
    const bob = await connectInMemory(server, { principal: fakePrincipal({ subject: 'bob' }) });
    await bob.request('resources/subscribe', { uri: `${URI}/more` });
  });

  it('is told once of all changes of a moment, and of none that it may not see', async () => {
    const server = open();
    const [client, admin] = [
      await connectInMemory(server),
      await connectInMemory(server, { principal: fakePrincipal({ roles: ['admin'] }) }),
    ];
    server.addTool({ name: 'a', requireRole: 'admin' }, () => '');
    server.addTool({ name: 'b', requireRole: 'admin' }, () => '');
    await settled(client);
    expect(told(client)).toEqual([]);
    expect(told(admin)).toEqual([['tools/list_changed', undefined]]);
    const prompt = server.addPrompt({ name: 'p' }, () => '');
    prompt.update({ description: 'new' });
    expect(() => prompt.update({ arguments: [], argsSchema: { type: 'object' } })).toThrow(/both/);
    await settled(client);
    expect(told(client)).toEqual([['prompts/list_changed', undefined]]);
    expect((await client.request('prompts/list'))['prompts']).toEqual([{ name: 'p', description: 'new' }]);
    prompt.remove();
    prompt.remove();
    prompt.update({ description: 'late' });
    await settled(client);
    expect(told(client)).toEqual([['prompts/list_changed', undefined]]);
    expect((await client.request('prompts/list'))['prompts']).toEqual([]);
  });

  it('whose principal has other rights is told that its lists are others', () => {
    const server = open();
    const said: string[] = [];
    const session = {
      principal: fakePrincipal({ roles: ['admin'] }),
      transport: 'http',
      endpoint: '/mcp',
      client: { info: undefined, capabilities: {} },
      notify: ({ method }: { method: string }) => void said.push(method),
    };
    const asSession = session as unknown as Session;
    server.served.sessionOpened(asSession);
    const before = session.principal;
    session.principal = fakePrincipal({ roles: ['user'] });
    server.served.sessionChanged(asSession, before);
    expect(said).toEqual(['notifications/resources/list_changed']);
    server.served.sessionChanged(asSession, session.principal);
    expect(said).toHaveLength(1);
    server.served.sessionClosed(asSession);
    server.log('error', 'gone');
    expect(said).toHaveLength(1);
  });

  it('gets the log messages of the server that it wants', async () => {
    const server = open();
    const [all, few] = [await connectInMemory(server), await connectInMemory(server)];
    await few.request('logging/setLevel', { level: 'error' });
    server.log('info', 'starts');
    server.log('alert', 'breaks', 'disk');
    await Promise.all([settled(all), settled(few)]);
    expect(told(all)).toEqual([
      ['message', 'starts'],
      ['message', 'breaks'],
    ]);
    expect(told(few)).toEqual([['message', 'breaks']]);
  });
});

describe('a listen of a stateless client', () => {
  const listen = (client: InMemoryClient, notifications: JsonObject): Promise<JsonObject> =>
    client.request('subscriptions/listen', { notifications });

  it('is acknowledged first, hears what it named, and ends in order', async () => {
    const server = open();
    const client = await connectInMemory(server, { era: 'stateless' });
    const ended = listen(client, { toolsListChanged: true, resourceSubscriptions: [URI, 'test://secret', 5] });
    await client.untilNotice('notifications/subscriptions/acknowledged');
    server.resourceUpdated(URI);
    server.addTool({ name: 'new' }, () => '');
    server.addPrompt({ name: 'new' }, () => '');
    server.log('error', 'not for listens');
    await client.untilNotice('notifications/tools/list_changed');
    server.close();
    const id = client.notices[0]?.params['_meta'];
    expect(client.notices).toEqual([
      {
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications: { toolsListChanged: true, resourceSubscriptions: [URI] }, _meta: id },
      },
      { method: 'notifications/resources/updated', params: { uri: URI, _meta: id } },
      { method: 'notifications/tools/list_changed', params: { _meta: id } },
    ]);
    expect(await ended).toMatchObject({ resultType: 'complete', _meta: id });
    expect(Object.keys(id as object)).toEqual([SUBSCRIPTION]);
  });

  it('is over when the one who carries it takes no more, and those of others go on', async () => {
    const server = open();
    const [alice, bob] = await Promise.all(
      ['alice', 'bob'].map((subject) =>
        connectInMemory(server, { era: 'stateless', principal: fakePrincipal({ subject }) }),
      ),
    );
    const [first, second] = [alice, bob].map((client) => client && listen(client, { toolsListChanged: true }));
    server.served.drain?.(({ principal }) => principal.subject === 'alice');
    expect(await first).toMatchObject({ resultType: 'complete' });
    server.addTool({ name: 'new' }, () => '');
    await bob?.untilNotice('notifications/tools/list_changed');
    server.close();
    await second;
  });

  it('is over when its client leaves, and one of 32', async () => {
    const server = open();
    const client = await connectInMemory(server, { era: 'stateless' });
    const controller = new AbortController();
    const first = client.request('subscriptions/listen', { notifications: {} }, { signal: controller.signal });
    const others = Array.from({ length: 31 }, () => listen(client, {}));
    await expect(listen(client, {})).rejects.toMatchObject({ code: -31004 });
    controller.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    const again = listen(client, {});
    await settled(client);
    server.close();
    await Promise.all([...others, again]);
  });
});

it.each([
  ['session', 'subscriptions/listen'],
  ['session', 'server/discover'],
  ['stateless', 'resources/subscribe'],
  ['stateless', 'logging/setLevel'],
  ['stateless', 'initialize'],
  ['stateless', 'ping'],
  ['session', 'tools/unheard'],
] as const)('the %s era knows no %s', async (era, method) => {
  const client = await connectInMemory(open(), { era });
  await expect(client.request(method)).rejects.toMatchObject({ code: -32601 });
});
