import type { Answer, Exchange } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import type { Call, Next } from '../call.ts';
import { Refused } from '../errors.ts';
import { createAdmission, type Admission, type CallLimits } from './index.ts';
import { fakeRecords, fakeTimers, type FakeTimers } from './testing/records.ts';

type Changing<T> = { -readonly [Key in keyof T]: T[Key] };

const NO_LIMITS: CallLimits = {
  rate: {},
  quota: {},
  concurrency: 1000,
  serverConcurrency: 1000,
  serverQueue: 0,
};

interface Setting extends Admission {
  readonly limits: Changing<CallLimits>;
  readonly clock: { nowMs: number };
  readonly timers: FakeTimers;
}

function setting(some: Partial<CallLimits>): Setting {
  const limits = { ...NO_LIMITS, ...some };
  const clock = { nowMs: 0 };
  const timers = fakeTimers();
  const admission = createAdmission({
    limits: () => limits,
    records: fakeRecords(),
    callTimeoutMs: () => 60_000,
    monotonic: () => clock.nowMs,
    now: () => Date.UTC(2026, 10, 28, 23, 59, 50),
    setTimer: timers.set,
    log: () => undefined,
  });
  return { ...admission, limits, clock, timers };
}

interface Facts {
  readonly subject?: string;
  readonly issuer?: string;
  readonly method?: string;
  readonly session?: string;
  readonly local?: boolean;
  readonly tool?: string;
}

function callOf({
  subject = 'me',
  issuer = 'local',
  method = 'tools/call',
  session,
  local,
  tool = 'a__x',
}: Facts): Call {
  const exchange = {
    principal: { issuer, subject, roles: [] },
    message: { jsonrpc: '2.0', id: 1, method },
    session: session === undefined ? undefined : { id: session },
    local: local === true ? { folder: undefined } : undefined,
    onCancel: () => undefined,
  };
  const [server = ''] = tool.split('__');
  const target = { server, kind: 'tool', canonicalId: tool, original: tool } as const;
  return { exchange: exchange as unknown as Exchange, target };
}

const DONE = { kind: 'value', result: {} } as const;
const done: Next = () => Promise.resolve(DONE);

/** What a call ends with: `undefined` when it passes. */
async function refusal(
  { admit, admitTarget, leave, takeTurn }: Setting,
  facts: Facts = {},
  next: Next = done,
): Promise<Refused | undefined> {
  const asked = callOf(facts);
  try {
    await admit(asked, (call) => admitTarget(call, (allowed) => takeTurn(allowed, next)));
    return undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return error;
  } finally {
    leave(asked);
  }
}

/** A call from its beginning to its end, whatever that is. */
async function begun({ admit, leave }: Setting, facts: Facts, next: Next): Promise<Answer> {
  const call = callOf(facts);
  try {
    return await admit(call, next);
  } finally {
    leave(call);
  }
}

async function passed(set: Setting, calls: number, facts: Facts = {}): Promise<number> {
  let count = 0;
  for (let n = 0; n < calls; n++) if ((await refusal(set, facts)) === undefined) count++;
  return count;
}

const limitOf = (refused: Refused | undefined): unknown => refused?.data?.['limit'];

