import type { Answer, Exchange, Principal, Session } from '@sallyport/server';
import { principalKey } from '@sallyport/server';
import type { JsonObject, JsonRpcNotification } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Audience, Owner, Step, Vantage } from '../call.ts';
import { SubscriptionsRoom } from './index.ts';
import { createSessionStep } from './session-step.ts';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

interface Client {
  readonly got: JsonRpcNotification[];
}

type FakeSession = Session & Client;

const EVERYTHING: Omit<Audience, 'key'> = {
  maySee: () => true,
  mayUse: () => true,
  mayKnow: () => true,
  mayEnter: () => true,
};

function ownerOf(principal: Principal): Owner {
  return { key: principalKey(principal), principal };
}

const ME = { issuer: 'local', subject: 'me', roles: [] };

function sessionAt(endpoint: string, principal: Principal = ME): FakeSession {
  const got: JsonRpcNotification[] = [];
  return { endpoint, principal, got, notify: (message: JsonRpcNotification) => void got.push(message) } as never;
}

type FakeExchange = Exchange & Client & { readonly cancel: () => void };

function listenAt(endpoint: string, notifications: JsonObject, principal: Principal = ME): FakeExchange {
  const got: JsonRpcNotification[] = [];
  const listeners: (() => void)[] = [];
  return {
    endpoint,
    principal,
    client: { capabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } },
    era: 'stateless',
    message: { jsonrpc: '2.0', id: 7, method: 'subscriptions/listen', params: { notifications } },
    got,
    notify: (message: JsonRpcNotification) => void got.push(message),
    onCancel: (listener: () => void) => void listeners.push(listener),
    cancel: () => {
      for (const listener of listeners) listener();
    },
  } as never;
}

interface Setting {
  readonly room: SubscriptionsRoom;
  /** By endpoint, then by URI. */
  readonly owners: Record<string, Record<string, string>>;
  /** By subject; whoever is not here sees everything. */
  readonly audiences: Record<string, Audience>;
  readonly wants: string[];
  /** What was asked for later, oldest first; 50 ms each. */
  readonly timers: (() => void)[];
}

function setting(limits = { subscriptions: 1000, streams: 100 }): Setting {
  const owners: Setting['owners'] = {
    '/mcp': { 'x:1': 'a', 'x:2': 'a', 'y:1': 'b', 'mute:1': 'mute' },
    '/mcp/s/b': { 'x:1': 'b', 'y:1': 'b' },
  };
  const audiences: Setting['audiences'] = {};
  const wants: string[] = [];
  const timers: Setting['timers'] = [];
  const room = new SubscriptionsRoom({
    ownerOf: (uri, { audience, endpoint }) => {
      const owner = owners[endpoint]?.[uri];
      return owner === undefined || audience?.maySee('resource', owner, uri) === false ? undefined : owner;
    },
    audienceOf: ({ principal }) => audiences[principal.subject],
    changeBetween: () => ({ kinds: new Set(['resources'] as const), owners: true }),
    supports: (server) => server !== 'mute',
    instanceOf: (server, owner) =>
      server.startsWith('personal')
        ? { key: `of ${owner.key}`, owner: owner.key, principal: owner.principal }
        : undefined,
    want: (server, uris, instance) =>
      wants.push([`${server}${instance === undefined ? '' : ` of ${instance.principal.subject}`}:`, ...uris].join(' ')),
    listenable: (_exchange, [taskId = '']) => [{ taskId, server: 'a', original: 'own', instance: undefined }],
    taskNews: {
      want: (server, taskIds) => wants.push(['tasks of', server, ...taskIds].join(' ')),
      handle: () => Promise.reject(new Error('nothing is asked')),
      textOf: () => Promise.reject(new Error('nothing is asked')),
    },
    looking: () => () => false,
    awaits: () => undefined,
    info: { name: 'gateway' },
    limits: () => limits,
    setTimer: (fire, ms) => {
      expect(ms).toBe(50);
      timers.push(fire);
      return () => undefined;
    },
  });
  return { room, owners, audiences, wants, timers };
}

