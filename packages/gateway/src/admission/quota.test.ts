import { describe, expect, it } from 'vitest';
import { Quotas, type Quota } from './quota.ts';
import { fakeRecords, fakeTimers, type FakeRecords, type FakeTimers } from './testing/records.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 28, 21);

interface Setting {
  readonly quotas: Quotas;
  readonly clock: { nowMs: number };
  readonly quota: { day?: number; month?: number };
  readonly timers: FakeTimers;
  readonly logged: string[];
  /** Calls of a principal; how many of them pass. */
  readonly call: (principal: string, calls?: number) => Promise<number>;
  /** What is written in one round. */
  readonly round: () => Promise<void>;
}

function setting(
  quota: Setting['quota'],
  records: FakeRecords = fakeRecords(),
  clock: Setting['clock'] = { nowMs: START_MS },
  maxPrincipals = 10_000,
): Setting {
  const timers = fakeTimers();
  const logged: string[] = [];
  const quotas = new Quotas({
    quota: () => quota,
    records,
    now: () => clock.nowMs,
    setTimer: timers.set,
    log: (level, text) => logged.push(`${level} ${text}`),
    maxPrincipals,
  });
  const call = async (principal: string, calls = 1): Promise<number> => {
    let passed = 0;
    for (let n = 0; n < calls; n++) {
      const found = await quotas.find(principal);
      if (quotas.over(found) !== undefined) continue;
      quotas.take(found);
      passed++;
    }
    return passed;
  };
  const round = async (): Promise<void> => {
    timers.fire();
    // Each of the sixteen writes has a turn of the event loop.
    for (let n = 0; n < 20; n++) await new Promise(setImmediate);
  };
  return { quotas, clock, quota, timers, logged, call, round };
}

const quotaOf = async ({ quotas }: Setting, principal: string): Promise<Quota> =>
  (await quotas.find(principal)) as Quota;

describe('a quota', () => {
  it('ends a day at midnight UTC and a month on the 1st', async () => {
    const set = setting({ day: 3, month: 5 });
    expect(await set.call('me', 10)).toBe(3);
    expect(set.quotas.over(await quotaOf(set, 'me'))).toEqual({
      limit: 'quota.day',
      text: 'The limit of calls for this client (3 a day) is reached.',
      count: 3,
      remaining: 0,
      retryAfterMs: 3 * HOUR_MS,
      resetMs: 3 * HOUR_MS,
    });
    expect(await set.call('you', 1)).toBe(1);
    set.clock.nowMs += 3 * HOUR_MS - 1;
    expect(await set.call('me')).toBe(0);
    set.clock.nowMs += 1;
    expect(await set.call('me', 10)).toBe(2);
    const over = set.quotas.over(await quotaOf(set, 'me'));
    expect([over?.limit, over?.retryAfterMs]).toEqual(['quota.month', 48 * HOUR_MS]);
    set.clock.nowMs += 24 * HOUR_MS;
    expect(await set.call('me')).toBe(0);
    set.clock.nowMs += 24 * HOUR_MS;
    expect(new Date(set.clock.nowMs).toISOString()).toBe('2026-12-01T00:00:00.000Z');
    expect(await set.call('me', 10)).toBe(3);
    set.clock.nowMs = Date.UTC(2027, 0, 1);
    expect(await set.call('me', 10)).toBe(3);
  });

  it('is one quota when the clock steps back, here and in a process that starts then', async () => {
    const records = fakeRecords();
    const clock = { nowMs: Date.UTC(2026, 11, 1) };
    const set = setting({ day: 3, month: 3 }, records, clock);
    expect(await set.call('me', 10)).toBe(3);
    await set.quotas.close();
    clock.nowMs -= HOUR_MS;
    expect(await set.call('me')).toBe(0);
    expect(await setting({ day: 3, month: 3 }, records, clock).call('me')).toBe(0);
    clock.nowMs += HOUR_MS;
    expect(await set.call('me')).toBe(0);
  });

  it('survives a restart, and counts on where it was', async () => {
    const records = fakeRecords();
    const before = setting({ day: 10 }, records);
    expect(await before.call('me', 7)).toBe(7);
    await before.quotas.close();
    await before.quotas.close();
    expect(records.asked.filter((each) => each === 'put')).toHaveLength(1);
    expect(await setting({ day: 10 }, records).call('me', 7)).toBe(3);
  });

  it('is one for processes that share it, but for what passes between two writes', async () => {
    const records = fakeRecords();
    const [one, other] = [setting({ day: 100 }, records), setting({ day: 100 }, records)];
    expect([await one.call('me', 40), await other.call('me', 40)]).toEqual([40, 40]);
    await Promise.all([one.round(), other.round()]);
    // Whoever wrote first has not heard of the other yet: it does when it writes again.
    const passed = (await one.call('me', 100)) + (await other.call('me', 100));
    expect(passed).toBeGreaterThanOrEqual(20);
    expect(passed).toBeLessThanOrEqual(60 + 20);
    for (const each of [one, other]) await each.round();
    for (const each of [one, other]) await each.round();
    expect([await one.call('me', 100), await other.call('me', 100)]).toEqual([0, 0]);
    const [sum] = [...records.all.values()].map(({ value }) => value as { day: [number, number] });
    expect(sum?.day[1]).toBe(80 + passed);
  });

  it('loses no call when two processes write at the same time', async () => {
    const records = fakeRecords();
    const each = Array.from({ length: 5 }, () => setting({ month: 1000 }, records));
    await Promise.all(each.map(({ call }) => call('me', 10)));
    await Promise.all(each.map(({ round }) => round()));
    expect(records.asked).toContain('lost');
    expect((await quotaOf(setting({ month: 1000 }, records), 'me')).month.count).toBe(50);
  });

  it('reads a record once, however many calls come at once, and writes no call by itself', async () => {
    const records = fakeRecords();
    const set = setting({ day: 1000 }, records);
    await Promise.all(Array.from({ length: 50 }, () => set.call('me', 10)));
    expect(records.asked).toEqual(['get']);
    expect([...set.timers.waiting.values()]).toEqual([1000]);
    await set.round();
    expect(records.asked).toEqual(['get', 'get', 'put']);
    expect(set.timers.waiting.size).toBe(0);
    expect(set.quotas.find('me')).not.toBeInstanceOf(Promise);
  });

  it('is counted nowhere while there is none, and asks no record', async () => {
    const records = fakeRecords();
    const set = setting({}, records);
    expect(await set.call('me', 5)).toBe(5);
    await set.round();
    expect([records.asked, set.timers.waiting.size, set.quotas.size]).toEqual([[], 0, 0]);
    set.quota.day = 2;
    expect(await set.call('me', 5)).toBe(2);
    // Both are counted: a month that is written later knows of this day.
    set.quota.month = 3;
    set.quota.day = 100;
    expect(await set.call('me', 5)).toBe(1);
  });
});