describe('a rate', () => {
  it('P3-09 of a client lets 10 of 30 pass, refills, and leaves others alone', async () => {
    const set = setting({ rate: { perPrincipal: { count: 10, periodMs: 1000 } } });
    expect(await passed(set, 30)).toBe(10);
    expect(await passed(set, 30, { subject: 'you' })).toBe(10);
    expect(await passed(set, 30, { issuer: 'https://id.example' })).toBe(10);
    set.clock.nowMs = 500;
    expect(await passed(set, 30)).toBe(5);
    set.clock.nowMs = 10_000;
    expect(await passed(set, 30)).toBe(10);
  });

  it('P3-09 is refused with what is allowed and when to come again, and then the call passes', async () => {
    const set = setting({ rate: { perPrincipal: { count: 10, periodMs: 60_000 } } });
    await passed(set, 10);
    set.clock.nowMs = 600;
    const refused = await refusal(set);
    expect(refused).toMatchObject({
      key: 'rate_limited',
      message: 'The limit of calls for this client (10/min) is reached. Try again in 6 s.',
      headers: {
        'retry-after': '6',
        'ratelimit-limit': '10',
        'ratelimit-remaining': '0',
        'ratelimit-reset': '60',
      },
      data: { limit: 'perPrincipal', retryAfterMs: 5400 },
    });
    set.clock.nowMs = 600 + 5399;
    expect(await refusal(set)).toMatchObject({
      headers: { 'retry-after': '1' },
      data: { limit: 'perPrincipal', retryAfterMs: 1 },
    });
    set.clock.nowMs = 600 + 5400;
    expect(await refusal(set)).toBeUndefined();
  });

  it('P4-12 of all and of each client bind together', async () => {
    const rate = { global: { count: 20, periodMs: 60_000 }, perPrincipal: { count: 10, periodMs: 60_000 } };
    const set = setting({ rate });
    const counts: number[] = [];
    for (const subject of ['a', 'b', 'c']) counts.push(await passed(set, 10, { subject }));
    expect(counts).toEqual([10, 10, 0]);
    expect(limitOf(await refusal(set, { subject: 'c' }))).toBe('global');
    const other = setting({ rate });
    expect([await passed(other, 30, { subject: 'a' }), await passed(other, 5, { subject: 'b' })]).toEqual([10, 5]);
    expect(limitOf(await refusal(other, { subject: 'a' }))).toBe('perPrincipal');
  });

  it('P2-14 of a session, a server and a tool, each by itself', async () => {
    const two = { count: 2, periodMs: 60_000 };
    const sessions = setting({ rate: { perSession: two } });
    expect([await passed(sessions, 5, { session: 's1' }), await passed(sessions, 5, { session: 's2' })]).toEqual([
      2, 2,
    ]);
    expect(await passed(sessions, 5)).toBe(5);
    const servers = setting({ rate: { perServer: two } });
    expect([await passed(servers, 5, { tool: 'a__x' }), await passed(servers, 5, { tool: 'a__y' })]).toEqual([2, 0]);
    expect(await passed(servers, 5, { tool: 'b__x' })).toBe(2);
    const tools = setting({ rate: { perTool: two } });
    expect([await passed(tools, 5, { tool: 'a__x' }), await passed(tools, 5, { tool: 'a__y' })]).toEqual([2, 2]);
    expect(limitOf(await refusal(tools, { subject: 'you' }))).toBe('perTool');
  });

  it('counts for none of the others when one of them refuses', async () => {
    const hour = (count: number): { count: number; periodMs: number } => ({ count, periodMs: 3_600_000 });
    const set = setting({
      rate: { global: hour(8), perPrincipal: hour(4), perSession: hour(1) },
      quota: { day: 5 },
    });
    expect(await passed(set, 50, { session: 's1' })).toBe(1);
    // The session has refused 49 times: one call is all that was used up.
    expect(await passed(set, 50)).toBe(3);
    set.limits.rate = { global: hour(8) };
    expect(await passed(set, 50)).toBe(1);
    expect(limitOf(await refusal(set))).toBe('quota.day');
    expect(await passed(set, 50, { subject: 'you' })).toBe(3);
    const targets = setting({ rate: { perServer: hour(6), perTool: hour(1) } });
    expect(await passed(targets, 50)).toBe(1);
    const more: number[] = [];
    for (let n = 0; n < 6; n++) more.push(await passed(targets, 1, { tool: `a__y${n}` }));
    expect(more).toEqual([1, 1, 1, 1, 1, 0]);
  });

  it.each(['perTool', 'perServer'])(
    'P3-09 binds a client whatever refuses its calls later (%s): all that is decided for it counts',
    async (later) => {
      const minute = (count: number): { count: number; periodMs: number } => ({ count, periodMs: 60_000 });
      const set = setting({ rate: { perPrincipal: minute(20), [later]: minute(5) }, quota: { month: 30 } });
      const limits: unknown[] = [];
      for (let n = 0; n < 300; n++) limits.push(limitOf(await refusal(set)));
      const count = (limit: unknown): number => limits.filter((each) => each === limit).length;
      expect([count(undefined), count(later), count('perPrincipal')]).toEqual([5, 15, 280]);
      set.limits.rate = { [later]: minute(5) };
      for (let n = 0; n < 10; n++) await refusal(set);
      expect(limitOf(await refusal(set))).toBe('quota.month');
      // Nor does it take more of the others' than it may begin.
      const shared = setting({ rate: { global: minute(30), perSession: minute(20), [later]: minute(5) } });
      expect(await passed(shared, 300, { session: 's1' })).toBe(5);
      expect(limitOf(await refusal(shared, { session: 's1' }))).toBe('perSession');
      expect(await passed(shared, 300, { subject: 'you', tool: 'b__x' })).toBe(5);
      expect(limitOf(await refusal(shared, { subject: 'you' }))).toBe('global');
    },
  );

  it('can change meanwhile: what was used stays used', async () => {
    const set = setting({ rate: { perPrincipal: { count: 10, periodMs: 60_000 } } });
    expect(await passed(set, 30)).toBe(10);
    set.limits.rate = { perPrincipal: { count: 15, periodMs: 60_000 } };
    expect(await passed(set, 30)).toBe(5);
    set.limits.rate = { perPrincipal: { count: 1, periodMs: 60_000 } };
    const refused = await refusal(set);
    expect(refused?.headers).toMatchObject({ 'retry-after': '60', 'ratelimit-limit': '1' });
    set.limits.rate = {};
    expect(await passed(set, 30)).toBe(30);
  });

  it('with a later one refusing names the one that refuses longest', async () => {
    const set = setting({
      rate: { global: { count: 1, periodMs: 1000 }, perPrincipal: { count: 1, periodMs: 60_000 } },
      quota: { day: 1 },
    });
    await passed(set, 1);
    expect(limitOf(await refusal(set))).toBe('perPrincipal');
    set.limits.rate = { global: { count: 1, periodMs: 1000 } };
    expect(await refusal(set)).toMatchObject({
      message: 'The limit of calls for this client (1 a day) is reached. Try again in 10 s.',
      headers: { 'retry-after': '10', 'ratelimit-limit': '1' },
      data: { limit: 'quota.day', retryAfterMs: 10_000 },
    });
  });
});