/** Of one who may read all that it names. */
const listen = (room: SubscriptionsRoom, exchange: Exchange): Promise<Answer> =>
  room.listen(exchange, room.named(exchange));
const at = (endpoint: string): Vantage => ({ endpoint, audience: undefined });
const endpoints = (room: SubscriptionsRoom): string[] => [...room.vantages()].map(({ endpoint }) => endpoint);

function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

const updated = (uri: string): JsonRpcNotification => ({
  jsonrpc: '2.0',
  method: 'notifications/resources/updated',
  params: { uri },
});
const methods = ({ got }: Client): string[] => got.splice(0).map(({ method }) => method.replace('notifications/', ''));
const uris = ({ got }: Client): unknown[] => got.splice(0).map(({ params }) => params?.['uri']);

describe('changes of lists', () => {
  it('go to those who are at the endpoint, and asked for them', () => {
    const { room } = setting();
    const [here, there] = [sessionAt('/mcp'), sessionAt('/mcp/s/b')];
    room.sessionOpened(here);
    room.sessionOpened(there);
    const [tools, prompts] = [
      listenAt('/mcp', { toolsListChanged: true }),
      listenAt('/mcp', { promptsListChanged: true, toolsListChanged: 'yes' }),
    ];
    void listen(room, tools);
    void listen(room, prompts);
    expect(endpoints(room)).toEqual(['/mcp', '/mcp/s/b']);
    room.listChanged(at('/mcp'), new Set(['tools']));
    room.listChanged(at('/mcp/v/nobody'), new Set(['tools']));
    expect([methods(here), methods(there)]).toEqual([['tools/list_changed'], []]);
    expect(methods(tools)).toEqual(['subscriptions/acknowledged', 'tools/list_changed']);
    expect(methods(prompts)).toEqual(['subscriptions/acknowledged']);
    room.sessionClosed(here);
    tools.cancel();
    prompts.cancel();
    expect(endpoints(room)).toEqual(['/mcp/s/b']);
    room.listChanged(at('/mcp'), new Set(['tools']));
    expect([here.got, tools.got]).toEqual([[], []]);
  });
});

