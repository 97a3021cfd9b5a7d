import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Era } from '@sallyport/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask } from './ask.ts';
import type { Connected, Connector, ConnectRequest } from './connector.ts';
import { UpstreamError, type Leg, type LegEvents } from './leg.ts';
import { createUpstream } from './supervise.ts';
import type { Upstream, UpstreamEvents, UpstreamOptions, Verdict, VerdictStore } from './upstream.ts';

const MISBEHAVING = fileURLToPath(new URL('stdio/fixtures/misbehaving.mjs', import.meta.url));

/** Time that passes when told. */
function fakeTime(): {
  now: () => number;
  setTimer: (fire: () => void, ms: number) => () => void;
  pass: (ms: number) => Promise<void>;
} {
  let nowMs = 0;
  const timers = new Set<{ fire: () => void; atMs: number }>();
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    now: () => nowMs,
    setTimer: (fire, ms) => {
      const timer = { fire, atMs: nowMs + ms };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    pass: async (ms) => {
      const endMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs);
        if (next === undefined) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.fire();
        await settle();
      }
      nowMs = endMs;
      await settle();
    },
  };
}

interface FakeLeg extends Leg {
  inFlight: number;
  subscriptions: number;
  readonly ended: string[];
}

function fakeLeg(era: Era): FakeLeg {
  const ended: string[] = [];
  return {
    era,
    revision: era === 'session' ? '2025-11-25' : '2026-07-28',
    server: { info: {}, capabilities: {}, instructions: undefined, revisions: [] },
    ownMeta: undefined,
    inFlight: 0,
    subscriptions: 0,
    ended,
    request: () => {
      throw new Error('not asked for here');
    },
    notify: () => undefined,
    setSubscriptions: () => undefined,
    close: async () => void ended.push('close'),
    destroy: () => void ended.push('destroy'),
  };
}

/** A connector whose starts are settled by the test. */
class FakeConnector implements Connector {
  readonly isShared: boolean;
  readonly starts: { request: ConnectRequest; resolve: (c: Connected) => void; reject: (e: unknown) => void }[] = [];
  readonly ended: string[] = [];
  /** What a start comes to, when it is not left to the test. */
  outcome: (() => FakeLeg | UpstreamError) | undefined;

  constructor(isShared: boolean) {
    this.isShared = isShared;
  }

  connect(request: ConnectRequest): Promise<Connected> {
    const { promise, resolve, reject } = Promise.withResolvers<Connected>();
    this.starts.push({ request, resolve, reject });
    const outcome = this.outcome?.();
    if (outcome instanceof UpstreamError) reject(outcome);
    else if (outcome !== undefined) resolve(this.connected(outcome));
    return promise;
  }

  connected(leg: Leg): Connected {
    const serves: Era[] = this.isShared ? ['session', 'stateless'] : [leg.era];
    return { leg, eras: [leg.era], serves, pid: 42, noiseLines: () => 3 };
  }

  get lastEvents(): LegEvents {
    return this.starts.at(-1)!.request.events;
  }

  close(): Promise<void> {
    this.ended.push('close');
    for (const { reject } of this.starts) reject(new UpstreamError('down', 'closed'));
    return Promise.resolve();
  }

  destroy(): void {
    this.ended.push('destroy');
  }
}

class MemoryVerdicts implements VerdictStore {
  readonly kept = new Map<string, Verdict>();
  get(key: string): Promise<Verdict | undefined> {
    return Promise.resolve(this.kept.get(key));
  }
  put(key: string, verdict: Verdict): Promise<void> {
    this.kept.set(key, verdict);
    return Promise.resolve();
  }
}

const SILENT: UpstreamEvents = {
  onUp: () => undefined,
  onDown: () => undefined,
  onNotification: () => undefined,
  onUnattributed: () => ({ error: { code: -31003, message: 'Refused.' } }),
  log: () => undefined,
};

