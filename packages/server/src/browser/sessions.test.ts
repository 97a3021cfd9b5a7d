import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { principalKey, type Principal } from '../exchange.ts';
import { createBrowserSessions, type BrowserSessions, type SessionLifetimes } from './sessions.ts';
import { createMemoryRecords } from '../memory-records.ts';

const ALICE: Principal = { issuer: 'https://id.test', subject: 'alice', roles: ['dev'], groups: ['eng'] };
const BOB: Principal = { ...ALICE, subject: 'bob' };

function setup(lifetimes: Partial<SessionLifetimes> = {}) {
  const clock = { nowMs: 1_000_000 };
  const now = (): number => clock.nowMs;
  const records = createMemoryRecords(now);
  const options = {
    records,
    now,
    random: randomBytes,
    lifetimes: { idleMs: 2000, absoluteMs: 5000, rotateMs: 60_000, ...lifetimes },
  };
  const sessions = createBrowserSessions(options);
  return { clock, records, sessions, another: createBrowserSessions(options) };
}

async function subjectOf(sessions: BrowserSessions, cookie: string): Promise<string | undefined> {
  const looked = await sessions.find(cookie);
  return looked !== undefined && 'found' in looked ? looked.found.principal.subject : undefined;
}

describe('sessions of browsers', () => {
  it('P2-05 an idle session is over after its idle time, and use puts that off', async () => {
    const { clock, sessions } = setup({ absoluteMs: 100_000 });
    const cookie = await sessions.begin(ALICE);
    for (let at = 0; at < 5; at++) {
      clock.nowMs += 1900;
      expect(await subjectOf(sessions, cookie)).toBe('alice');
    }
    clock.nowMs += 2000;
    expect(await subjectOf(sessions, cookie)).toBeUndefined();
  });

  it('P2-05 a busy session is over after its absolute time, also when its cookie is replaced', async () => {
    for (const rotateMs of [500, 60_000]) {
      const { clock, sessions } = setup({ rotateMs });
      let cookie = await sessions.begin(ALICE);
      for (let at = 0; at < 9; at++) {
        clock.nowMs += 550;
        const looked = await sessions.find(cookie);
        expect(looked).toHaveProperty('found.principal', ALICE);
        cookie = (looked as { found: { replaced?: string } }).found.replaced ?? cookie;
      }
      clock.nowMs += 50;
      expect(await subjectOf(sessions, cookie)).toBeUndefined();
    }
  });

  it('P2-05 shorter times hold for sessions that were begun with longer ones', async () => {
    const { clock, records, sessions } = setup({ idleMs: 100_000, absoluteMs: 100_000 });
    const cookie = await sessions.begin(ALICE);
    const shorter = createBrowserSessions({
      records,
      now: () => clock.nowMs,
      random: randomBytes,
      lifetimes: { idleMs: 1000, absoluteMs: 1000, rotateMs: 500 },
    });
    clock.nowMs += 1000;
    expect(await subjectOf(shorter, cookie)).toBeUndefined();
  });

  it('P2-04 replaces the cookie once, whoever of many asks first, and in all processes', async () => {
    const { another, clock, sessions } = setup({ idleMs: 1e9, absoluteMs: 1e9 });
    const cookie = await sessions.begin(ALICE);
    clock.nowMs += 60_000;
    const looked = await Promise.all([sessions, another, sessions, another].map((each) => each.find(cookie)));
    const replaced = looked.flatMap((each) => (each !== undefined && 'found' in each ? [each.found.replaced] : []));
    expect(replaced.filter((each) => each !== undefined)).toHaveLength(1);
    expect(replaced).toHaveLength(4);
    clock.nowMs += 9_999;
    expect(await subjectOf(another, cookie)).toBe('alice');
    clock.nowMs += 1;
    expect(await another.find(cookie)).toEqual({ reused: ALICE });
    const [next = ''] = replaced.filter((each) => each !== undefined);
    expect(await sessions.find(next)).toBeUndefined();
  });

  it('P2-04 a cookie replaced twice ends the session at once, and the proof of forms stays the same', async () => {
    const { clock, sessions } = setup({ idleMs: 1e9, absoluteMs: 1e9, rotateMs: 1000 });
    const first = await sessions.begin(ALICE);
    clock.nowMs += 1000;
    const second = (await sessions.find(first)) as { found: { replaced: string; name: string } };
    clock.nowMs += 1000;
    const third = (await sessions.find(second.found.replaced)) as { found: { replaced: string; name: string } };
    expect(third.found.name).toBe(second.found.name);
    expect(await sessions.find(first)).toEqual({ reused: ALICE });
    expect(await sessions.find(third.found.replaced)).toBeUndefined();
  });

  it('stores neither half of a cookie', async () => {
    const { records, sessions } = setup();
    const cookie = await sessions.begin(ALICE);
    const stored = JSON.stringify(await records.list());
    expect(cookie).toMatch(/^[\w-]{86}$/);
    expect([stored.includes(cookie.slice(0, 43)), stored.includes(cookie.slice(43))]).toEqual([false, false]);
  });

  it('is not brought back by a request that was under way when it ended', async () => {
    const { clock, records, sessions } = setup({ rotateMs: 1000 });
    const cookie = await sessions.begin(ALICE);
    clock.nowMs += 1500;
    const putIf = records.putIf.bind(records);
    records.putIf = async (...given) => {
      await sessions.endAll(principalKey(ALICE));
      return await putIf(...given);
    };
    await sessions.find(cookie);
    expect(await sessions.find(cookie)).toBeUndefined();
    expect(await records.list()).toEqual([]);
  });

  it('ends all sessions of one principal and of nobody else', async () => {
    const { another, sessions } = setup();
    const [a, b, c] = [await sessions.begin(ALICE), await another.begin(ALICE), await sessions.begin(BOB)];
    expect(await another.endAll(principalKey(ALICE))).toBe(2);
    expect(await Promise.all([a, b, c].map((each) => subjectOf(sessions, each)))).toEqual([
      undefined,
      undefined,
      'bob',
    ]);
  });

  it('keeps 16 of a principal, the newest', async () => {
    const { clock, records, sessions } = setup({ idleMs: 1e9, absoluteMs: 1e9 });
    const cookies: string[] = [];
    for (let at = 0; at < 18; at++) {
      clock.nowMs++;
      cookies.push(await sessions.begin(ALICE));
    }
    expect(await records.list()).toHaveLength(16);
    const known = await Promise.all(cookies.map((each) => subjectOf(sessions, each)));
    expect(known.map((each) => each !== undefined)).toEqual([false, false, ...Array.from({ length: 16 }, () => true)]);
  });

  it.each(['', 'x', 'x'.repeat(86), 'x'.repeat(43), `${'x'.repeat(43)}.${'x'.repeat(43)}`, 'x'.repeat(1e5)])(
    'knows nobody by a cookie that is not one of ours',
    async (cookie) => {
      expect(await setup().sessions.find(cookie)).toBeUndefined();
    },
  );

  it('takes a record that was written by somebody else for no session', async () => {
    const { records, sessions } = setup();
    const cookie = await sessions.begin(ALICE);
    const [record] = await records.list();
    for (const value of [null, [], 'x', { principal: 'alice' }, { ...(record!.value as object), createdMs: '1' }]) {
      await records.put(record!.key, value);
      expect(await sessions.find(cookie)).toBeUndefined();
      expect(await sessions.endAll(principalKey(ALICE))).toBe(0);
    }
  });
});