describe('subscriptions', () => {
  it('reach the owner of a URI at the endpoint of whoever subscribes', () => {
    const { room, wants } = setting();
    const [root, other, alone] = [sessionAt('/mcp'), sessionAt('/mcp'), sessionAt('/mcp/s/b')];
    for (const session of [root, other, alone]) room.sessionOpened(session);
    const stream = listenAt('/mcp/s/b', { resourceSubscriptions: ['x:1', 'none:1', 4] });
    expect([root, other, alone].map((session) => room.subscribe(session, 'x:1'))).toEqual(Array(3).fill('subscribed'));
    void listen(room, stream);
    expect(stream.got.shift()?.params).toEqual({
      notifications: { resourceSubscriptions: ['x:1'] },
      _meta: { [SUBSCRIPTION]: 7 },
    });
    // Once each, however many want it.
    expect(wants.splice(0)).toEqual(['a: x:1', 'b: x:1']);
    room.updated('a', updated('x:1'));
    expect([root, other, alone, stream].map(uris)).toEqual([['x:1'], ['x:1'], [], []]);
    room.updated('b', updated('x:1/part'));
    expect([root, other, alone, stream].map(uris)).toEqual([[], [], ['x:1/part'], ['x:1/part']]);
    room.updated('b', updated('x:11'));
    expect([alone, stream].map(uris)).toEqual([[], []]);
    room.unsubscribe(root, 'x:1');
    room.unsubscribe(root, 'x:1');
    expect(wants).toEqual([]);
    room.sessionClosed(other);
    room.sessionClosed(alone);
    stream.cancel();
    expect(wants).toEqual(['a:', 'b:']);
  });

  it('are refused where nobody owns the URI or its owner reports nothing', () => {
    const { room, wants } = setting();
    const session = sessionAt('/mcp/s/b');
    expect(room.subscribe(session, 'x:1')).toBe('unknown');
    room.sessionOpened(session);
    expect(room.subscribe(session, 'x:2')).toBe('unknown');
    const root = sessionAt('/mcp');
    room.sessionOpened(root);
    expect([room.subscribe(root, 'x:2'), room.subscribe(root, 'mute:1')]).toEqual(['subscribed', 'unsupported']);
    expect(room.subscribe(root, 'x:2')).toBe('subscribed');
    expect(wants).toEqual(['a: x:2']);
  });

  it('are told again to a server that comes up, and not to one of which nothing is wanted', () => {
    const { room, wants } = setting();
    const session = sessionAt('/mcp');
    room.sessionOpened(session);
    room.subscribe(session, 'x:1');
    room.subscribe(session, 'x:2');
    wants.length = 0;
    room.renew('a');
    room.renew('b');
    expect(wants).toEqual(['a: x:1 x:2']);
  });

  it('go with the resource to another owner, and wait for one while there is none', () => {
    const { room, owners, wants } = setting();
    const session = sessionAt('/mcp');
    room.sessionOpened(session);
    room.subscribe(session, 'x:1');
    room.subscribe(session, 'x:2');
    wants.length = 0;
    owners['/mcp'] = { 'x:1': 'b' };
    room.ownersChanged(at('/mcp'));
    expect(wants.splice(0).toSorted()).toEqual(['a:', 'b: x:1']);
    room.updated('a', updated('x:1'));
    room.updated('b', updated('x:1'));
    expect(uris(session)).toEqual(['x:1']);
    owners['/mcp'] = { 'x:1': 'b', 'x:2': 'a' };
    room.ownersChanged(at('/mcp/s/b'));
    expect(wants).toEqual([]);
    room.ownersChanged(at('/mcp'));
    expect(wants).toEqual(['a: x:2']);
  });

  it('are forgotten with their server, quietly, unless another has the resource', () => {
    const { room, owners, wants } = setting();
    const [session, stream] = [sessionAt('/mcp'), listenAt('/mcp', { resourceSubscriptions: ['x:1', 'y:1'] })];
    room.sessionOpened(session);
    room.subscribe(session, 'x:1');
    room.subscribe(session, 'x:2');
    void listen(room, stream);
    wants.length = 0;
    owners['/mcp'] = { 'x:2': 'b', 'y:1': 'b' };
    room.serversRemoved(new Set(['a']));
    expect(wants).toEqual(['b: y:1 x:2']);
    wants.length = 0;
    owners['/mcp'] = { 'x:1': 'a', 'x:2': 'b', 'y:1': 'b' };
    room.ownersChanged(at('/mcp'));
    room.renew('a');
    expect(wants).toEqual([]);
    expect(methods(session)).toEqual([]);
  });
});

/** The end of every window that is open. */
function pass({ timers }: Setting): void {
  for (const fire of timers.splice(0)) fire();
}