function optionsOf(more: Partial<UpstreamOptions> = {}): UpstreamOptions {
  return {
    name: 'test',
    target: { kind: 'stdio', command: process.execPath, args: [], env: {}, cwd: '/' },
    era: 'auto',
    connectTimeoutMs: 10_000,
    idleMs: 600_000,
    clientInfo: { name: 'sallyport', version: '0' },
    clientCapabilities: {},
    maxMessageBytes: 16 * 1024 * 1024,
    verdicts: new MemoryVerdicts(),
    events: SILENT,
    env: { PATH: process.env['PATH'] },
    now: Date.now,
    ...more,
  };
}

function supervised({ isShared = true, ...more }: Partial<UpstreamOptions> & { isShared?: boolean } = {}): {
  upstream: Upstream;
  connector: FakeConnector;
  time: ReturnType<typeof fakeTime>;
} {
  const time = fakeTime();
  const connector = new FakeConnector(isShared);
  const upstream = createUpstream(optionsOf(more), {
    connector,
    monotonic: time.now,
    setTimer: time.setTimer,
    random: () => 0,
  });
  return { upstream, connector, time };
}

const failure = (): UpstreamError => new UpstreamError('down', 'It ended with code 1.');
const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'up',
    (error: UpstreamError) => error.reason,
  );

describe('starting', () => {
  it('happens when the first caller comes, once for all of them', async () => {
    const { upstream, connector } = supervised();
    expect([upstream.status().state, connector.starts.length]).toEqual(['idle', 0]);
    const callers = [upstream.leg('session'), upstream.leg('stateless'), upstream.leg('session')];
    expect([upstream.status().state, upstream.ready('session')]).toEqual(['starting', undefined]);
    await new Promise(setImmediate);
    const leg = fakeLeg('session');
    connector.starts[0]!.resolve(connector.connected(leg));
    expect(await Promise.all(callers)).toEqual([leg, leg, leg]);
    expect(connector.starts).toHaveLength(1);
    expect([upstream.ready('session'), upstream.ready('stateless')]).toEqual([leg, leg]);
    expect(upstream.status()).toMatchObject({
      state: 'up',
      revision: '2025-11-25',
      pid: 42,
      noiseLines: 3,
      restarts: 0,
    });
  });

  it.each(['one after the other', 'both with one leg'])('keeps one of two legs that serve both: %s', async (how) => {
    const { upstream, connector } = supervised({ isShared: false });
    const wanted = [upstream.leg('session'), upstream.leg('stateless')];
    await new Promise(setImmediate);
    const first = fakeLeg('session');
    const second = how === 'both with one leg' ? first : fakeLeg('session');
    const serves: Era[] = ['session', 'stateless'];
    connector.starts.forEach(({ resolve }, index) => {
      resolve({ ...connector.connected(index === 0 ? first : second), serves });
    });
    expect(await Promise.all(wanted)).toEqual([first, first]);
    expect(upstream.legs).toEqual([first]);
    expect([first.ended, second.ended]).toEqual(first === second ? [[], []] : [[], ['close']]);
  });

  it('happens for each era where a leg serves one', async () => {
    const { upstream, connector } = supervised({ isShared: false });
    const [session, stateless] = [fakeLeg('session'), fakeLeg('stateless')];
    const outcomes = [session, stateless];
    connector.outcome = () => outcomes.shift()!;
    expect(await Promise.all([upstream.leg('session'), upstream.leg('stateless')])).toEqual([session, stateless]);
    expect([upstream.ready('session'), upstream.ready('stateless')]).toEqual([session, stateless]);
  });

  it('tells that the leg is up before callers get it, and whose messages are whose', async () => {
    const seen: unknown[] = [];
    const { upstream, connector } = supervised({
      events: { ...SILENT, onUp: (leg) => seen.push(leg), onNotification: (leg) => seen.push(leg) },
    });
    const pending = upstream.leg('session');
    await new Promise(setImmediate);
    connector.lastEvents.onNotification({ jsonrpc: '2.0', method: 'early' });
    const leg = fakeLeg('session');
    connector.starts[0]!.resolve(connector.connected(leg));
    await pending;
    connector.lastEvents.onNotification({ jsonrpc: '2.0', method: 'x' });
    expect(seen).toEqual([leg, leg]);
  });
});

