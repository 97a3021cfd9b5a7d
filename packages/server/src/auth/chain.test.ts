import { beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../exchange.ts';
import type { Authenticate, Credentials, Rejected } from './authenticate.ts';
import { bearerOf } from './bearer.ts';
import { createAuthenticate } from './chain.ts';
import { createChallenge } from './challenge.ts';
import { createFailureLimit } from './failures.ts';
import type { Proof, Prove } from './proof.ts';

const principal = (subject: string): Principal => ({ issuer: 'test', subject, roles: [] });
const INVALID: Rejected = { problem: 'invalid', detail: 'wrong' };
const CHALLENGE = 'Bearer realm="sallyport", resource_metadata="https://gw.test/meta"';
const UNAUTHENTICATED = {
  error: { key: 'unauthenticated' },
  headers: { 'www-authenticate': expect.stringContaining('error="invalid_token"') },
};

const credentials = (authorization?: string, more: Partial<Credentials> = {}): Credentials => ({
  authorization,
  certificate: undefined,
  connection: {},
  local: false,
  address: '192.0.2.1',
  path: '/mcp',
  ...more,
});

describe('the chain of ways to prove who one is', () => {
  let asked: string[];
  let logged: string[];
  let nowMs: number;

  /** Takes `Bearer <word>`, also with what is known of others; counts how often it was asked. */
  const way =
    (word: string, found: ReturnType<Prove> = principal(word), others?: ReturnType<Prove>): Prove =>
    ({ authorization }) => {
      asked.push(word);
      return bearerOf(authorization) === word ? found : others;
    };
  const chain = (...verify: readonly Prove[]): Authenticate =>
    createAuthenticate({
      verify,
      failures: createFailureLimit(3, () => nowMs),
      challenge: createChallenge({ metadataUrl: () => 'https://gw.test/meta', scopes: [] }),
      log: (level, text, detail) => logged.push(`${level} ${text} ${JSON.stringify(detail)}`),
      now: () => nowMs,
    });

  beforeEach(() => {
    [asked, logged, nowMs] = [[], [], 0];
  });

  it('asks in order, and no further than the first that knows it', async () => {
    const authenticate = chain(way('a'), way('b', Promise.resolve(principal('b'))), way('c'));
    expect(authenticate(credentials('Bearer a'))).toEqual(principal('a'));
    expect(await authenticate(credentials('Bearer b'))).toEqual(principal('b'));
    expect(authenticate(credentials('Bearer c'))).toEqual(principal('c'));
    expect(asked).toEqual(['a', 'a', 'b', 'a', 'b', 'c']);
  });

  it('goes on behind a way that takes its time', async () => {
    const authenticate = chain(way('a', undefined, Promise.resolve(undefined)), way('b'));
    expect(await authenticate(credentials('Bearer b'))).toEqual(principal('b'));
    expect(await authenticate(credentials('Bearer x'))).toMatchObject(UNAUTHENTICATED);
  });

  it('believes a way that refuses, and asks no other', async () => {
    for (const refusal of [INVALID, Promise.resolve(INVALID)]) {
      expect(await chain(way('a', refusal), way('a'))(credentials('Bearer a'))).toMatchObject(UNAUTHENTICATED);
    }
  });

  it('P3-01 answers none, wrong, right, any case of the scheme, and two headers', () => {
    const authenticate = chain(way('right'));
    expect(authenticate(credentials())).toEqual({
      error: expect.objectContaining({ key: 'unauthenticated' }),
      headers: { 'www-authenticate': CHALLENGE },
    });
    expect(authenticate(credentials('Bearer wrong'))).toMatchObject(UNAUTHENTICATED);
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEARER']) {
      expect(authenticate(credentials(`${scheme} right`))).toEqual(principal('right'));
    }
    for (const two of ['Bearer right, Bearer right', 'Bearer right, Basic abc', 'Bearer wrong, Bearer right']) {
      nowMs += 60_000;
      expect(authenticate(credentials(two))).toMatchObject(UNAUTHENTICATED);
    }
  });

  it('P3-01 lets the order decide between a header and a certificate, and never asks about two headers', () => {
    const certificate = { fingerprint: '00', subjectAltNames: ['URI:spiffe://x'], notAfterMs: 1 };
    const mtls: Prove = (shown) => shown.certificate && principal('machine');
    const both = credentials('Bearer key', { certificate });
    expect(chain(mtls, way('key'))(both)).toEqual(principal('machine'));
    expect(chain(way('key'), mtls)(both)).toEqual(principal('key'));
    expect(chain(way('key', INVALID), mtls)(both)).toMatchObject(UNAUTHENTICATED);
    expect(chain(mtls)(credentials('Bearer a, Bearer b', { certificate }))).toMatchObject(UNAUTHENTICATED);
  });

  it.each(['', 'Bearer', 'Bearer ', 'Basic YTpi', 'Token a', 'a', 'Bearer a b'])('refuses %j', (authorization) => {
    expect(chain(way('a'))(credentials(authorization))).toMatchObject(UNAUTHENTICATED);
  });

  it('P2-17 answers 403 for a token that lacks a scope, and does not count it', () => {
    const authenticate = chain(way('a', { problem: 'insufficient_scope', detail: 'mcp' }));
    for (let round = 0; round < 10; round++) {
      expect(authenticate(credentials('Bearer a'))).toMatchObject({
        error: { key: 'insufficient_scope' },
        headers: { 'www-authenticate': expect.stringContaining('error="insufficient_scope"') },
      });
    }
  });

  it.each<[string, Prove]>([
    ['cannot tell', () => ({ problem: 'unavailable', detail: 'down' })],
    ['cannot tell, and takes its time', async () => ({ problem: 'unavailable', detail: 'down' })],
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a bug'))],
  ])('lets nobody in while a way %s, and does not count it', async (_what, verify) => {
    const authenticate = chain(verify, way('a'));
    for (let round = 0; round < 10; round++) {
      const answer = await authenticate(credentials('Bearer a'));
      expect(answer).toMatchObject({ error: { error: { code: -31001 } }, headers: { 'retry-after': '5' } });
    }
    expect(asked).toEqual([]);
    expect(logged).toHaveLength(1);
    nowMs += 10_000;
    await authenticate(credentials('Bearer a'));
    expect(logged).toHaveLength(2);
  });

  describe('on a connection that has proven who it is', () => {
    const proofOf = (word: string, holds: Proof['holds']): Proof => ({ principal: principal(word), holds });

    it('asks nobody again as long as the proof holds', () => {
      let isGood = true;
      const authenticate = chain(
        way(
          'a',
          proofOf('a', () => isGood),
        ),
      );
      const connection = {};
      const first = authenticate(credentials('Bearer a', { connection }));
      expect(first).toEqual(principal('a'));
      expect(authenticate(credentials('Bearer a', { connection }))).toBe(first);
      expect(asked).toEqual(['a']);
      expect(authenticate(credentials('Bearer a'))).toBe(first);
      expect(asked).toEqual(['a', 'a']);
      isGood = false;
      void authenticate(credentials('Bearer a', { connection }));
      expect(asked).toEqual(['a', 'a', 'a']);
    });

    it('remembers a proof that took its time', async () => {
      const authenticate = chain(way('a', Promise.resolve(proofOf('a', () => true))));
      const connection = {};
      const first = await authenticate(credentials('Bearer a', { connection }));
      expect(authenticate(credentials('Bearer a', { connection }))).toBe(first);
    });

    it('gives the proof what is asked now', () => {
      const authenticate = chain(
        way(
          'a',
          proofOf('a', ({ path }) => path === '/mcp'),
        ),
      );
      const connection = {};
      void authenticate(credentials('Bearer a', { connection }));
      void authenticate(credentials('Bearer a', { connection }));
      expect(asked).toEqual(['a']);
      void authenticate(credentials('Bearer a', { connection, path: '/mcp/s/files' }));
      expect(asked).toEqual(['a', 'a']);
    });

    it('takes no other credential for it, and none either', () => {
      const authenticate = chain(
        way(
          'a',
          proofOf('a', () => true),
        ),
      );
      const connection = {};
      void authenticate(credentials('Bearer a', { connection }));
      for (const other of [undefined, '', 'Bearer b', 'bearer a x', 'Basic a', 'Bearer a, Bearer a']) {
        expect(authenticate(credentials(other, { connection }))).toMatchObject({ error: { key: expect.any(String) } });
      }
    });

    it('asks for a bare principal each time', () => {
      const authenticate = chain(way('a'));
      const connection = {};
      void authenticate(credentials('Bearer a', { connection }));
      void authenticate(credentials('Bearer a', { connection }));
      expect(asked).toEqual(['a', 'a']);
    });
  });

  describe('P3-09 an address that fails too often', () => {
    const wrong = credentials('Bearer wrong');

    it('is told to wait, and to log no more', () => {
      const authenticate = chain(way('a'));
      for (let round = 0; round < 3; round++) expect(authenticate(wrong)).toMatchObject(UNAUTHENTICATED);
      nowMs = 10_500;
      for (let round = 0; round < 1000; round++) {
        expect(authenticate(wrong)).toMatchObject({ error: { key: 'rate_limited' }, headers: { 'retry-after': '50' } });
      }
      expect(logged).toHaveLength(3);
      expect(authenticate({ ...wrong, address: '192.0.2.2' })).toMatchObject(UNAUTHENTICATED);
      nowMs = 60_000;
      expect(authenticate(wrong)).toMatchObject(UNAUTHENTICATED);
    });

    it('is let in all the same with a credential that is good', async () => {
      const authenticate = chain(way('a'), way('b', Promise.resolve(principal('b'))));
      for (let round = 0; round < 10; round++) await authenticate(wrong);
      expect(authenticate(credentials('Bearer a'))).toEqual(principal('a'));
      expect(await authenticate(credentials('Bearer b'))).toEqual(principal('b'));
    });

    it('does not fail by showing nothing', () => {
      const authenticate = chain(way('a'));
      for (let round = 0; round < 10; round++) {
        expect(authenticate(credentials())).toMatchObject({ error: { key: 'unauthenticated' } });
      }
    });
  });

  it('logs why, and nothing of the credential', () => {
    void chain(way('a', INVALID))(credentials('Bearer a-secret-canary'));
    void chain(way('a-secret-canary', INVALID))(credentials('Bearer a-secret-canary'));
    expect(logged[1]).toBe('info a credential was refused {"address":"192.0.2.1","path":"/mcp","detail":"wrong"}');
    expect(logged.join()).not.toContain('canary');
  });
});