describe('a server that reports without end', () => {
  it('P3-09 is told of once a window: at once, and with what it said last', () => {
    const set = setting();
    const { room } = set;
    const [session, stream] = [sessionAt('/mcp'), listenAt('/mcp', { resourceSubscriptions: ['x:1', 'x:2'] })];
    room.sessionOpened(session);
    for (const uri of ['x:1', 'x:2']) room.subscribe(session, uri);
    void listen(room, stream);
    stream.got.length = 0;
    const storm = (from: number): void => {
      for (let n = from; n < from + 5000; n++) {
        for (const uri of ['x:1', 'x:2']) {
          room.updated('a', { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri, n } });
        }
      }
    };
    const numbers = ({ got }: Client): string[] =>
      got.splice(0).map(({ params }) => `${params?.['uri'] as string} ${params?.['n'] as number}`);
    storm(0);
    expect([numbers(session), numbers(stream)]).toEqual([
      ['x:1 0', 'x:2 0'],
      ['x:1 0', 'x:2 0'],
    ]);
    pass(set);
    expect([numbers(session), numbers(stream)]).toEqual([
      ['x:1 4999', 'x:2 4999'],
      ['x:1 4999', 'x:2 4999'],
    ]);
    storm(5000);
    expect(numbers(session)).toEqual([]);
    pass(set);
    expect(numbers(session)).toEqual(['x:1 9999', 'x:2 9999']);
    pass(set);
    pass(set);
    expect([numbers(session), set.timers]).toEqual([[], []]);
    storm(0);
    expect(numbers(session)).toEqual(['x:1 0', 'x:2 0']);
  });

  it('P3-09 is told of once a window for each list that changes', () => {
    const set = setting();
    const session = sessionAt('/mcp');
    set.room.sessionOpened(session);
    for (let n = 0; n < 10_000; n++) set.room.listChanged(at('/mcp'), new Set(['tools', 'prompts']));
    expect(methods(session)).toEqual(['tools/list_changed', 'prompts/list_changed']);
    pass(set);
    expect(methods(session)).toEqual(['tools/list_changed', 'prompts/list_changed']);
    pass(set);
    expect([methods(session), set.timers]).toEqual([[], []]);
  });

  it('leaves no change unsaid to whoever comes in between, and says nothing to whoever has gone', () => {
    const set = setting();
    const [early, late] = [sessionAt('/mcp'), sessionAt('/mcp')];
    set.room.sessionOpened(early);
    set.room.subscribe(early, 'x:1');
    set.room.updated('a', updated('x:1'));
    set.room.sessionOpened(late);
    set.room.subscribe(late, 'x:1');
    set.room.updated('a', updated('x:1'));
    set.room.sessionClosed(early);
    pass(set);
    expect([early, late].map(uris)).toEqual([['x:1'], ['x:1']]);
  });

  it('keeps instances apart: what one says does not stand for another', () => {
    const { room } = setting();
    const you = { ...ME, subject: 'you' };
    const [mine, yours] = [sessionAt('/mcp'), sessionAt('/mcp', you)];
    for (const session of [mine, yours]) {
      room.sessionOpened(session);
      room.subscribe(session, 'x:1');
    }
    room.updated('a', updated('x:1'), ownerOf(ME));
    room.updated('a', updated('x:1'), ownerOf(you));
    expect([mine, yours].map(uris)).toEqual([['x:1'], ['x:1']]);
  });

  it("AUT-05 asks the instance of a principal for that one's resources alone, and hears of no other's", () => {
    const { audiences, owners, room, wants } = setting();
    const you = { ...ME, subject: 'you' };
    Object.assign(owners['/mcp'] ?? {}, { 'p:1': 'personal', 'p:2': 'personal' });
    for (const who of [ME, you]) audiences[who.subject] = { ...EVERYTHING, key: who.subject, owner: ownerOf(who) };
    const [mine, yours] = [sessionAt('/mcp'), sessionAt('/mcp', you)];
    for (const session of [mine, yours]) room.sessionOpened(session);
    room.subscribe(mine, 'p:1');
    room.subscribe(yours, 'p:1');
    room.subscribe(yours, 'p:2');
    room.subscribe(yours, 'x:1');
    expect(wants.splice(0)).toEqual([
      'personal of me: p:1',
      'personal of you: p:1',
      'personal of you: p:1 p:2',
      'a: x:1',
    ]);
    room.updated('personal', updated('p:1'), ownerOf(ME));
    room.updated('personal', updated('p:2'), ownerOf(ME));
    room.updated('personal', updated('p:1'));
    expect([mine, yours].map(uris)).toEqual([['p:1'], []]);
    room.renew('personal', ownerOf(you));
    room.renew('personal');
    room.unsubscribe(mine, 'p:1');
    expect(wants.splice(0)).toEqual(['personal of you: p:1 p:2', 'personal of me:']);
    room.serversRemoved(new Set(['personal']));
    room.renew('personal', ownerOf(you));
    expect(wants).toEqual([]);
  });

  it('may name parts without end: from some number on it is the whole that has changed', () => {
    const set = setting();
    const [session, other] = [sessionAt('/mcp'), sessionAt('/mcp')];
    for (const each of [session, other]) set.room.sessionOpened(each);
    set.room.subscribe(session, 'x:1');
    set.room.subscribe(other, 'x:2');
    for (let n = 0; n < 10_000; n++) set.room.updated('a', updated(`nobody:wants/${n}`));
    expect(set.timers).toEqual([]);
    for (let n = 0; n < 10_000; n++) set.room.updated('a', updated(`x:1/${n}`));
    const told = uris(session);
    expect(told).toHaveLength(101);
    expect(told.at(-1)).toBe('x:1');
    // As many windows as there were things to tell, and the whole has one more to tell.
    expect(set.timers).toHaveLength(101);
    pass(set);
    expect([session, other].map(uris)).toEqual([['x:1'], []]);
    set.room.updated('a', updated('x:2'));
    expect(uris(other)).toEqual(['x:2']);
  });
});