describe('failing', () => {
  it('is not tried again at once, then later and later, then left alone but for single trials', async () => {
    let broken = 0;
    const { upstream, connector, time } = supervised({ events: { ...SILENT, onBroken: () => broken++ } });
    connector.outcome = failure;
    const waits: number[] = [];
    for (let turn = 0; turn < 7; turn++) {
      expect(await reasonOf(upstream.leg('session'))).toBe('down');
      expect(await reasonOf(upstream.leg('session'))).toBe(turn < 4 ? 'down' : 'breaker');
      expect(connector.starts).toHaveLength(turn + 1);
      waits.push(upstream.status().retryInMs);
      await time.pass(upstream.status().retryInMs);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 30_000, 30_000, 30_000]);
    expect(broken).toBe(1);
    connector.outcome = undefined;
    const trial = upstream.leg('stateless');
    await new Promise(setImmediate);
    connector.starts.at(-1)!.resolve(connector.connected(fakeLeg('stateless')));
    await trial;
    expect(upstream.status()).toMatchObject({ state: 'up', lastError: undefined });
  });

  it('spends 8 starts a minute at most on callers that do not give up', async () => {
    const { upstream, connector, time } = supervised();
    connector.outcome = failure;
    for (let ms = 0; ms < 60_000; ms += 10) {
      await reasonOf(upstream.leg('session'));
      await time.pass(10);
    }
    expect(connector.starts.length).toBeLessThanOrEqual(8);
    expect(connector.starts.length).toBeGreaterThanOrEqual(5);
  });

  it('counts a server that starts and ends at once, and starts it by itself until the breaker opens', async () => {
    const { upstream, connector, time } = supervised();
    connector.outcome = () => fakeLeg('session');
    await upstream.leg('session');
    for (let turn = 1; turn <= 5; turn++) {
      expect(connector.starts).toHaveLength(turn);
      connector.lastEvents.onDown(failure());
      expect(upstream.ready('session')).toBeUndefined();
      await time.pass(5000);
    }
    expect(connector.starts).toHaveLength(5);
    expect(await reasonOf(upstream.leg('session'))).toBe('breaker');
    await time.pass(25_000);
    expect(await reasonOf(upstream.leg('session'))).toBe('up');
    await time.pass(10_000);
    connector.lastEvents.onDown(failure());
    expect(upstream.status()).toMatchObject({ state: 'failed', retryInMs: 500 });
  });

  it('is started again though its timer is early', async () => {
    const time = fakeTime();
    const connector = new FakeConnector(true);
    const setTimer: typeof time.setTimer = (fire, ms) => time.setTimer(fire, ms > 1 ? ms - 1 : ms);
    const upstream = createUpstream(optionsOf(), { connector, monotonic: time.now, setTimer, random: () => 0 });
    connector.outcome = () => fakeLeg('session');
    await upstream.leg('session');
    connector.lastEvents.onDown(failure());
    await time.pass(600);
    expect(upstream.status().state).toBe('up');
  });

  it('lets one trial through at a time, though each era starts on its own', async () => {
    const { upstream, connector, time } = supervised({ isShared: false });
    connector.outcome = failure;
    for (let turn = 0; turn < 5; turn++) {
      await reasonOf(upstream.leg('session'));
      await time.pass(upstream.status().retryInMs);
    }
    connector.outcome = undefined;
    const trial = reasonOf(upstream.leg('session'));
    expect(await reasonOf(upstream.leg('stateless'))).toBe('breaker');
    await new Promise(setImmediate);
    connector.starts.at(-1)!.resolve(connector.connected(fakeLeg('session')));
    expect(await trial).toBe('up');
  });

  it('is not what a server does that asks for a credential', async () => {
    const { upstream, connector } = supervised();
    connector.outcome = () => new UpstreamError('unauthorized', 'login first', { status: 401 });
    for (let turn = 0; turn < 9; turn++) expect(await reasonOf(upstream.leg('session'))).toBe('unauthorized');
    expect(connector.starts).toHaveLength(9);
  });
});

