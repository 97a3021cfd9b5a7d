/**
 * What changes under the feet of clients: a role is taken away in another process, a server says something else of its tools,
 * the policy is another one.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configurationText } from '../gateway/gateway.ts';
import { openSession, send, stateless, type Message } from '../gateway/raw-client.ts';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import type { Inbox } from '../support/inbox.ts';
import { run } from '../support/process.ts';
import { openCaller, type Caller } from './callers.ts';
import { bearer, createIssuer, list, randomKey, startGuarded } from './support.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
/** What is promised: a change is in force within a second, and what is open with a right that ended ends within five. */
const IN_FORCE_MS = 1000;
const ENDED_MS = 5000;

const changed = ({ method }: Message): boolean => method === 'notifications/tools/list_changed';

async function names(caller: Pick<Caller, 'ask'>): Promise<string[]> {
  const { result } = JSON.parse(await caller.ask('tools/list')) as { result: { tools: { name: string }[] } };
  return result.tools.map(({ name }) => name);
}

async function keyVerb(home: TemporaryHome, words: readonly string[]): Promise<string> {
  const env = {
    ...home.env,
    SALLYPORT_HOME: join(home.path, 'state'),
    SALLYPORT_CONFIG: join(home.path, 'config.json'),
  };
  const done = await run(process.execPath, [bin, 'key', ...words], { env, cwd: home.path, timeoutMs: 20_000 });
  expect(done.code, done.stderr).toBe(0);
  return done.stdout.trim();
}

describe('a role that is taken away in another process', () => {
  it('AUT-08 while 50 calls run: new calls are denied in a second, the lists say so, and what was open is closed', async () => {
    await using home = await temporaryHome();
    const policy = { roles: { dev: {} }, rules: [{ effect: 'allow', roles: ['dev'], tools: ['up__*'] }] };
    await writeFile(join(home.path, 'config.json'), JSON.stringify({ mcpServers: {}, policy }), { mode: 0o600 });
    const key = await keyVerb(home, ['create', 'bob', '--role', 'dev']);
    const other = await keyVerb(home, ['create', 'eve', '--role', 'dev']);
    const stateDirectory = join(home.path, 'state');
    await using place = await startGuarded({ auth: { mode: 'key' }, store: 'sqlite', policy }, { stateDirectory });
    const { url } = place.started;
    const bob = await openSession(url, {}, bearer(key));
    const stream = await bob.listen();
    const modern = stateless(url, {}, bearer(key));
    const listening = await modern.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await listening.messages.until(({ message }) => message.method?.endsWith('acknowledged') === true, 'the ack');
    const socket = await openCaller('websocket', place.started, key);
    const eve = await openSession(url, {}, bearer(other));
    const eves = await eve.listen();
    const ends: string[] = [];
    const ended = (what: string) => (): void => void ends.push(what);
    for (let n = 0; n < 50; n++) {
      const sent = (n % 2 === 0 ? bob : modern).start('tools/call', { name: 'up__hold', arguments: { name: n } });
      void sent.then(({ last }) => last).then(ended('an answer'), ended('a call'));
    }
    for (const inbox of [
      stream.messages,
      listening.messages,
      (socket.channel as NonNullable<Caller['channel']>).heard,
    ]) {
      void (inbox as Inbox<unknown>).until(() => false, 'its end', 60_000).catch(ended('a stream'));
    }
    await expect.poll(() => place.up.server.of('tools/call').length).toBe(50);

    await keyVerb(home, ['roles', 'bob', '--none']);
    const denied = async (): Promise<number | undefined> =>
      (await modern.call('tools/call', { name: 'up__pid', arguments: {} })).error?.code;
    await expect.poll(denied, { timeout: IN_FORCE_MS, interval: 20 }).toBe(-32602);
    const reached = place.up.server.of('tools/call').length;
    await expect.poll(() => ends.length, { timeout: ENDED_MS }).toBe(53);
    expect(ends.filter((each) => each === 'an answer')).toEqual([]);
    // The session goes on with the rights that are left, and learns at its next stream that the lists are others.
    const again = await bob.listen();
    await again.messages.until(({ message }) => changed(message), 'list_changed');
    expect(await names({ ask: async (method) => (await (await bob.start(method)).last).text })).toEqual([]);
    expect((await bob.call('tools/call', { name: 'up__pid', arguments: {} })).error?.message).toBe(
      'Unknown tool: up__pid',
    );
    expect(place.up.server.of('tools/call')).toHaveLength(reached);
    expect(eves.messages.items).toEqual([]);
    expect((await eve.call('tools/call', { name: 'up__pid', arguments: {} })).error).toBeUndefined();
    for (const reply of [again, eves]) reply.abort();
  });
});