describe('DOS-10 a principal', () => {
  const full = (limit: string): unknown =>
    expect.objectContaining({ key: 'rate_limited', data: { limit, retryAfterMs: 1000 } });

  it('may have so many subscriptions, in all its sessions and listens', () => {
    const { room, wants } = setting({ subscriptions: 3, streams: 100 });
    const [one, other, you] = [sessionAt('/mcp'), sessionAt('/mcp/s/b'), sessionAt('/mcp', { ...ME, issuer: 'else' })];
    for (const session of [one, other, you]) room.sessionOpened(session);
    const stream = listenAt('/mcp', { resourceSubscriptions: ['y:1', 'unknown:1'] });
    void listen(room, stream);
    expect([room.subscribe(one, 'x:1'), room.subscribe(other, 'x:1')]).toEqual(['subscribed', 'subscribed']);
    wants.length = 0;
    expect(thrown(() => room.subscribe(one, 'x:2'))).toEqual(full('subscriptions'));
    expect(thrown(() => listen(room, listenAt('/mcp', { resourceSubscriptions: ['x:2'] })))).toEqual(
      full('subscriptions'),
    );
    expect(wants).toEqual([]);
    // What it has it may ask for again, and others have their own.
    expect([room.subscribe(one, 'x:1'), room.subscribe(you, 'x:2')]).toEqual(['subscribed', 'subscribed']);
    void listen(room, listenAt('/mcp', { toolsListChanged: true }));
    room.unsubscribe(one, 'x:1');
    expect(room.subscribe(one, 'x:2')).toBe('subscribed');
    stream.cancel();
    expect(room.subscribe(one, 'x:1')).toBe('subscribed');
    room.sessionClosed(other);
    expect(room.subscribe(one, 'y:1')).toBe('subscribed');
    expect(thrown(() => room.subscribe(one, 'x:3'))).toBe('unknown');
  });

  it('may not name more than it may have in one listen: nothing is looked up', () => {
    const { room } = setting({ subscriptions: 3, streams: 100 });
    const many = Array.from({ length: 4 }, (_, n) => `unknown:${n}`);
    expect(thrown(() => listen(room, listenAt('/mcp', { resourceSubscriptions: many })))).toEqual(
      full('subscriptions'),
    );
  });

  it('may name no URI that is longer than any, and only so many characters together', async () => {
    const { room, owners, wants } = setting({ subscriptions: 1000, streams: 100 });
    const session = sessionAt('/mcp');
    const you = sessionAt('/mcp', { ...ME, subject: 'you' });
    for (const each of [session, you]) room.sessionOpened(each);
    const uri = (n: number, length = 8192): string => `x:${n}:`.padEnd(length, '-');
    const at8192 = Array.from({ length: 129 }, (_, n) => uri(n));
    const long = uri(0, 8193);
    owners['/mcp'] = Object.fromEntries([...at8192, 'x:1', long].map((each) => [each, 'a']));
    const tooLong = expect.objectContaining({ key: 'invalid_params' }) as unknown;
    expect(thrown(() => room.subscribe(session, long))).toEqual(tooLong);
    expect(thrown(() => listen(room, listenAt('/mcp', { resourceSubscriptions: ['x:1', long] })))).toEqual(tooLong);
    expect(wants).toEqual([]);
    // 64 in a session and 64 in a listen are 1 MiB: then not even a short one more.
    for (const each of at8192.slice(0, 64)) expect(room.subscribe(session, each)).toBe('subscribed');
    const stream = listenAt('/mcp', { resourceSubscriptions: at8192.slice(64, 128) });
    void listen(room, stream);
    expect(thrown(() => room.subscribe(session, 'x:1'))).toEqual(full('subscriptions'));
    expect(thrown(() => listen(room, listenAt('/mcp', { resourceSubscriptions: ['x:1'] })))).toEqual(
      full('subscriptions'),
    );
    expect(room.subscribe(you, 'x:1')).toBe('subscribed');
    stream.cancel();
    expect(room.subscribe(session, 'x:1')).toBe('subscribed');
  });

  it('may have so many listens open, and one more when one has ended', () => {
    const { room } = setting({ subscriptions: 3, streams: 2 });
    const [one, other] = [listenAt('/mcp', {}), listenAt('/mcp/s/b', {})];
    void listen(room, one);
    void listen(room, other);
    expect(thrown(() => listen(room, listenAt('/mcp', {})))).toEqual(full('streams'));
    void listen(room, listenAt('/mcp', {}, { ...ME, subject: 'you' }));
    other.cancel();
    void listen(room, listenAt('/mcp', {}));
    expect(endpoints(room)).toEqual(['/mcp']);
  });
});

