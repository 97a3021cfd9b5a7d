/** Ways around a policy: other words for the same thing, messages that are no requests, other names and places. */
import { describe, expect, it } from 'vitest';
import { openSession, send, stateless, type Message } from '../gateway/raw-client.ts';
import { openCaller, openStdioCaller, type Caller } from './callers.ts';
import { bearer, randomKey, startGuarded } from './support.ts';

const toolsOf = async (caller: Caller): Promise<string[]> => {
  const { result } = JSON.parse(await caller.ask('tools/list')) as { result: { tools: { name: string }[] } };
  return result.tools.map(({ name }) => name);
};

const refusal = async (caller: Caller, name: string): Promise<unknown> => {
  const { error } = JSON.parse(await caller.ask('tools/call', { name, arguments: {} })) as Message;
  return error && [error.code, error.message];
};

describe('a subscription', () => {
  it('AUT-02 AUT-05 to what is not seen is none: a listen is told of as much as of what is not there', async () => {
    const key = randomKey();
    const uris = ['raw://open', 'raw://closed'];
    const rules = [
      { effect: 'allow', resources: ['raw://*'] },
      { effect: 'deny', resources: ['raw://closed'] },
    ];
    await using place = await startGuarded(
      { auth: { keys: [{ name: 'ann', key }] }, policy: { rules } },
      { server: { resources: uris.map((uri) => ({ uri, name: uri })) } },
    );
    await place.started.gateway.rooms.catalog.root.ready();
    const client = stateless(place.started.url, {}, bearer(key));
    const notifications = { resourceSubscriptions: [...uris, 'raw://none', 'other://x'] };
    const listening = await client.start('subscriptions/listen', { notifications });
    const { message } = await listening.messages.until(() => true, 'the ack');
    const told = message.params?.['notifications'] as Record<string, unknown>;
    expect(told['resourceSubscriptions']).not.toContain('raw://closed');
    expect(told['resourceSubscriptions']).toContain('raw://open');
    await expect.poll(() => place.up.server.of('resources/subscribe').length).toBeGreaterThan(0);
    for (const uri of ['raw://closed', 'raw://open']) {
      place.up.server.broadcast('notifications/resources/updated', { uri });
    }
    await listening.messages.until(({ text }) => text.includes('"uri":"raw://open"'), 'an update');
    expect(listening.messages.items.some(({ text }) => text.includes('raw://closed'))).toBe(false);
    expect(JSON.stringify(place.up.server.of('resources/subscribe'))).not.toContain('raw://closed');
    listening.abort();
  });
});

describe('a notification', () => {
  const WHOLE = 'notifications/vendor/whole';

  it.each(['websocket', 'sse', 'stdio'] as const)(
    'AUT-02 P4-07 gets nobody past the policy, by %s: it is no request without its number, and needs the right to the server',
    async (way) => {
      const [bob, ann] = [randomKey(), randomKey()];
      const keys = [
        { name: 'bob', key: bob, roles: ['viewer'] },
        { name: 'ann', key: ann },
      ];
      const rules = [
        { effect: 'allow', principals: ['ann'], servers: ['up'] },
        { effect: 'allow', principals: ['local'], tools: ['up__pid'] },
        { effect: 'deny', tools: ['up__raw'] },
      ];
      await using place = await startGuarded({ auth: { keys }, policy: { rules } });
      await place.started.gateway.rooms.catalog.root.ready();
      await using limited =
        way === 'stdio' ? await openStdioCaller(place.started) : await openCaller(way, place.started, bob);
      await using whole = await openCaller('websocket', place.started, ann);
      for (const caller of [limited, whole]) {
        await caller.channel?.tell({ method: 'tools/call', params: { name: 'raw', arguments: {} }, jsonrpc: '2.0' });
        await caller.channel?.tell({ method: 'vendor/delete_all', params: {}, jsonrpc: '2.0' });
      }
      await limited.channel?.tell({ method: 'notifications/vendor/limited', params: {}, jsonrpc: '2.0' });
      // Whatever was said before has been heard when this is answered.
      await limited.ask('ping');
      await whole.channel?.tell({ method: WHOLE, params: {}, jsonrpc: '2.0' });
      await expect.poll(() => place.up.server.of(WHOLE).length).toBe(1);
      expect(place.up.server.received.join()).not.toMatch(/tools\/call|delete_all|limited/);
    },
  );
});