describe('what is kept of quotas', () => {
  it('P3-09 is bounded, and whoever is forgotten here is known from its record', async () => {
    const records = fakeRecords();
    const set = setting({ day: 2 }, records, undefined, 10);
    expect(await set.call('attacker', 5)).toBe(2);
    for (let n = 0; n < 1000; n++) {
      await set.call(`fake ${n}`);
      expect(set.quotas.size).toBeLessThanOrEqual(10);
    }
    expect(await set.call('attacker', 5)).toBe(0);
    await Promise.all(Array.from({ length: 10 }, (_, n) => set.call(`more ${n}`)));
    expect(set.quotas.size).toBeLessThanOrEqual(10);
    expect([await set.call('fake 3', 5), await set.call('more 3', 5)]).toEqual([1, 1]);
  });

  it('is written in rounds of sixteen, in the order of the calls', async () => {
    const records = fakeRecords();
    const set = setting({ day: 100 }, records);
    for (let n = 0; n < 40; n++) await set.call(`p${n}`);
    await set.round();
    expect(records.all.size).toBe(16);
    // Who calls all the time does not keep the others waiting.
    for (let n = 0; n < 16; n++) await set.call(`p${n}`);
    await set.round();
    await set.round();
    expect(records.all.size).toBe(40);
    await set.round();
    await set.round();
    const counts = [...records.all.values()].map(({ value }) => (value as { day: [number, number] }).day[1]);
    expect([1, 2].map((calls) => counts.filter((each) => each === calls).length)).toEqual([24, 16]);
    expect(set.timers.waiting.size).toBe(0);
  });

  it('leaves the memory after a while without a call, and its record after its month', async () => {
    const records = fakeRecords();
    const set = setting({ day: 1000 }, records);
    await set.call('idle');
    for (let n = 0; n < 60; n++) {
      await set.call('busy');
      await set.round();
    }
    expect(set.quotas.size).toBe(2);
    await set.call('busy');
    await set.round();
    expect(set.quotas.size).toBe(1);
    expect([...records.all.values()].map(({ expiresAtMs }) => expiresAtMs)).toEqual(
      Array.from({ length: 2 }, () => Date.UTC(2026, 11, 2)),
    );
  });

  it('keeps for the next round what is counted while it writes', async () => {
    const records = fakeRecords();
    const set = setting({ day: 1000 }, records);
    await set.call('me', 3);
    const { putIf } = records;
    records.putIf = async (...write) => {
      records.putIf = putIf;
      await set.call('me', 4);
      return await putIf(...write);
    };
    await set.round();
    expect([(await quotaOf(set, 'me')).day.unwritten, set.timers.waiting.size]).toEqual([4, 1]);
    await set.round();
    expect((await quotaOf(setting({ day: 1000 }, records), 'me')).day.count).toBe(7);
    expect([(await quotaOf(set, 'me')).day.unwritten, set.timers.waiting.size]).toEqual([0, 0]);
  });

  it('names nobody', async () => {
    const records = fakeRecords();
    const set = setting({ day: 1000 }, records);
    const name = JSON.stringify(['https://issuer.example', 'x'.repeat(5000)]);
    await set.call(name);
    await set.quotas.close();
    expect([...records.all.keys()]).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
  });

  it('refuses a call when it cannot be read, and keeps what cannot be written', async () => {
    const records = fakeRecords();
    const set = setting({ day: 10 }, records);
    await set.call('me', 4);
    records.broken = new Error('the disk is gone');
    await expect(set.call('you')).rejects.toThrow('the disk is gone');
    // Longer than whoever does not call is remembered.
    for (let n = 0; n < 70; n++) await set.round();
    expect(set.logged).toEqual(['warn counts of calls could not be stored; it is tried again']);
    expect(await set.call('me', 4)).toBe(4);
    records.broken = undefined;
    await set.round();
    expect((await quotaOf(setting({ day: 10 }, records), 'me')).day.count).toBe(8);
    expect(await set.call('you')).toBe(1);
  });

  it('counts a record of nonsense as none', async () => {
    const records = fakeRecords();
    const set = setting({ day: 2 }, records);
    await set.call('me', 2);
    await set.quotas.close();
    const [key = ''] = records.all.keys();
    for (const value of [null, 4, { day: 'x' }, { day: [1e99, '2'], month: [] }]) {
      records.all.set(key, { value, version: 1, expiresAtMs: 0 });
      expect(await setting({ day: 2 }, records).call('me', 5)).toBe(2);
    }
  });
});