describe('the end of a listen', () => {
  const complete = { kind: 'value', result: expect.objectContaining({ resultType: 'complete' }) as unknown };

  it('comes with its endpoint, and leaves the others', async () => {
    const { room, wants } = setting();
    const [gone, other] = [listenAt('/mcp/s/b', { resourceSubscriptions: ['x:1'] }), listenAt('/mcp', {})];
    const answers = [listen(room, gone), listen(room, other)] as const;
    let open = true;
    void answers[1].then(() => (open = false));
    room.endpointGone('/mcp/s/b');
    const answer = (await answers[0]) as Answer & { readonly kind: 'value' };
    expect(answer.result).toMatchObject({ resultType: 'complete', _meta: { [SUBSCRIPTION]: 7 } });
    expect(wants).toEqual(['b: x:1', 'b:']);
    expect([open, endpoints(room)]).toEqual([true, ['/mcp']]);
  });

  it('comes with that of the gateway, also for one that is late', async () => {
    const { room } = setting();
    const early = listen(room, listenAt('/mcp', {}));
    room.close();
    const late = listenAt('/mcp', {});
    expect(await Promise.all([early, listen(room, late)])).toEqual([complete, complete]);
    expect(methods(late)).toEqual(['subscriptions/acknowledged']);
    expect(endpoints(room)).toEqual([]);
  });
});

describe('the step', () => {
  it('waits for the resources of the endpoint before a URI is looked up, and only then', async () => {
    const { room, owners } = setting();
    const waited: string[] = [];
    const step = createSessionStep({
      subscriptions: room,
      levelChanged: () => undefined,
      mayRead: () => true,
      resourcesReady: async ({ endpoint }) => {
        waited.push(endpoint);
        owners[endpoint] = { 'late:1': 'a' };
      },
    });
    const never = (): Promise<never> => Promise.reject(new Error('this is the end of the route'));
    const named = listenAt('/mcp/v/late', { resourceSubscriptions: ['late:1'] });
    const unnamed = listenAt('/mcp/v/other', { toolsListChanged: true });
    const open = [step({ exchange: named }, never), step({ exchange: unnamed }, never)];
    await Promise.resolve();
    await Promise.resolve();
    room.close();
    await Promise.all(open);
    expect(waited).toEqual(['/mcp/v/late']);
    expect(named.got[0]?.params?.['notifications']).toEqual({ resourceSubscriptions: ['late:1'] });
    const session = sessionAt('/mcp/v/late2');
    room.sessionOpened(session);
    const message = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'late:1' } };
    await step(
      { exchange: { ...unnamed, endpoint: '/mcp/v/late2', era: 'session', message, session } as never },
      never,
    );
    expect(waited).toEqual(['/mcp/v/late', '/mcp/v/late2']);
  });
});

