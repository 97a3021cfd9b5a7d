import type { Answer, Exchange } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { compose, type Call, type Next } from '../call.ts';
import type { CallLimits } from './limits.ts';
import { ServerQueues } from './queue.ts';
import { createAdmitTarget, createTakeTurn } from './target.ts';
import { fakeTimers, type FakeTimers } from './testing/records.ts';

const DONE: Answer = { kind: 'value', result: {} };

type Limits = Pick<CallLimits, 'rate' | 'serverConcurrency' | 'serverQueue'>;

interface Started {
  /** What became of it: its error's key, reason or `done`; undefined while it is open. */
  readonly outcome: () => Promise<unknown>;
  readonly end: (how?: 'done' | 'failed') => void;
  readonly cancel: () => void;
}

interface Setting {
  readonly limits: { -readonly [Key in keyof Limits]: Limits[Key] };
  readonly timers: FakeTimers;
  /** Names of the calls that are at the server, in the order in which they came there. */
  readonly arrived: string[];
  /** `who` and a number. */
  readonly start: (name: string, facts?: { server?: string; method?: string }) => Started;
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function setting(serverConcurrency: number, serverQueue: number, rate: Limits['rate'] = {}): Setting {
  const limits: Setting['limits'] = { rate, serverConcurrency, serverQueue };
  const timers = fakeTimers();
  const arrived: string[] = [];
  const steps = [
    createAdmitTarget({ limits: () => limits, monotonic: () => 0 }),
    createTakeTurn({
      limits: () => limits,
      callTimeoutMs: (server, method) => (server === 'slow' && method === 'tools/call' ? 120_000 : 60_000),
      setTimer: timers.set,
    }),
  ];
  const start: Setting['start'] = (name, { server = 'a', method = 'tools/call' } = {}) => {
    const gone: (() => void)[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const exchange = {
      principal: { issuer: 'local', subject: name.replaceAll(/\d/g, ''), roles: [] },
      message: { jsonrpc: '2.0', id: 1, method },
      onCancel: (listener: () => void) => void gone.push(listener),
    } as unknown as Exchange;
    const call: Call = { exchange, target: { server, kind: 'tool', canonicalId: `${server}__x`, original: 'x' } };
    const state: { outcome?: unknown } = {};
    const answer: Next = () => {
      arrived.push(name);
      return promise;
    };
    compose([...steps, answer])(call).then(
      () => (state.outcome = 'done'),
      (error: { key?: string; reason?: string; data?: { limit?: string } }) =>
        (state.outcome = error.data?.limit ?? error.reason ?? error.key ?? 'failed'),
    );
    return {
      outcome: async () => {
        await turn();
        return state.outcome;
      },
      end: (how = 'done') => (how === 'done' ? resolve(DONE) : reject(new Error(how))),
      cancel: () => {
        for (const listener of gone) listener();
      },
    };
  };
  return { limits, timers, arrived, start };
}

const numbered = (who: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${who}${n}`);

/** Ends each call that is at the server until none is, and gives the order of all. */
async function endAll({ arrived }: Setting, calls: ReadonlyMap<string, Started>): Promise<string[]> {
  for (let n = 0; n < arrived.length; n++) {
    calls.get(arrived[n] as string)?.end();
    await turn();
  }
  return arrived;
}

describe('the queue of a server', () => {
  it('lets so many calls be under way there, the others wait in order', async () => {
    const set = setting(2, 10);
    const calls = new Map(numbered('me', 5).map((name) => [name, set.start(name)]));
    const other = set.start('me9', { server: 'b' });
    expect(set.arrived).toEqual(['me0', 'me1', 'me9']);
    calls.get('me1')?.end('failed');
    expect(await calls.get('me1')?.outcome()).toBe('failed');
    expect(set.arrived.slice(3)).toEqual(['me2']);
    other.end();
    expect(await endAll(set, calls)).toEqual(['me0', 'me1', 'me9', 'me2', 'me3', 'me4']);
    for (const name of ['me0', 'me4']) expect(await calls.get(name)?.outcome()).toBe('done');
    // Nothing is left over: it begins anew.
    expect(set.timers.waiting.size).toBe(0);
    numbered('me', 3).map((name) => set.start(name));
    expect(set.arrived.slice(6)).toEqual(['me0', 'me1']);
  });

  it('is kept only while there are calls', () => {
    const { set } = fakeTimers();
    const queues = new ServerQueues({ limits: () => ({ serverConcurrency: 1, serverQueue: 5 }), setTimer: set });
    const turnOf = { principal: () => 'me', exchange: { onCancel: () => undefined }, timeoutMs: () => 1000 };
    for (const server of ['a', 'a', 'b']) void queues.enter(server, turnOf);
    expect(queues.size).toBe(2);
    for (const server of ['b', 'a']) queues.leave(server);
    expect(queues.size).toBe(1);
    queues.leave('a');
    expect(queues.size).toBe(0);
  });

  it('sets no timer while there is room', () => {
    const set = setting(2, 10);
    for (const name of numbered('me', 2)) set.start(name);
    expect(set.timers.waiting.size).toBe(0);
    set.start('me3');
    expect([...set.timers.waiting.values()]).toEqual([60_000]);
  });

  it('gives principals their turns: one with many calls does not keep the others waiting', async () => {
    const set = setting(1, 100);
    const names = ['first0', ...numbered('many', 20), ...numbered('few', 3), ...numbered('one', 1)];
    const calls = new Map(names.map((name) => [name, set.start(name)]));
    const order = await endAll(set, calls);
    expect(order.slice(0, 9)).toEqual(['first0', 'many0', 'few0', 'one0', 'many1', 'few1', 'many2', 'few2', 'many3']);
    expect(order).toHaveLength(names.length);
  });

  it('lets only so many wait, and then whoever has most waiting gives way to whoever has less', async () => {
    const set = setting(1, 4);
    const calls = new Map(['busy0', ...numbered('many', 5)].map((name) => [name, set.start(name)]));
    expect(await calls.get('many4')?.outcome()).toBe('serverQueue');
    const few = numbered('few', 3).map((name) => set.start(name));
    // Two each: nobody gives way any more.
    expect(await Promise.all(few.map(({ outcome }) => outcome()))).toEqual([undefined, undefined, 'serverQueue']);
    const many: unknown[] = [];
    for (const name of numbered('many', 4)) many.push(await calls.get(name)?.outcome());
    expect(many).toEqual([undefined, undefined, 'serverQueue', 'serverQueue']);
    expect(set.timers.waiting.size).toBe(4);
    const fewCalls = new Map([...calls, ...few.map((each, n): [string, Started] => [`few${n}`, each])]);
    expect(await endAll(set, fewCalls)).toEqual(['busy0', 'many0', 'few0', 'many1', 'few1']);
  });

  it('lets nobody give way to whoever would have as many then', async () => {
    const set = setting(1, 3);
    const calls = ['busy0', 'many0', 'many1', 'few0'].map((name) => set.start(name));
    expect(await set.start('few1').outcome()).toBe('serverQueue');
    expect(await calls[2]?.outcome()).toBeUndefined();
    expect(await set.start('one0').outcome()).toBeUndefined();
    expect(await calls[2]?.outcome()).toBe('serverQueue');
  });

  it('lets nobody wait where it has no places', async () => {
    const set = setting(1, 0);
    set.start('me0');
    expect(await set.start('you0').outcome()).toBe('serverQueue');
  });

  it('is left by a call that is cancelled, and by one that has waited as long as it would for its answer', async () => {
    const set = setting(1, 10);
    const calls = numbered('me', 4).map((name) => set.start(name, { server: 'slow' }));
    const [first, second, third, fourth] = calls as [Started, Started, Started, Started];
    expect([...set.timers.waiting.values()]).toEqual([120_000, 120_000, 120_000]);
    second.cancel();
    expect(await second.outcome()).toBe('cancelled');
    expect(set.timers.waiting.size).toBe(2);
    first.end();
    expect(await first.outcome()).toBe('done');
    expect(set.arrived).toEqual(['me0', 'me2']);
    // Cancelled when it has its turn: that is for whoever sends it.
    third.cancel();
    set.timers.fire();
    expect([await third.outcome(), await fourth.outcome()]).toEqual([undefined, 'serverQueue']);
    third.end();
    await turn();
    set.start('you0', { server: 'slow' });
    expect(set.arrived).toEqual(['me0', 'me2', 'you0']);
  });

  it('knows a call that was cancelled before it came', async () => {
    const set = setting(1, 10);
    const first = set.start('me0');
    const step = createTakeTurn({
      limits: () => ({ serverConcurrency: 0, serverQueue: 5 }),
      callTimeoutMs: () => 1000,
      setTimer: set.timers.set,
    });
    const exchange = {
      principal: { issuer: 'local', subject: 'me', roles: [] },
      message: { method: 'tools/call' },
      onCancel: (listener: () => void) => listener(),
    } as unknown as Exchange;
    const target = { server: 'a', kind: 'tool', canonicalId: 'a__x', original: 'x' } as const;
    await expect(step({ exchange, target }, () => Promise.resolve(DONE))).rejects.toMatchObject({
      reason: 'cancelled',
    });
    expect(set.timers.waiting.size).toBe(0);
    first.end();
  });

  it('can change meanwhile', async () => {
    const set = setting(1, 1);
    const calls = numbered('me', 3).map((name) => set.start(name));
    expect(await calls[2]?.outcome()).toBe('serverQueue');
    set.limits.serverQueue = 5;
    set.limits.serverConcurrency = 3;
    set.start('me3');
    await turn();
    expect(set.arrived).toEqual(['me0', 'me1', 'me3']);
    set.limits.serverConcurrency = 1;
    set.start('me4');
    calls[0]?.end();
    calls[1]?.end();
    await turn();
    expect(set.arrived).toEqual(['me0', 'me1', 'me3']);
  });

  it('is not for whoever waits for a task', async () => {
    const set = setting(1, 0);
    for (const name of numbered('me', 3)) set.start(name, { method: 'tasks/result' });
    set.start('you0', { method: 'tasks/cancel' });
    expect(set.arrived).toEqual(['me0', 'me1', 'me2', 'you0']);
  });

  it.each(['perTool', 'perServer'])('uses the rate (%s) of whoever has no place in it', async (limit) => {
    const set = setting(1, 1, { [limit]: { count: 4, periodMs: 60_000 } });
    for (const name of ['me0', 'me1']) set.start(name);
    expect(await Promise.all(numbered('me', 3).map((name) => set.start(name).outcome()))).toEqual([
      'serverQueue',
      'serverQueue',
      limit,
    ]);
  });
});