describe('a call that waits for a person', () => {
  it('AUT-08 goes on with the rights that its caller has when the person says yes', async () => {
    await using home = await temporaryHome();
    const rules = [{ effect: 'ask', roles: ['dev'], tools: ['up__number'] }];
    const policy = { roles: { dev: {} }, rules };
    await writeFile(join(home.path, 'config.json'), JSON.stringify({ mcpServers: {}, policy }), { mode: 0o600 });
    const key = await keyVerb(home, ['create', 'bob', '--role', 'dev']);
    const stateDirectory = join(home.path, 'state');
    await using place = await startGuarded({ auth: { mode: 'key' }, store: 'sqlite', policy }, { stateDirectory });
    const bob = await openSession(place.started.url, { elicitation: {} }, bearer(key));
    const pending = await bob.start('tools/call', { name: 'up__number', arguments: { n: 1 } });
    const asked = ({ message }: { readonly message: Message }): boolean => message.method === 'elicitation/create';
    const { message } = await pending.messages.until(asked, 'the question');
    await keyVerb(home, ['roles', 'bob', '--none']);
    // The stream of the call is cut: its caller has become somebody else. The session and its question are still there.
    await expect(pending.last).resolves.toMatchObject({ message });
    await bob.tell({ id: message.id, result: { action: 'accept', content: { approve: true } } });
    const called = (): number => place.up.server.of('tools/call').length;
    const refused = (): number => place.started.log.items.filter(({ text }) => text === 'a call failed').length;
    await expect.poll(() => called() + refused()).toBe(1);
    expect(called()).toBe(0);
  });
});

describe('what a server says of its tools', () => {
  const READS = { readOnlyHint: true };
  const tool = (name: string, annotations: object): Record<string, unknown> => ({
    name,
    annotations,
    inputSchema: { type: 'object' },
  });

  it('AUT-11 is believed as it was first said: a tool that becomes harmless stays withheld, one that no longer is goes', async () => {
    const key = randomKey();
    const tools = [tool('pid', READS), tool('raw', { destructiveHint: true }), tool('number', READS)];
    await using place = await startGuarded(
      { auth: { keys: [{ name: 'vic', key, roles: ['viewer'] }] }, policy: {} },
      { server: { tools } },
    );
    await using caller = await openCaller('session', place.started, key);
    expect(await names(caller)).toEqual(['up__pid', 'up__number']);
    tools[1] = tool('raw', { readOnlyHint: true, destructiveHint: false });
    tools[2] = tool('number', { readOnlyHint: false });
    tools.push(tool('held', READS));
    place.up.server.broadcast('notifications/tools/list_changed');
    await expect.poll(() => names(caller)).toEqual(['up__pid', 'up__held']);
    for (const name of ['up__raw', 'up__number']) {
      expect(await caller.ask('tools/call', { name, arguments: {} })).toContain(`"Unknown tool: ${name}"`);
    }
    expect(place.up.server.of('tools/call')).toEqual([]);
  });

  it.each(['session', 'stateless', 'websocket', 'sse'] as const)(
    'P4-16 opens no read-only server and no list of tools, by %s',
    async (way) => {
      const key = randomKey();
      const tools = [tool('pid', READS), tool('raw', {}), tool('number', { readOnlyHint: false })];
      await using up = await startGuarded({}, { server: { tools } });
      const server = { url: up.up.url, type: 'http' };
      await using place = await startGuarded({
        mcpServers: {
          quiet: { ...server, readOnly: true },
          two: { ...server, tools: { allow: ['pid', 'raw'] } },
        },
        auth: { keys: [{ name: 'ann', key }] },
      });
      await using caller = await openCaller(way, place.started, key);
      const shown = ['quiet__pid', 'two__pid', 'two__raw'];
      expect(await names(caller)).toEqual(shown);
      tools[1] = tool('raw', READS);
      tools[2] = tool('number', READS);
      up.up.server.broadcast('notifications/tools/list_changed');
      await place.started.gateway.rooms.catalog.root.ready();
      expect(await names(caller)).toEqual(shown);
      for (const name of ['quiet__raw', 'quiet__number', 'two__number', 'two__held']) {
        expect(await caller.ask('tools/call', { name, arguments: {} })).toContain(`"Unknown tool: ${name}"`);
      }
      expect(up.up.server.of('tools/call')).toEqual([]);
    },
  );
});