describe('a subscription is decided as a read', () => {
  interface Asked {
    readonly step: Step;
    readonly asked: string[];
  }

  /** `x:1` alone may be read; a promise for what begins with `y`. */
  function asking({ room }: Setting): Asked {
    const asked: string[] = [];
    const step = createSessionStep({
      subscriptions: room,
      levelChanged: () => undefined,
      resourcesReady: () => Promise.resolve(),
      mayRead: (_exchange, uri) => {
        asked.push(uri);
        return uri.startsWith('y') ? Promise.resolve(false) : uri === 'x:1';
      },
    });
    return { step, asked };
  }

  const never = (): Promise<never> => Promise.reject(new Error('this is the end of the route'));

  async function subscribe(step: Step, session: FakeSession, uri: string): Promise<unknown> {
    const message = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri } };
    const exchange = { ...session, era: 'session', message, session };
    return await step({ exchange: exchange as never }, never).catch((error: unknown) => error);
  }

  it('AUT-02 before its server hears of it: what may not be read is unknown', async () => {
    const set = setting();
    const { step, asked } = asking(set);
    const session = sessionAt('/mcp');
    set.room.sessionOpened(session);
    for (const uri of ['x:2', 'y:1']) {
      expect(await subscribe(step, session, uri)).toMatchObject({ key: 'resource_not_found', data: { uri } });
    }
    expect(set.wants).toEqual([]);
    expect(await subscribe(step, session, 'x:1')).toEqual({ kind: 'value', result: {} });
    expect([asked, set.wants]).toEqual([['x:2', 'y:1', 'x:1'], ['a: x:1']]);
  });

  it('AUT-02 each URI of a listen by itself', async () => {
    const set = setting();
    const { step, asked } = asking(set);
    const exchange = listenAt('/mcp', { resourceSubscriptions: ['y:1', 'x:1', 'x:2', 'x:1'] });
    const answer = step({ exchange }, never);
    await expect.poll(() => exchange.got.length).toBe(1);
    expect(exchange.got[0]?.params?.['notifications']).toEqual({ resourceSubscriptions: ['x:1'] });
    expect([asked, set.wants]).toEqual([['y:1', 'x:1', 'x:2'], ['a: x:1']]);
    set.room.updated('b', updated('y:1'));
    expect(exchange.got).toHaveLength(1);
    set.room.close();
    await answer;
  });

  it('and nothing is asked for more than may be had, nor when nobody listens any more', async () => {
    const set = setting({ subscriptions: 2, streams: 1 });
    const { step, asked } = asking(set);
    const refused = async (...named: readonly string[]): Promise<unknown> =>
      await step({ exchange: listenAt('/mcp', { resourceSubscriptions: [...named] }) }, never).catch(
        (error: unknown) => error,
      );
    expect(await refused('x:1', 'x:2', 'y:1')).toMatchObject({ key: 'rate_limited' });
    const long = 'x:'.padEnd(8193, '-');
    expect(await refused(long)).toMatchObject({ key: 'invalid_params' });
    expect(await subscribe(step, sessionAt('/mcp'), long)).toMatchObject({ key: 'invalid_params' });
    const gone = { ...listenAt('/mcp', { resourceSubscriptions: ['x:1'] }), cancelled: true };
    void step({ exchange: gone }, never);
    await expect.poll(() => gone.got.length).toBe(1);
    expect(gone.got[0]?.params?.['notifications']).toEqual({ resourceSubscriptions: [] });
    expect(await refused('x:1')).toMatchObject({ key: 'rate_limited', data: { limit: 'streams' } });
    expect(asked).toEqual([]);
  });
});

