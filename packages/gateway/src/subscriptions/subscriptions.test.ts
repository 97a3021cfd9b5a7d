import type { Answer, Exchange, Session } from '@sallyport/server';
import type { JsonObject, JsonRpcNotification } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { SubscriptionsRoom } from './index.ts';
import { createSessionStep } from './session-step.ts';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

interface Client {
  readonly got: JsonRpcNotification[];
}

type FakeSession = Session & Client;

function sessionAt(endpoint: string): FakeSession {
  const got: JsonRpcNotification[] = [];
  return { endpoint, got, notify: (message: JsonRpcNotification) => void got.push(message) } as never;
}

type FakeExchange = Exchange & Client & { readonly cancel: () => void };

function listenAt(endpoint: string, notifications: JsonObject, id = 7): FakeExchange {
  const got: JsonRpcNotification[] = [];
  const listeners: (() => void)[] = [];
  return {
    endpoint,
    era: 'stateless',
    message: { jsonrpc: '2.0', id, method: 'subscriptions/listen', params: { notifications } },
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
  readonly wants: string[];
}

function setting(): Setting {
  const owners: Setting['owners'] = {
    '/mcp': { 'x:1': 'a', 'x:2': 'a', 'y:1': 'b', 'mute:1': 'mute' },
    '/mcp/s/b': { 'x:1': 'b', 'y:1': 'b' },
  };
  const wants: string[] = [];
  const room = new SubscriptionsRoom({
    ownerOf: (uri, endpoint) => owners[endpoint]?.[uri],
    supports: (server) => server !== 'mute',
    want: (server, uris) => wants.push([`${server}:`, ...uris].join(' ')),
    info: { name: 'gateway' },
  });
  return { room, owners, wants };
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
    void room.listen(tools);
    void room.listen(prompts);
    expect([...room.endpoints()]).toEqual(['/mcp', '/mcp/s/b']);
    room.listChanged('/mcp', new Set(['tools']));
    room.listChanged('/mcp/v/nobody', new Set(['tools']));
    expect([methods(here), methods(there)]).toEqual([['tools/list_changed'], []]);
    expect(methods(tools)).toEqual(['subscriptions/acknowledged', 'tools/list_changed']);
    expect(methods(prompts)).toEqual(['subscriptions/acknowledged']);
    room.sessionClosed(here);
    tools.cancel();
    prompts.cancel();
    expect([...room.endpoints()]).toEqual(['/mcp/s/b']);
    room.listChanged('/mcp', new Set(['tools']));
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
    void room.listen(stream);
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
    room.ownersChanged('/mcp');
    expect(wants.splice(0).toSorted()).toEqual(['a:', 'b: x:1']);
    room.updated('a', updated('x:1'));
    room.updated('b', updated('x:1'));
    expect(uris(session)).toEqual(['x:1']);
    owners['/mcp'] = { 'x:1': 'b', 'x:2': 'a' };
    room.ownersChanged('/mcp/s/b');
    expect(wants).toEqual([]);
    room.ownersChanged('/mcp');
    expect(wants).toEqual(['a: x:2']);
  });

  it('are forgotten with their server, quietly, unless another has the resource', () => {
    const { room, owners, wants } = setting();
    const [session, stream] = [sessionAt('/mcp'), listenAt('/mcp', { resourceSubscriptions: ['x:1', 'y:1'] })];
    room.sessionOpened(session);
    room.subscribe(session, 'x:1');
    room.subscribe(session, 'x:2');
    void room.listen(stream);
    wants.length = 0;
    owners['/mcp'] = { 'x:2': 'b', 'y:1': 'b' };
    room.serversRemoved(new Set(['a']));
    expect(wants).toEqual(['b: y:1 x:2']);
    wants.length = 0;
    owners['/mcp'] = { 'x:1': 'a', 'x:2': 'b', 'y:1': 'b' };
    room.ownersChanged('/mcp');
    room.renew('a');
    expect(wants).toEqual([]);
    expect(methods(session)).toEqual([]);
  });
});

describe('the end of a listen', () => {
  const complete = { kind: 'value', result: expect.objectContaining({ resultType: 'complete' }) as unknown };

  it('comes with its endpoint, and leaves the others', async () => {
    const { room, wants } = setting();
    const [gone, other] = [listenAt('/mcp/s/b', { resourceSubscriptions: ['x:1'] }), listenAt('/mcp', {})];
    const answers = [room.listen(gone), room.listen(other)] as const;
    let open = true;
    void answers[1].then(() => (open = false));
    room.endpointGone('/mcp/s/b');
    const answer = (await answers[0]) as Answer & { readonly kind: 'value' };
    expect(answer.result).toMatchObject({ resultType: 'complete', _meta: { [SUBSCRIPTION]: 7 } });
    expect(wants).toEqual(['b: x:1', 'b:']);
    expect([open, [...room.endpoints()]]).toEqual([true, ['/mcp']]);
  });

  it('comes with that of the gateway, also for one that is late', async () => {
    const { room } = setting();
    const early = room.listen(listenAt('/mcp', {}));
    room.close();
    const late = listenAt('/mcp', {});
    expect(await Promise.all([early, room.listen(late)])).toEqual([complete, complete]);
    expect(methods(late)).toEqual(['subscriptions/acknowledged']);
    expect([...room.endpoints()]).toEqual([]);
  });
});

describe('the step', () => {
  it('waits for the resources of the endpoint before a URI is looked up, and only then', async () => {
    const { room, owners } = setting();
    const waited: string[] = [];
    const step = createSessionStep({
      subscriptions: room,
      levelChanged: () => undefined,
      resourcesReady: async (endpoint) => {
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
