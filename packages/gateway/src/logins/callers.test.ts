import { keepSubjectToken, type Principal, type SubjectToken } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { createCallers } from './callers.ts';

const SERVER = { name: 'up', exchange: { client: {}, subjectTokenType: 'jwt' } };
const ALICE = { issuer: 'https://id.test', subject: 'alice' };

/** As authentication gives one for each credential. */
function caller(token: string | undefined, expiresAtMs = 1000, subject = ALICE.subject): Principal {
  const principal = { ...ALICE, subject, roles: [] };
  if (token !== undefined) keepSubjectToken(principal, { token, kind: 'access_token', expiresAtMs });
  return principal;
}

function open(): { nowMs: number; came(principal: Principal): void; token(subject?: string): string | undefined } {
  const state = { nowMs: 0 };
  const callers = createCallers(() => state.nowMs);
  callers.use([SERVER]);
  const tokenOf = (subject = ALICE.subject): SubjectToken | undefined => callers.tokenOf({ ...ALICE, subject });
  return Object.assign(state, {
    came: (principal: Principal) => callers.came(principal),
    token: (subject?: string) => tokenOf(subject)?.token,
  });
}

describe('tokens of callers', () => {
  it('are those with which each came last', () => {
    const callers = open();
    const first = caller('first');
    for (const each of [first, caller('bobs', 1000, 'bob'), caller('second')]) callers.came(each);
    expect([callers.token(), callers.token('bob'), callers.token('mallory')]).toEqual(['second', 'bobs', undefined]);
    callers.came(first);
    expect(callers.token()).toBe('first');
  });

  it('stay when the same caller comes with a key, a copy of itself, or one that has ended', () => {
    const callers = open();
    const good = caller('good', 2000);
    callers.came(good);
    callers.nowMs = 1000;
    for (const each of [caller(undefined), { ...good }, caller('ended', 1000)]) callers.came(each);
    expect(callers.token()).toBe('good');
  });

  it('are none from the moment on at which they end', () => {
    const callers = open();
    const principal = caller('token', 1000);
    callers.came(principal);
    callers.nowMs = 999;
    expect(callers.token()).toBe('token');
    callers.nowMs = 1000;
    expect(callers.token()).toBeUndefined();
    callers.came(principal);
    callers.nowMs = 0;
    expect(callers.token()).toBeUndefined();
  });

  it('are not kept where no server exchanges them', () => {
    const callers = createCallers(() => 0);
    callers.came(caller('token'));
    callers.use([SERVER, { name: 'other' }]);
    expect([callers.exchanges('up'), callers.exchanges('other'), callers.tokenOf(ALICE)]).toEqual([
      true,
      false,
      undefined,
    ]);
    callers.came(caller('token'));
    expect(callers.tokenOf(ALICE)?.token).toBe('token');
    callers.use([]);
    expect([callers.exchanges('up'), callers.tokenOf(ALICE)]).toEqual([false, undefined]);
  });

  it('are bounded', () => {
    const callers = open();
    for (let count = 0; count <= 10_000; count += 1) callers.came(caller(`${count}`, 1000, `number ${count}`));
    expect([callers.token('number 0'), callers.token('number 1')]).toEqual([undefined, '1']);
  });
});
