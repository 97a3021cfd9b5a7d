import { describe, expect, it } from 'vitest';
import type { Credentials } from './authenticate.ts';
import { createIntrospectionVerify, type IntrospectionOptions } from './introspection.ts';
import type { Proof, Prove } from './proof.ts';

const ISSUER = 'https://id.test';
const AUDIENCE = 'https://gw.test/mcp';
const ANSWER = { active: true, iss: ISSUER, aud: AUDIENCE, sub: 'alice', scope: 'mcp', exp: 2000 };
const ALICE = { principal: { issuer: ISSUER, subject: 'alice' } };
const INVALID = { problem: 'invalid' };
const UNAVAILABLE = { problem: 'unavailable' };

interface Asked {
  readonly url: string;
  readonly token: string;
  readonly authorization: string;
  answer(value: object, status?: number): void;
}

/** Answers with `state.answer`, or when the test says so. */
function open(options: Partial<IntrospectionOptions> = {}) {
  const state: { nowMs: number; answer: object | undefined; slow: Set<string> } = {
    nowMs: 1_000_000,
    answer: ANSWER,
    slow: new Set(),
  };
  const asked: Asked[] = [];
  const verify: Prove = createIntrospectionVerify({
    issuer: ISSUER,
    endpoint: async () => `${ISSUER}/introspect`,
    clientId: 'us',
    clientSecret: 'secret',
    audiences: () => [AUDIENCE],
    audience: [],
    scopes: [],
    cacheMs: 60_000,
    claims: { roles: 'roles', groups: 'groups' },
    isSlowedDown: (address) => state.slow.has(address ?? ''),
    fetch: (url, init) =>
      new Promise((resolve) => {
        const { authorization } = init.headers as Record<string, string>;
        const token = (init.body as URLSearchParams).get('token') ?? '';
        const answer = (value: object, status = 200): void => resolve(Response.json(value, { status }));
        asked.push({ url, token, authorization: authorization ?? '', answer });
        if (state.answer !== undefined) answer(state.answer);
      }),
    now: () => state.nowMs,
    ...options,
  });
  return { asked, state, verify };
}

const show = (token: string, more: Partial<Credentials> = {}): Credentials => ({
  authorization: `Bearer ${token}`,
  certificate: undefined,
  connection: {},
  local: false,
  address: '192.0.2.1',
  path: '/mcp',
  ...more,
});

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;

