import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../leg.ts';
import { callOf, failure } from '../testing/calls.ts';
import type { Channel, ChannelHooks } from './channel.ts';
import { openConnection, type Connection } from './connection.ts';

interface Bench {
  readonly connection: Connection;
  readonly sent: string[];
  readonly logs: string[];
  readonly hear: (message: object) => void;
  readonly hooks: ChannelHooks;
  backlogBytes: number;
}

async function setUp(): Promise<Bench> {
  const sent: string[] = [];
  const logs: string[] = [];
  const state = { backlogBytes: 0 };
  const opened = Promise.withResolvers<ChannelHooks>();
  const channel: Channel = {
    pid: undefined,
    noiseLines: 0,
    get backlogBytes() {
      return state.backlogBytes;
    },
    send: (text) => void sent.push(text),
    whenOrdered: () => Promise.resolve(),
    close: () => Promise.resolve(),
    destroy: () => undefined,
  };
  const connection = await openConnection({
    name: 'test',
    maxMessageBytes: 1000,
    open: (given) => {
      opened.resolve(given);
      return Promise.resolve(channel);
    },
    events: {
      onNotification: () => undefined,
      onUnattributed: () => ({ error: { code: -31003, message: 'Refused.' } }),
      onDown: () => undefined,
      log: (_level, text) => logs.push(text),
    },
    now: () => 0,
    setTimer: () => () => undefined,
  });
  connection.era = 'session';
  const hooks = await opened.promise;
  const hear = (message: object): void => hooks.onMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })));
  return Object.assign(state, { connection, sent, logs, hear, hooks });
}

describe('a channel whose other side does not read', () => {
  it('gets nothing more, neither requests nor answers to pings, until it does', async () => {
    const bench = await setUp();
    const { connection, sent, logs, hear } = bench;
    hear({ id: 1, method: 'ping' });
    expect(sent.splice(0)).toEqual(['{"jsonrpc":"2.0","id":1,"result":{}}']);
    bench.backlogBytes = 1001;
    for (let id = 2; id < 100; id++) hear({ id, method: 'ping' });
    connection.notify('notifications/roots/list_changed');
    expect(await failure(connection.request(callOf()).answer)).toMatchObject({ reason: 'down' });
    expect([sent, logs.length]).toEqual([[], 1]);
    bench.backlogBytes = 1000;
    hear({ id: 100, method: 'ping' });
    expect(sent).toEqual(['{"jsonrpc":"2.0","id":100,"result":{}}']);
  });
});

describe('a request that was not taken', () => {
  it('fails alone, and a stranger’s id means nothing', async () => {
    const { connection, hooks } = await setUp();
    const [one, other] = [connection.request(callOf()), connection.request(callOf())];
    hooks.onUnsent(1, new UpstreamError('unauthorized', 'no'));
    hooks.onUnsent(77, new UpstreamError('down', 'no'));
    expect(await failure(one.answer)).toMatchObject({ reason: 'unauthorized' });
    other.cancel();
    expect(await failure(other.answer)).toMatchObject({ reason: 'cancelled' });
  });
});