describe('a message', () => {
  const policy = {
    rules: [
      { effect: 'allow', tools: ['up__pid'] },
      { effect: 'allow', tools: ['up__number'], when: 'arguments.n < 10.0' },
    ],
  };

  it('AUT-02 that says a thing twice is refused: nobody knows which of them a server would believe', async () => {
    const key = randomKey();
    await using place = await startGuarded({ auth: { keys: [{ name: 'ann', key }] }, policy });
    const ann = await openSession(place.started.url, {}, bearer(key));
    const params = [
      '"params":{"name":"up__raw","name":"up__pid","arguments":{}}',
      '"params":{"n\\u0061me":"up__raw","name":"up__pid","arguments":{}}',
      '"params":{"name":"up__number","arguments":{"n":100,"n":1}}',
      '"params":{"name":"up__number","arguments":{"n":100,"\\u006e":1}}',
      '"params":{"name":"up__number","arguments":{"n":100},"arguments":{"n":1}}',
      '"params":{"name":"up__raw","arguments":{}},"params":{"name":"up__pid","arguments":{}}',
    ];
    for (const each of params) {
      const reply = await send(
        place.started.url,
        `{"jsonrpc":"2.0","id":"twice","method":"tools/call",${each}}`,
        ann.headers,
      );
      expect([each, reply.status]).toEqual([each, 400]);
    }
    expect((await ann.call('tools/call', { name: 'up__number', arguments: { n: 1 } })).error).toBeUndefined();
    expect(place.up.server.of('tools/call')).toHaveLength(1);
  });

  it('AUT-02 in a batch is decided about like every other', async () => {
    const key = randomKey();
    await using place = await startGuarded({ auth: { keys: [{ name: 'ann', key }] }, policy });
    const { url } = place.started;
    const clientInfo = { name: 'batch', version: '1' };
    const hello = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo };
    const opened = await send(
      url,
      JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params: hello }),
      bearer(key),
    );
    await opened.last;
    const headers = { ...bearer(key), 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const batch = ['up__pid', 'up__raw', 'up__number'].map((name, at) => ({
      jsonrpc: '2.0',
      id: at + 1,
      method: 'tools/call',
      params: { name, arguments: {} },
    }));
    const { text } = await (await send(url, JSON.stringify(batch), headers)).last;
    const answers = JSON.parse(text) as Message[];
    const codes = Object.fromEntries(answers.map(({ error, id }) => [id, error?.code]));
    expect(codes).toEqual({ 1: undefined, 2: -32602, 3: -31003 });
    expect(place.up.server.of('tools/call').map(({ params }) => params?.['name'])).toEqual(['pid']);
  });
});

describe('deny', () => {
  it.each([
    'FILE:///secret/a',
    'file://localhost/secret/a',
    'file:///%73ecret/a',
    'file:///%2573ecret/a',
    'file:////secret/a',
    'file:/secret/a',
    'file:///secret%2Fa',
    'file:///x/../secret/a',
    'file:///secret/a?x',
    'file:\\\\\\secret\\a',
    ' file:///secret/a',
    'file:///sec\tret/a',
    'HTTPS://H.example/secret/a',
    'https://h.example:443/secret/a',
    'https://h.example./secret/a',
    'https://somebody@h.example/secret/a',
  ])('AUT-02 of a URI is meant however it is written: %j', async (uri) => {
    const key = randomKey();
    const rules = [
      { effect: 'allow', servers: ['up'] },
      { effect: 'deny', resources: ['file:///secret/*', 'https://h.example/secret/*'] },
    ];
    const resources = [{ uri: 'file:///open', name: 'open' }];
    await using place = await startGuarded(
      { auth: { keys: [{ name: 'ann', key }] }, policy: { rules } },
      { server: { resources } },
    );
    const client = await openSession(place.started.url, {}, bearer(key));
    expect((await client.call('resources/read', { uri: 'file:///open' })).error).toBeUndefined();
    expect((await client.call('resources/read', { uri })).error).toMatchObject({ message: 'Resource not found.' });
    expect(place.up.server.of('resources/read')).toHaveLength(1);
  });

  it('P2-16 wins over what allows, in whatever order and under whatever name the tool is shown', async () => {
    const key = randomKey();
    const rules = [
      { effect: 'allow', tools: ['*'] },
      { effect: 'deny', tools: ['up__raw'] },
    ];
    for (const ordered of [rules, rules.toReversed()]) {
      await using place = await startGuarded({ auth: { keys: [{ name: 'ann', key }] }, policy: { rules: ordered } });
      const up = { url: place.up.url, type: 'http', tools: { rename: { raw: 'cooked' } } };
      await using renamed = await startGuarded({
        mcpServers: { up },
        naming: 'plain',
        auth: { keys: [{ name: 'ann', key }] },
        policy: { rules: ordered },
      });
      await using one = await openCaller('session', place.started, key);
      await using other = await openCaller('session', renamed.started, key);
      expect(await refusal(one, 'up__raw')).toEqual([-32602, 'Unknown tool: up__raw']);
      expect(await refusal(other, 'cooked')).toEqual([-32602, 'Unknown tool: cooked']);
      expect(await toolsOf(other)).toContain('pid');
      expect(await toolsOf(other)).not.toContain('cooked');
    }
  });
});