describe('a key of the configuration', () => {
  it('P3-14 that is taken out of the file is refused at once, and what is open with it ends; the others go on', async () => {
    await using home = await temporaryHome();
    const [lost, kept, file] = [randomKey(), randomKey(), join(home.path, 'sallyport.json')];
    const keys = [
      { name: 'lost', key: lost },
      { name: 'kept', key: kept },
    ];
    await using place = await startGuarded({ auth: { keys } }, { file });
    const { gateway, url } = place.started;
    const streams = await Promise.all(
      [lost, kept].map(async (key) => await (await openSession(url, {}, bearer(key))).listen()),
    );
    const ended: number[] = [];
    streams.forEach(({ messages }, at) => {
      void messages.until(() => false, 'its end', 60_000).catch(() => ended.push(at));
    });
    const mcpServers = { up: { url: place.up.url, type: 'http' } };
    await writeFile(file, configurationText({ mcpServers, auth: { keys: keys.slice(1) } }));
    await gateway.reload();
    expect((await list(url, bearer(lost))).status).toBe(401);
    await expect.poll(() => ended, { timeout: ENDED_MS }).toEqual([0]);
    expect((await list(url, bearer(kept))).status).toBe(200);
    // Another key lets somebody in: that takes a restart.
    await writeFile(file, configurationText({ mcpServers, auth: { keys } }));
    expect(await gateway.reload()).toMatchObject({ status: 'refused' });
    expect((await list(url, bearer(lost))).status).toBe(401);
    streams[1]?.abort();
  });
});