describe('idling', () => {
  const up = async (): Promise<ReturnType<typeof supervised> & { leg: FakeLeg }> => {
    const all = supervised({ idleMs: 1000 });
    const leg = fakeLeg('session');
    all.connector.outcome = () => leg;
    await all.upstream.leg('session');
    return { ...all, leg };
  };

  it('stops it, and the next call starts it again', async () => {
    const { upstream, connector, time, leg } = await up();
    await time.pass(900);
    upstream.ready('session');
    await time.pass(900);
    expect(leg.ended).toEqual([]);
    await time.pass(200);
    expect([leg.ended, upstream.status().state, upstream.ready('session')]).toEqual([['close'], 'idle', undefined]);
    await upstream.leg('session');
    expect(connector.starts).toHaveLength(2);
  });

  it.each(['inFlight', 'subscriptions'] as const)('is put off by %s', async (what) => {
    const { time, leg } = await up();
    leg[what] = 1;
    await time.pass(10_000);
    expect(leg.ended).toEqual([]);
    leg[what] = 0;
    await time.pass(2000);
    expect(leg.ended).toEqual(['close']);
  });

  it('is put off by each that holds it, until it is let go', async () => {
    const { upstream, time, leg } = await up();
    const [one, other] = [upstream.hold(), upstream.hold()];
    await time.pass(10_000);
    one();
    one();
    await time.pass(10_000);
    expect(leg.ended).toEqual([]);
    other();
    await time.pass(900);
    expect(leg.ended).toEqual([]);
    await time.pass(200);
    expect(leg.ended).toEqual(['close']);
  });

  it('never ends it when switched off', async () => {
    const { upstream, connector, time } = supervised({ idleMs: 0 });
    const leg = fakeLeg('session');
    connector.outcome = () => leg;
    await upstream.leg('session');
    await time.pass(100_000_000);
    expect(leg.ended).toEqual([]);
  });
});

describe('ending', () => {
  it('closes what is up, once, and starts nothing more', async () => {
    const { upstream, connector } = supervised();
    const leg = fakeLeg('session');
    connector.outcome = () => leg;
    await upstream.leg('session');
    await Promise.all([upstream.close(), upstream.close()]);
    expect([leg.ended, connector.ended, upstream.status().state]).toEqual([['close'], ['close'], 'closed']);
    expect(await reasonOf(upstream.leg('session'))).toBe('down');
    expect(upstream.ready('session')).toBeUndefined();
    upstream.destroy();
    upstream.destroy();
  });

  it.each(['close', 'destroy'] as const)('%s during a start: no leg is left behind', async (how) => {
    const { upstream, connector } = supervised();
    const pending = reasonOf(upstream.leg('session'));
    await new Promise(setImmediate);
    const leg = fakeLeg('session');
    const ended = upstream[how]();
    connector.starts[0]!.resolve(connector.connected(leg));
    expect(await pending).toBe('down');
    await ended;
    expect(how === 'close' ? [] : leg.ended).toEqual(how === 'close' ? [] : ['destroy']);
    expect(connector.ended).toEqual([how]);
  });
});

