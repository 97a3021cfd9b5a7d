import type { Answer, Exchange } from '@sallyport/server';
import type { JsonObject, JsonRpcNotification } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Instance } from '../call.ts';
import { TaskNews, type Listenable } from './task-news.ts';

const BOB = { issuer: 'local', subject: 'bob', roles: [] };

const changed = (taskId: string): JsonRpcNotification => ({
  jsonrpc: '2.0',
  method: 'notifications/tasks',
  params: { taskId, status: 'completed', result: 'what is not passed on' },
});

const listener = (): Exchange => {
  const message = { jsonrpc: '2.0', id: 7, method: 'subscriptions/listen', params: { _meta: { a: 1 } } };
  return { era: 'stateless', endpoint: '/mcp', principal: BOB, message, cancelled: false } as never;
};

const task = (original: string, instance?: Instance): Listenable => ({
  taskId: `sealed ${original}`,
  server: 'a',
  original,
  instance,
});

interface Bench {
  readonly news: TaskNews;
  readonly heard: JsonObject[];
  /** Requests in the name of listeners, and what answers the oldest of them. */
  readonly got: Exchange[];
  readonly answer: (answer: Answer) => Promise<void>;
  /** What servers were told to be wanted: name, instance, tasks. */
  readonly wanted: unknown[][];
  readonly timers: (() => void)[];
}

function bench(): Bench {
  const waiting: ((answer: Answer) => void)[] = [];
  const [got, heard, timers, wanted]: [Exchange[], JsonObject[], (() => void)[], unknown[][]] = [[], [], [], []];
  const news = new TaskNews({
    want: (server, taskIds, instance) => wanted.push([server, instance?.key, ...taskIds]),
    handle: (exchange) => {
      got.push(exchange);
      return new Promise((resolve) => waiting.push(resolve));
    },
    textOf: () => Promise.resolve('{"jsonrpc":"2.0","id":0,"result":{"status":"from bytes"}}'),
    setTimer: (fire) => {
      timers.push(fire);
      return () => undefined;
    },
  });
  const answer = async (given: Answer): Promise<void> => {
    waiting.shift()?.(given);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { news, got, heard, timers, wanted, answer };
}

describe('news of a task', () => {
  it('are what its listener is answered at that moment, and its server is told who listens', async () => {
    const { answer, got, heard, news, wanted } = bench();
    const end = news.listen(listener(), [task('t1')], (given) => heard.push(given));
    expect(wanted).toEqual([['a', undefined, 't1']]);
    for (const [server, id] of [
      ['a', 't2'],
      ['b', 't1'],
      ['a', 't1'],
    ] as const)
      news.told(server, changed(id), undefined);
    expect(got.map(({ message: { method, params } }) => [method, params])).toEqual([
      ['tasks/get', { _meta: { a: 1 }, taskId: 'sealed t1' }],
    ]);
    await answer({ kind: 'value', result: { resultType: 'complete', taskId: 'sealed t1', status: 'working' } });
    expect(heard).toEqual([{ taskId: 'sealed t1', status: 'working' }]);
    news.renew('a', undefined);
    expect(wanted.slice(1)).toEqual([['a', undefined, 't1']]);
    end();
    expect(wanted.slice(2)).toEqual([['a', undefined]]);
    news.told('a', changed('t1'), undefined);
    expect(got).toHaveLength(1);
  });

  it('are none where the listener would be refused, and come from bytes too', async () => {
    const { answer, heard, news, timers } = bench();
    news.listen(listener(), [task('t1')], (given) => heard.push(given));
    news.told('a', changed('t1'), undefined);
    await answer({ kind: 'error', error: { code: -31003, message: 'refused' } } as Answer);
    expect(heard).toEqual([]);
    // What a server says without end is asked about once a moment.
    for (let n = 0; n < 9; n++) news.told('a', changed('t1'), undefined);
    timers.shift()?.();
    await answer({ kind: 'result', before: Buffer.alloc(0), after: Buffer.alloc(0) });
    expect(heard).toEqual([{ status: 'from bytes' }]);
  });

  it('come from the instance that the task runs in, and are not told to who is gone meanwhile', async () => {
    const { answer, got, heard, news, wanted } = bench();
    const instance = { key: 'bobs', owner: 'bob', principal: BOB };
    const end = news.listen(listener(), [task('t1', instance)], (given) => heard.push(given));
    expect(wanted).toEqual([['a', 'bobs', 't1']]);
    news.told('a', changed('t1'), undefined);
    expect(got).toEqual([]);
    news.told('a', changed('t1'), instance);
    end();
    expect(got[0]?.cancelled).toBe(true);
    await answer({ kind: 'value', result: { status: 'completed' } });
    expect(heard).toEqual([]);
  });
});