/** Until what was begun has come as far as it can without an answer. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('introspection', () => {
  it('asks with the credential of the client, each half encoded', async () => {
    const { asked, verify } = open({ clientId: 'a b:c', clientSecret: 'd+e/é%' });
    expect(await verify(show('token'))).toMatchObject(ALICE);
    const [question] = asked;
    expect(question).toMatchObject({ url: `${ISSUER}/introspect`, token: 'token' });
    const credential = Buffer.from(question?.authorization.slice('Basic '.length) ?? '', 'base64').toString();
    expect(credential).toBe('a+b%3Ac:d%2Be%2F%C3%A9%25');
  });

  it.each([
    ['active is text', { active: 'true' }],
    ['active is a number', { active: 1 }],
    ['it is not active', { active: false }],
    ['nothing says that it is active', { active: undefined }],
    ['it is of another issuer', { iss: `${ISSUER}/` }],
    ['it is for somebody else', { aud: 'https://other.test' }],
    ['nothing says whom it is for', { aud: undefined }],
    ['it has expired', { exp: 940 }],
    ['its expiry is no time', { exp: '2000' }],
    ['it is not good yet', { nbf: 1061 }],
    ['it has no subject', { sub: undefined }],
    ['it is bound to a key', { cnf: { jkt: 'x' } }],
  ])('refuses a token when %s', async (_when, more) => {
    const { state, verify } = open();
    state.answer = { ...ANSWER, ...more };
    expect(await verify(show('token'))).toMatchObject(INVALID);
  });

  it('takes an answer without issuer and expiry', async () => {
    const { state, verify } = open();
    state.answer = { active: true, aud: ['x', AUDIENCE], sub: 'alice' };
    expect(await verify(show('token'))).toMatchObject(ALICE);
  });

  it('refuses a token that lacks a scope', async () => {
    expect(await open({ scopes: ['admin'] }).verify(show('token'))).toMatchObject({ problem: 'insufficient_scope' });
  });

  it.each([
    ['another status', { status: 500 }],
    ['our own credential refused', { status: 401 }],
  ])('is closed on %s', async (_what, { status }) => {
    const { asked, state, verify } = open();
    state.answer = undefined;
    const pending = verify(show('token'));
    await settled();
    asked[0]?.answer(ANSWER, status);
    expect(await pending).toMatchObject(UNAVAILABLE);
  });

  it('is closed while its endpoint is not known, and when nothing can be reached', async () => {
    const lost = (): Promise<never> => Promise.reject(new Error('no'));
    expect(await open({ endpoint: lost }).verify(show('token'))).toMatchObject(UNAVAILABLE);
    expect(await open({ fetch: lost }).verify(show('token'))).toMatchObject(UNAVAILABLE);
  });

  it('asks nothing for a second after it got no answer, also not for those who waited', async () => {
    const { asked, state, verify } = open();
    state.answer = undefined;
    const pending = Array.from({ length: 40 }, async (_, at) => await verify(show(`token-${at}`)));
    await settled();
    for (const question of asked.slice(0, 16)) question.answer({}, 503);
    expect(await Promise.all(pending)).toMatchObject(pending.map(() => UNAVAILABLE));
    expect(asked).toHaveLength(16);
    state.answer = ANSWER;
    state.nowMs += 999;
    expect(await verify(show('token-1'))).toMatchObject(UNAVAILABLE);
    state.nowMs += 1;
    expect(await verify(show('token-1'))).toMatchObject(ALICE);
  });

  it('believes an answer for a while, and not beyond the expiry of the token', async () => {
    const { asked, state, verify } = open();
    state.answer = { ...ANSWER, exp: 1030 };
    const proof = (await verify(show('short'))) as Proof;
    expect(verify(show('short'))).toBe(proof);
    state.nowMs = 1_029_999;
    expect(proof.holds(show('short'))).toBe(true);
    state.nowMs = 1_030_000;
    expect(proof.holds(show('short'))).toBe(false);
    state.answer = ANSWER;
    const long = (await verify(show('long'))) as Proof;
    state.nowMs += 59_999;
    expect(long.holds(show('long'))).toBe(true);
    state.nowMs += 1;
    expect(long.holds(show('long'))).toBe(false);
    expect(asked).toHaveLength(2);
  });

  it('gives an equal principal again when the server has prolonged the token', async () => {
    const { state, verify } = open();
    const first = (await verify(show('token'))) as Proof;
    state.nowMs += 60_000;
    state.answer = { ...ANSWER, exp: 3000 };
    const second = (await verify(show('token'))) as Proof;
    expect(second).not.toBe(first);
    expect(second.principal).toEqual(first.principal);
    expect(first.principal.claims).toEqual({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', scope: 'mcp' });
  });

  it('counts from the question on, not from the answer', async () => {
    const { asked, state, verify } = open();
    state.answer = undefined;
    const pending = verify(show('token'));
    await settled();
    state.nowMs += 50_000;
    asked[0]?.answer(ANSWER);
    const proof = (await pending) as Proof;
    state.nowMs += 10_000;
    expect(proof.holds(show('token'))).toBe(false);
  });

  it('remembers for some seconds that a token is none', async () => {
    const { asked, state, verify } = open();
    state.answer = { active: false };
    await verify(show('wrong'));
    for (let round = 0; round < 100; round++) expect(verify(show('wrong'))).toMatchObject(INVALID);
    expect(asked).toHaveLength(1);
    state.nowMs += 10_000;
    state.answer = ANSWER;
    expect(await verify(show('wrong'))).toMatchObject(ALICE);
  });

  it('asks once for all who show the same token at the same time', async () => {
    const { asked, verify } = open();
    const found = await Promise.all(Array.from({ length: 50 }, async () => await verify(show('token'))));
    expect(asked).toHaveLength(1);
    expect(new Set(found).size).toBe(1);
  });

  it('judges each path by itself, from one answer', async () => {
    const audiences = (path: string): string[] => [`https://gw.test${path}`];
    const { asked, verify } = open({ audiences });
    const [good, bad] = await Promise.all([verify(show('t')), verify(show('t', { path: '/mcp/s/files' }))]);
    expect([good, bad]).toMatchObject([ALICE, INVALID]);
    expect(verify(show('t', { path: '/mcp/s/files' }))).toMatchObject(INVALID);
    expect(verify(show('t'))).toBe(good);
    expect(asked).toHaveLength(1);
  });

  it('P3-09 asks sixteen questions at a time, keeps a line of them waiting, and none for who failed too often meanwhile', async () => {
    const { asked, state, verify } = open();
    state.answer = undefined;
    const pending = Array.from({ length: 2100 }, async (_, at) => await verify(show(`wrong-${at}`)));
    await settled();
    expect(asked).toHaveLength(16);
    for (const late of pending.slice(2064)) expect(await late).toMatchObject(UNAVAILABLE);
    state.slow.add('192.0.2.1');
    for (const question of asked.slice(0, 16)) question.answer({ active: false });
    const found = await Promise.all(pending);
    expect(found.slice(0, 16)).toMatchObject(Array.from({ length: 16 }, () => INVALID));
    expect(found.slice(16, 2064)).toEqual(Array.from({ length: 2048 }, () => undefined));
    expect(asked).toHaveLength(16);
  });

  it('P3-09 an address that failed too often causes no question, and is let in with a token that is known', async () => {
    const { asked, state, verify } = open();
    const proof = await verify(show('good'));
    state.slow.add('192.0.2.1');
    expect(verify(show('good'))).toBe(proof);
    expect(verify(show('other'))).toBeUndefined();
    expect(await verify(show('other', { address: '192.0.2.2' }))).toMatchObject(ALICE);
    expect(asked).toHaveLength(2);
  });

  it('P3-09 asks again about a token that was good, wherever it comes from, until it is none', async () => {
    const { asked, state, verify } = open();
    await verify(show('good'));
    state.slow.add('192.0.2.1');
    state.nowMs += 60_000;
    expect(await verify(show('good'))).toMatchObject(ALICE);
    state.nowMs += 60_000;
    state.answer = { active: false };
    expect(await verify(show('good'))).toMatchObject(INVALID);
    state.nowMs += 60_000;
    expect(verify(show('good'))).toBeUndefined();
    expect(asked).toHaveLength(3);
  });

  it.each([
    ['a client key', `sp_${'0'.repeat(16)}_${'A'.repeat(43)}`],
    ['the local key', `sp_local_${'A'.repeat(43)}`],
    ['a JWT of another issuer', jwt({ iss: 'https://other.test' })],
    ['more than 8 KiB', 'x'.repeat(8193)],
  ])('UPS-13 never shows the provider %s', async (_what, token) => {
    const { asked, verify } = open();
    expect(await verify(show(token))).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it.each([jwt({ iss: ISSUER }), jwt({}), jwt([]), 'a.b.c'])('asks about %s', async (token) => {
    expect(await open().verify(show(token))).toMatchObject(ALICE);
  });
});