describe('with real children', () => {
  let folder: string;
  let upstreams: Upstream[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-'));
  });
  afterEach(async () => {
    await Promise.all(upstreams.map((upstream) => upstream.close()));
    upstreams = [];
    await rm(folder, { recursive: true });
  });

  const real = (mode: string, more: Partial<UpstreamOptions> = {}, now?: () => number): Upstream => {
    const args = [MISBEHAVING, mode, join(folder, 'starts')];
    const target = { kind: 'stdio', command: process.execPath, args, env: {}, cwd: folder } as const;
    const upstream = createUpstream(optionsOf({ target, ...more }), now === undefined ? {} : { monotonic: now });
    upstreams.push(upstream);
    return upstream;
  };
  const starts = async (): Promise<string[]> => (await readFile(join(folder, 'starts'), 'utf8')).trim().split('\n');
  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  it('remembers the era of a server, for a day', async () => {
    const verdicts = new MemoryVerdicts();
    let nowMs = 1_000_000_000_000;
    const once = async (expected: number): Promise<void> => {
      const upstream = real('dies-on-probe', { verdicts, now: () => nowMs });
      const leg = await upstream.leg('stateless');
      expect([leg.era, (await starts()).length]).toEqual(['session', expected]);
      await upstream.close();
    };
    await once(2);
    expect([...verdicts.kept.values()]).toEqual([{ eras: ['session'], atMs: nowMs }]);
    await once(3);
    nowMs += 24 * 60 * 60 * 1000;
    await once(5);
  });

  it('SBX-11 a crash loop costs 8 children a minute at most', async () => {
    let nowMs = 0;
    const upstream = real('crash', {}, () => nowMs);
    for (; nowMs < 60_000; nowMs += 250) await reasonOf(upstream.leg('session'));
    const children = (await starts()).length;
    expect(children).toBeGreaterThanOrEqual(5);
    expect(children).toBeLessThanOrEqual(8);
    expect(upstream.status().lastError).toMatch(/code 3.*no such database/);
  });

  it('is closed during a start without leaving a child', async () => {
    const upstream = real('silent');
    const pending = reasonOf(upstream.leg('session'));
    await expect.poll(() => starts().catch(() => [])).toHaveLength(1);
    await upstream.close();
    expect(await pending).toBe('down');
    expect((await starts()).map(Number).filter(isAlive)).toEqual([]);
  });

  it('comes back by itself after a crash', async () => {
    const downs: UpstreamError[] = [];
    const ups: Leg[] = [];
    const upstream = real('session', {
      events: { ...SILENT, onDown: (error) => downs.push(error), onUp: (leg) => ups.push(leg) },
    });
    const leg = await upstream.leg('session');
    const call = ask(leg, 'tools/call', { name: 'exit' }, { timeoutMs: 10_000 });
    expect(await reasonOf(call)).toBe('down');
    await expect.poll(() => ups.length, { timeout: 10_000 }).toBe(2);
    expect([downs.length, upstream.status().restarts]).toEqual([1, 1]);
    expect(upstream.ready('session')).toBe(ups[1]);
  });

  it('warns once of what can make a child run other code', async () => {
    const logs: string[] = [];
    const upstream = createUpstream(
      optionsOf({
        target: {
          kind: 'stdio',
          command: process.execPath,
          args: [MISBEHAVING, 'crash'],
          env: { NODE_OPTIONS: '--no-warnings' },
          cwd: folder,
        },
        events: { ...SILENT, log: (level, text) => void (level === 'warn' && logs.push(text)) },
      }),
    );
    upstreams.push(upstream);
    await reasonOf(upstream.leg('session'));
    expect(logs.filter((text) => text.includes('NODE_OPTIONS'))).toHaveLength(1);
  });

  it('says what is wrong when there is no such command', async () => {
    const target = { kind: 'stdio', command: 'no-such-command', args: [], env: {}, cwd: folder } as const;
    const upstream = createUpstream(optionsOf({ target }));
    upstreams.push(upstream);
    const error = await upstream.leg('session').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: 'down' });
    expect(String(error)).toMatch(/"test".*no-such-command/);
  });
});