describe('another policy', () => {
  const ALLOW = [{ effect: 'allow', tools: ['up__pid', 'up__number', 'up__raw'] }];
  const DENY = { effect: 'deny', tools: ['up__raw'] };

  it('P2-16 that allows less is in force at once, and its clients hear of it; one that allows more is refused', async () => {
    await using home = await temporaryHome();
    const [key, file] = [randomKey(), join(home.path, 'sallyport.json')];
    const auth = { keys: [{ name: 'ann', key }] };
    await using place = await startGuarded({ auth, policy: { rules: ALLOW } }, { file });
    const { gateway } = place.started;
    const mcpServers = { up: { url: place.up.url, type: 'http' } };
    const write = (rules: readonly object[], more: object = {}): Promise<void> =>
      writeFile(file, configurationText({ mcpServers, auth, policy: { rules, ...more } }));
    await place.started.gateway.rooms.catalog.root.ready();
    const ann = await openSession(place.started.url, {}, bearer(key));
    const caller = { ask: async (method: string) => (await (await ann.start(method)).last).text };
    const stream = await ann.listen();
    const modern = stateless(place.started.url, {}, bearer(key));
    const listening = await modern.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    expect(await names(caller)).toEqual(['up__raw', 'up__pid', 'up__number']);

    await write([...ALLOW, DENY]);
    await stream.messages.until(({ message }) => changed(message), 'list_changed in the session');
    await listening.messages.until(({ message }) => changed(message), 'list_changed without one');
    expect(await names(caller)).toEqual(['up__pid', 'up__number']);
    const refused = await ann.call('tools/call', { name: 'up__raw', arguments: {} });
    expect(refused.error?.message).toBe('Unknown tool: up__raw');

    const openings = [
      { rules: ALLOW, more: {} },
      { rules: [...ALLOW, DENY], more: { default: 'allow' } },
      { rules: [...ALLOW, { ...DENY, when: 'arguments.x == 1' }], more: {} },
    ];
    for (const { rules, more } of openings) {
      await write(rules, more);
      expect(await gateway.reload()).toMatchObject({ status: 'refused' });
      expect((await ann.call('tools/call', { name: 'up__raw', arguments: {} })).error?.code).toBe(-32602);
    }
    await writeFile(file, configurationText({ mcpServers, auth: { mode: 'none' } }));
    expect(await gateway.reload()).toMatchObject({ status: 'refused' });
    expect((await list(place.started.url)).status).toBe(401);
    expect((await ann.call('tools/call', { name: 'up__raw', arguments: {} })).error?.code).toBe(-32602);
    for (const reply of [stream, listening]) reply.abort();
  });

  it('AUT-02 ends subscriptions to what it withholds', async () => {
    await using home = await temporaryHome();
    const [key, file] = [randomKey(), join(home.path, 'sallyport.json')];
    const auth = { keys: [{ name: 'ann', key }] };
    const uris = ['raw://open', 'raw://closed'];
    const allow = { effect: 'allow', resources: ['raw://*'] };
    await using place = await startGuarded(
      { auth, policy: { rules: [allow] } },
      { file, server: { resources: uris.map((uri) => ({ uri, name: uri })) } },
    );
    await place.started.gateway.rooms.catalog.root.ready();
    const ann = await openSession(place.started.url, {}, bearer(key));
    const stream = await ann.listen();
    for (const uri of uris) expect((await ann.call('resources/subscribe', { uri })).error).toBeUndefined();
    const update = (uri: string): void => place.up.server.broadcast('notifications/resources/updated', { uri });
    const heard = (uri: string) => stream.messages.until(({ text }) => text.includes(`"uri":"${uri}"`), uri);
    await expect.poll(() => place.up.server.of('resources/subscribe').length).toBe(2);
    update('raw://closed');
    await heard('raw://closed');
    const deny = { effect: 'deny', resources: ['raw://closed'] };
    const mcpServers = { up: { url: place.up.url, type: 'http' } };
    await writeFile(file, configurationText({ mcpServers, auth, policy: { rules: [allow, deny] } }));
    await stream.messages.until(({ message }) => message.method === 'notifications/resources/list_changed', 'the news');
    const count = stream.messages.items.length;
    update('raw://closed');
    update('raw://open');
    await heard('raw://open');
    expect(stream.messages.items.slice(count).some(({ text }) => text.includes('raw://closed'))).toBe(false);
    const [hidden, absent] = await Promise.all(
      ['raw://closed', 'none://x'].map((uri) => ann.call('resources/subscribe', { uri })),
    );
    expect(hidden?.error?.code).toBe(absent?.error?.code);
    expect(hidden?.error?.message.replace('raw://closed', '…')).toBe(absent?.error?.message.replace('none://x', '…'));
    stream.abort();
  });

  it('AUT-08 ends no session of somebody else: an id that is known is not enough', async () => {
    const [ann, bob] = [randomKey(), randomKey()];
    const issuer = createIssuer();
    const keys = [
      { name: 'ann', key: ann },
      { name: 'bob', key: bob },
    ];
    await using place = await startGuarded({ auth: { mode: ['key', 'jwt'], keys, jwt: issuer.settings } });
    // One of another issuer is somebody else, whatever name it has there.
    const namesake = issuer.token({ aud: place.started.url, sub: 'ann' });
    const session = await openSession(place.started.url, {}, bearer(ann));
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
    const stealing = ['POST', 'GET', 'DELETE'].flatMap((method) => [bob, namesake].map((by) => ({ method, by })));
    for (const { method, by } of stealing) {
      const accept = method === 'GET' ? { accept: 'text/event-stream' } : {};
      const headers = { ...session.headers, ...bearer(by), ...accept };
      const stolen = await send(place.started.url, method === 'POST' ? body : undefined, headers, method);
      expect([method, stolen.status]).toEqual([method, 404]);
      stolen.abort();
    }
    expect((await session.call('tools/list')).error).toBeUndefined();
  });
});