describe('what a policy leaves of it', () => {
  const only = (key: string, ...seen: readonly string[]): Audience => ({
    key,
    maySee: (_, __, id) => seen.includes(id),
    mayUse: () => true,
    mayKnow: () => true,
    mayEnter: () => true,
  });
  const [alice, bob]: Principal[] = [
    { ...ME, subject: 'alice' },
    { ...ME, subject: 'bob' },
  ];

  it('AUT-02 is subscribed to and heard of by those who may see it', () => {
    const { room, audiences, wants } = setting();
    audiences['alice'] = only('a', 'x:1');
    const session = sessionAt('/mcp', alice);
    room.sessionOpened(session);
    expect([room.subscribe(session, 'x:1'), room.subscribe(session, 'x:2')]).toEqual(['subscribed', 'unknown']);
    const listener = listenAt('/mcp', { resourceSubscriptions: ['x:1', 'x:2'] }, alice);
    void listen(room, listener);
    expect(listener.got[0]?.params?.['notifications']).toEqual({ resourceSubscriptions: ['x:1'] });
    expect(wants).toEqual(['a: x:1']);
  });

  it('changes of lists are told to those who see the same', () => {
    const { room, audiences } = setting();
    audiences['alice'] = only('a', 'x:1');
    const [hers, his] = [sessionAt('/mcp', alice), sessionAt('/mcp', bob)];
    room.sessionOpened(hers);
    room.sessionOpened(his);
    expect([...room.vantages()]).toEqual([{ endpoint: '/mcp', audience: audiences['alice'] }, at('/mcp')]);
    room.listChanged({ endpoint: '/mcp', audience: audiences['alice'] }, new Set(['tools']));
    expect([methods(hers), methods(his)]).toEqual([['tools/list_changed'], []]);
  });

  it('AUT-08 ends what may not be seen any more, and says that the lists are others', () => {
    const { room, audiences, wants } = setting();
    const [hers, his] = [sessionAt('/mcp', alice), sessionAt('/mcp', bob)];
    for (const session of [hers, his]) {
      room.sessionOpened(session);
      room.subscribe(session, 'x:1');
    }
    const listener = listenAt('/mcp', { resourcesListChanged: true, resourceSubscriptions: ['x:1'] }, alice);
    void listen(room, listener);
    methods(listener);
    const before = room.standing();
    audiences['alice'] = only('nothing');
    // Before anybody has told it: what may not be seen is not heard of.
    room.updated('a', updated('x:1'));
    expect([uris(hers), uris(his), uris(listener)]).toEqual([[], ['x:1'], []]);
    room.audiencesChanged(before);
    expect([methods(hers), methods(his), methods(listener)]).toEqual([
      ['resources/list_changed'],
      [],
      ['resources/list_changed'],
    ]);
    room.unsubscribe(his, 'x:1');
    expect(wants.at(-1)).toBe('a:');
  });
});

describe('tasks that are listened to', () => {
  it('are acknowledged as far as there will be news of them, and end with the listen', async () => {
    const { room, wants } = setting();
    const exchange = listenAt('/mcp', { taskIds: ['t1', 't2', 't1'] });
    const done = listen(room, exchange);
    expect(exchange.got[0]?.params).toMatchObject({ notifications: { taskIds: ['t1'] } });
    expect(wants).toEqual(['tasks of a own']);
    exchange.cancel();
    await done;
    expect(wants.slice(1)).toEqual(['tasks of a']);
  });

  it('are refused to whoever has not declared the extension, and count as subscriptions', () => {
    const { room } = setting({ subscriptions: 2, streams: 100 });
    const undeclared = { ...listenAt('/mcp', { taskIds: ['t1'] }), client: { capabilities: {} } } as FakeExchange;
    expect(thrown(() => room.named(undeclared))).toMatchObject({
      key: 'missing_capability',
      data: { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } },
    });
    const many = listenAt('/mcp', { taskIds: ['t1', 't2'], resourceSubscriptions: ['x:1'] });
    expect(thrown(() => room.named(many))).toMatchObject({ key: 'rate_limited' });
    void listen(room, listenAt('/mcp', { taskIds: ['t1', 't2'] }));
    for (const more of [{ taskIds: ['t3'] }, { resourceSubscriptions: ['x:1'] }])
      expect(thrown(() => void listen(room, listenAt('/mcp', more)))).toMatchObject({ key: 'rate_limited' });
  });
});