describe('the local key', () => {
  const one = { count: 1, periodMs: 60_000 };
  const facts = { subject: 'local', local: true };

  it('has no limit as a principal on this machine, and the others have', async () => {
    const set = setting({ rate: { perPrincipal: one }, quota: { day: 1 }, concurrency: 1 });
    expect(await passed(set, 20, facts)).toBe(20);
    await set.admit(callOf(facts), (call) => set.admit(call, done));
    expect(await passed(set, 20, { subject: 'ci', local: true })).toBe(1);
    expect(await passed(set, 20, { ...facts, issuer: 'https://id.example' })).toBe(1);
  });

  it('has it through a proxy', async () => {
    const set = setting({ rate: { perPrincipal: one } });
    expect(await passed(set, 20, { subject: 'local' })).toBe(1);
  });

  it('is bound by what belongs to nobody', async () => {
    expect(await passed(setting({ rate: { global: one } }), 5, facts)).toBe(1);
    expect(await passed(setting({ rate: { perTool: one } }), 5, facts)).toBe(1);
  });
});

describe('calls under way', () => {
  it('are so many for a principal, and one more when one has ended, however it ended', async () => {
    const set = setting({ concurrency: 2 });
    const [first, second] = [Promise.withResolvers<typeof DONE>(), Promise.withResolvers<typeof DONE>()];
    const open = [refusal(set, {}, () => first.promise), begun(set, {}, () => second.promise)];
    expect(await refusal(set)).toMatchObject({
      message: '2 calls of this client are under way, as many as may be. Try again in 1 s.',
      headers: { 'retry-after': '1', 'ratelimit-limit': '2', 'ratelimit-remaining': '0', 'ratelimit-reset': '1' },
      data: { limit: 'concurrency', retryAfterMs: 1000 },
    });
    expect(await refusal(set, { subject: 'you' })).toBeUndefined();
    first.resolve(DONE);
    await open[0];
    expect(await refusal(set)).toBeUndefined();
    second.reject(new Error('failed'));
    await expect(open[1]).rejects.toThrow('failed');
    const third = Promise.withResolvers<typeof DONE>();
    const again = begun(set, {}, () => third.promise);
    expect(await refusal(set)).toBeUndefined();
    third.resolve(DONE);
    await again;
  });

  it('are not those that listen, which count as calls', async () => {
    const set = setting({ concurrency: 1, rate: { perPrincipal: { count: 5, periodMs: 60_000 } } });
    const { promise, resolve } = Promise.withResolvers<typeof DONE>();
    const facts = { method: 'subscriptions/listen' };
    const call = Promise.withResolvers<typeof DONE>();
    const full = begun(set, {}, () => call.promise);
    const open = [1, 2, 3].map(() => begun(set, facts, () => promise));
    call.resolve(DONE);
    await full;
    expect(await passed(set, 5)).toBe(1);
    await expect(begun(set, facts, done)).rejects.toMatchObject({ data: { limit: 'perPrincipal' } });
    resolve(DONE);
    await Promise.all(open);
  });

  it('are counted while a record is read: no more begin than may', async () => {
    const set = setting({ concurrency: 2, quota: { day: 3 } });
    const { promise, resolve } = Promise.withResolvers<typeof DONE>();
    const outcomes = Array.from({ length: 10 }, () => refusal(set, {}, () => promise));
    const refused = (await Promise.all(outcomes.slice(2))).map(limitOf);
    expect(refused).toEqual(Array.from({ length: 8 }, () => 'concurrency'));
    resolve(DONE);
    expect((await Promise.all(outcomes.slice(0, 2))).map(limitOf)).toEqual([undefined, undefined]);
    expect(await passed(set, 5)).toBe(1);
  });
});
