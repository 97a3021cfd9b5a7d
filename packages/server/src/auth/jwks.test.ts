import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, exportSPKI, type CryptoKey, type JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import type { Fetch } from './fetch-json.ts';
import { createRemoteKeySet, createStaticKeySet, type Keys, type KeySet } from './jwks.ts';

const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
const pem = (key: ReturnType<typeof rsa>): string => key.export({ type: 'spki', format: 'pem' }) as string;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const [one, two] = [rsa(), rsa()];
const RS256 = { alg: 'RS256' };

const count = async (set: KeySet, hint: { alg: string; kid?: string }): Promise<number> =>
  (await (set.current() as Keys)(hint)).length;

describe('keys that are written', () => {
  it('as PEM are meant whatever a token calls its key, as long as the algorithm fits', async () => {
    const set = createStaticKeySet({ publicKeys: [pem(one), pem(ec.publicKey)] });
    expect(await count(set, RS256)).toBe(1);
    expect(await count(set, { ...RS256, kid: 'any' })).toBe(1);
    expect(await count(set, { alg: 'ES256' })).toBe(1);
    for (const alg of ['HS256', 'none', 'ES384', 'EdDSA', '']) expect(await count(set, { alg }), alg).toBe(0);
  });

  it('as a key set are meant by their names', async () => {
    const keys = [
      { ...(await exportJWK(one)), kid: 'one' },
      { ...(await exportJWK(two)), kid: 'two', alg: 'PS256' },
    ];
    const set = createStaticKeySet({ jwks: { keys }, publicKeys: [] });
    expect(await count(set, { ...RS256, kid: 'one' })).toBe(1);
    expect(await count(set, { ...RS256, kid: 'two' })).toBe(0);
    expect(await count(set, { alg: 'PS256' })).toBe(2);
    expect(await count(set, { ...RS256, kid: 'three' })).toBe(0);
    const [key] = await (set.current() as Keys)({ ...RS256, kid: 'one' });
    expect(await exportSPKI(key as CryptoKey)).toBe(pem(one).trim());
  });

  it('are used for nothing but verifying, and no shared secret is among them', async () => {
    const jwk = await exportJWK(one);
    for (const more of [{ use: 'enc' }, { key_ops: ['encrypt'] }, { kty: 'oct', k: 'AAAA' }, { kty: 'x' }] as JWK[]) {
      const set = createStaticKeySet({ jwks: { keys: [{ ...jwk, ...more }] }, publicKeys: [] });
      for (const alg of ['RS256', 'HS256']) expect(await count(set, { alg }), JSON.stringify(more)).toBe(0);
    }
  });

  it('must be public keys, and at least one', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const secret = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    expect(() => createStaticKeySet({ publicKeys: [pem(one), secret] })).toThrow(/publicKeys\[1\] holds a private key/);
    expect(() => createStaticKeySet({ publicKeys: ['changeme'] })).toThrow(/publicKeys\[0\] is no public key/);
    expect(() => createStaticKeySet({ publicKeys: [] })).toThrow(/no key/);
  });
});

describe('keys that are fetched', () => {
  const open = (): {
    set: KeySet;
    fetched: string[];
    failures: string[];
    state: { nowMs: number; body: () => string };
  } => {
    const state = { nowMs: 0, body: () => '{"keys":[]}' };
    const fetched: string[] = [];
    const failures: string[] = [];
    const fake: Fetch = async (url) => {
      fetched.push(url);
      return new Response(state.body());
    };
    const set = createRemoteKeySet({
      url: async () => 'https://id.test/keys',
      fetch: fake,
      onFailure: (error) => failures.push(String(error)),
      now: () => state.nowMs,
    });
    return { set, fetched, failures, state };
  };
  const setOf = async (...keys: (typeof one)[]): Promise<string> =>
    JSON.stringify({
      keys: await Promise.all(keys.map(async (key, at) => ({ ...(await exportJWK(key)), kid: `${at}` }))),
    });

  it('are the same object as long as they are the same keys', async () => {
    const { set, state } = open();
    const both = await setOf(one, two);
    state.body = () => both;
    const first = await set.renew();
    state.nowMs += 30_000;
    expect(await set.renew()).toBe(first);
    const other = await setOf(one);
    state.body = () => other;
    state.nowMs += 30_000;
    expect(await set.renew()).not.toBe(first);
    expect(await count(set, { ...RS256, kid: '1' })).toBe(0);
  });

  it('are fetched once in 30 s at most, by however many they are missed', async () => {
    const { fetched, set, state } = open();
    for (let ms = 0; ms < 120_000; ms += 1000) {
      state.nowMs = ms;
      await Promise.all(Array.from({ length: 20 }, () => set.renew()));
    }
    expect(fetched).toHaveLength(4);
  });

  it('are fetched again before ten minutes are over, and until then believed', async () => {
    const { fetched, set, state } = open();
    await set.renew();
    state.nowMs = 479_999;
    expect(set.current()).toBeDefined();
    expect(fetched).toHaveLength(1);
    state.nowMs = 480_000;
    expect(set.current()).toBeDefined();
    await set.renew();
    expect(fetched).toHaveLength(2);
  });

  it.each([
    '{}',
    '{"keys":{}}',
    '{"keys":"x"}',
    '{"keys":[1]}',
    '[]',
    'x',
    JSON.stringify({ keys: Array.from({ length: 101 }, () => ({})) }),
  ])('are kept when there is something else in their place: %.40s', async (body) => {
    const { failures, set, state } = open();
    const good = await setOf(one);
    state.body = () => good;
    const first = await set.renew();
    state.body = () => body;
    state.nowMs = 30_000;
    expect(await set.renew()).toBe(first);
    expect(failures).toHaveLength(1);
  });

  it('are tried one after another, a few of them, for a token that names none', async () => {
    const { set, state } = open();
    const body = JSON.stringify({
      keys: Array.from({ length: 40 }, (_, at) => ({ ...JSON.parse(jwk), kid: `${at}` })),
    });
    state.body = () => body;
    await set.renew();
    expect(await count(set, RS256)).toBe(8);
    expect(await count(set, { ...RS256, kid: '39' })).toBe(1);
  });
  const jwk = JSON.stringify(one.export({ format: 'jwk' }));
});
