import { createHmac, generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import { exportJWK, SignJWT, type JWK, type JWTHeaderParameters, type JWTPayload } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Credentials } from './authenticate.ts';
import { createStaticKeySet, type KeySet } from './jwks.ts';
import { createJwtVerify, type JwtVerifyOptions } from './jwt.ts';
import type { Proof, Prove } from './proof.ts';

const ISSUER = 'https://id.test/tenant';
const AUDIENCE = 'https://gw.test/mcp';
const NOW_S = 1_800_000_000;

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const pem = (key: typeof rsa.publicKey): string => key.export({ type: 'spki', format: 'pem' }) as string;

let nowMs = NOW_S * 1000;

function verifier(options: Partial<JwtVerifyOptions> = {}): Prove {
  return createJwtVerify({
    issuer: ISSUER,
    audiences: (path) => (path === '/mcp' ? [AUDIENCE] : [AUDIENCE, `https://gw.test${path}`]),
    audience: [],
    scopes: [],
    keys: createStaticKeySet({ publicKeys: [pem(rsa.publicKey)] }),
    algorithms: ['RS256'],
    clockToleranceMs: 60_000,
    claims: { roles: 'roles', groups: 'groups' },
    now: () => nowMs,
    ...options,
  });
}

const CLAIMS: JWTPayload = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: NOW_S + 300 };
const HEADER: JWTHeaderParameters = { alg: 'RS256' };

const signed = (claims: object = CLAIMS, header = HEADER, key = rsa.privateKey): Promise<string> =>
  new SignJWT(claims as JWTPayload).setProtectedHeader(header).sign(key);

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const show = (token: string, path = '/mcp'): Credentials => ({
  authorization: `Bearer ${token}`,
  certificate: undefined,
  connection: {},
  local: false,
  address: '192.0.2.1',
  path,
});

const INVALID = { problem: 'invalid' };
const ALICE = { principal: { issuer: ISSUER, subject: 'alice' } };

describe('JWTs that are good', () => {
  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT', 'jwt', undefined])('of type %s', async (typ) => {
    const token = await signed(CLAIMS, { ...HEADER, ...(typ !== undefined && { typ }) });
    expect(await verifier()(show(token))).toMatchObject(ALICE);
  });

  it.each([
    ['ES256', ec],
    ['EdDSA', ed],
    ['PS384', rsa],
  ])('signed with %s, when it is configured', async (alg, { privateKey, publicKey }) => {
    const token = await signed(CLAIMS, { alg }, privateKey);
    const keys = createStaticKeySet({ publicKeys: [pem(publicKey)] });
    expect(await verifier({ algorithms: ['RS256', alg], keys })(show(token))).toMatchObject(ALICE);
    expect(await verifier({ keys })(show(token))).toMatchObject(INVALID);
  });

  it('have roles, groups and scopes where the configuration says', async () => {
    const claims = { ...CLAIMS, scp: ['a', 'b'], realm: { roles: ['dev'] }, 'https://x.test/groups': 'eng ops' };
    const names = { roles: 'realm.roles', groups: 'https://x.test/groups' };
    const proof = (await verifier({ claims: names })(show(await signed(claims)))) as Proof;
    expect(proof.principal).toEqual({
      issuer: ISSUER,
      subject: 'alice',
      roles: ['dev'],
      groups: ['eng', 'ops'],
      scopes: ['a', 'b'],
      claims,
    });
  });

  it('are verified once, and known at once from then on', async () => {
    const verify = verifier();
    const token = await signed();
    const pending = verify(show(token));
    expect(pending).toBeInstanceOf(Promise);
    const proof = await pending;
    expect(verify(show(token))).toBe(proof);
    expect(verify(show(token, '/mcp/s/files'))).toBe(proof);
  });

  it('hold until they expire, and then are refused as expired', async () => {
    const verify = verifier();
    const credentials = show(await signed());
    const proof = (await verify(credentials)) as Proof;
    nowMs = (NOW_S + 360) * 1000 - 1;
    expect(proof.holds(credentials)).toBe(true);
    nowMs += 1;
    expect(proof.holds(credentials)).toBe(false);
    expect(await verify(credentials)).toEqual({ problem: 'invalid', detail: expect.stringContaining('expired') });
    nowMs = NOW_S * 1000;
  });

  it('hold no more when the keys have changed', async () => {
    let keys = createStaticKeySet({ publicKeys: [pem(rsa.publicKey)] });
    const changing: KeySet = { current: () => keys.current(), renew: () => keys.renew() };
    const verify = verifier({ keys: changing });
    const credentials = show(await signed());
    const proof = (await verify(credentials)) as Proof;
    keys = createStaticKeySet({ publicKeys: [pem(stranger.publicKey)] });
    expect(proof.holds(credentials)).toBe(false);
    expect(await verify(credentials)).toMatchObject(INVALID);
  });
});

describe('DSA-02 tokens that are not signed', () => {
  const parts = (header: object): string => `${encoded(header)}.${encoded(CLAIMS)}`;

  it.each(['none', 'None', 'NONE', 'nOnE', '', ' none', 'RS256 ', 'rs256', null, 0, ['RS256'], undefined])(
    'alg %j',
    async (alg) => {
      const forged = parts({ alg });
      const signature = (await signed()).split('.')[2];
      for (const token of [`${forged}.`, `${forged}.AAAA`, `${forged}.${signature}`]) {
        expect(await verifier()(show(token))).toMatchObject(INVALID);
      }
    },
  );

  it('an empty signature, none at all, one that was cut, and one of other claims', async () => {
    const [header, claims, signature] = (await signed()).split('.') as [string, string, string];
    const other = encoded({ ...CLAIMS, sub: 'admin' });
    for (const token of [
      `${header}.${claims}.`,
      `${header}.${claims}.${signature.slice(0, -8)}`,
      `${header}.${other}.${signature}`,
    ]) {
      expect(await verifier()(show(token))).toMatchObject(INVALID);
    }
    expect(await verifier()(show(`${header}.${claims}`))).toBeUndefined();
  });

  it.each(['HS256', 'HS384', 'HS512'])('%s with the public key as secret', async (alg) => {
    const text = parts({ alg, typ: 'JWT' });
    for (const secret of [
      pem(rsa.publicKey),
      pem(rsa.publicKey).trim(),
      JSON.stringify(await exportJWK(rsa.publicKey)),
    ]) {
      const signature = createHmac(`sha${alg.slice(2)}`, secret)
        .update(text)
        .digest('base64url');
      expect(await verifier()(show(`${text}.${signature}`))).toMatchObject(INVALID);
    }
  });

  it.each([['HS256'], ['none'], ['RS256', 'HS256'], ['dir'], ['RSA-OAEP'], []])(
    '%j cannot be configured',
    (...algorithms) => {
      expect(() => verifier({ algorithms: algorithms.flat() })).toThrow(/no signature algorithm with a public key/);
    },
  );

  it('another key', async () => {
    expect(await verifier()(show(await signed(CLAIMS, HEADER, stranger.privateKey)))).toMatchObject(INVALID);
  });

  it('any change of a single character', async () => {
    const verify = verifier();
    const token = await signed();
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom('a', 'Z', '0', '_', '-'), async (at, character) => {
        fc.pre(token[at] !== character);
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        // The last character of a part may stand for bits that are no part of it: then nothing was changed.
        fc.pre(!changed.split('.').every((part, index) => isSame(part, token.split('.')[index] as string)));
        expect((await verify(show(changed))) ?? INVALID).toMatchObject(INVALID);
      }),
      { numRuns: 200 },
    );
  });
});

const isSame = (one: string, two: string): boolean =>
  Buffer.from(one, 'base64url').equals(Buffer.from(two, 'base64url'));

describe('DSA-10 keys that are not known', () => {
  /** One set, and once it is renewed another. */
  const changing = (before: KeySet, after: KeySet): KeySet & { renewals: number } => {
    const set = {
      renewals: 0,
      current: () => (set.renewals === 0 ? before : after).current(),
      renew: async () => {
        set.renewals++;
        return set.current();
      },
    };
    return set;
  };
  const setOf = (...keys: (typeof rsa)[]): KeySet =>
    createStaticKeySet({
      jwks: { keys: keys.map(({ publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid: name(publicKey) })) },
      publicKeys: [],
    });
  const name = (key: typeof rsa.publicKey): string => (key === rsa.publicKey ? 'known' : 'strange');

  it.each([{ kid: 'strange' }, {}])('are looked for once more, for a header with %j', async (more) => {
    const token = await signed(CLAIMS, { ...HEADER, ...more }, stranger.privateKey);
    const added = changing(setOf(rsa), setOf(rsa, stranger));
    expect(await verifier({ keys: added })(show(token))).toMatchObject(ALICE);
    const other = changing(setOf(rsa), setOf(rsa));
    expect(await verifier({ keys: other })(show(token))).toMatchObject(INVALID);
    expect([added.renewals, other.renewals]).toEqual([1, 1]);
  });

  it('are not looked for when the key is known and did not sign, nor for an algorithm that is not configured', async () => {
    const keys = changing(setOf(rsa), setOf(rsa, stranger));
    const forged = await signed(CLAIMS, { ...HEADER, kid: 'known' }, stranger.privateKey);
    const unsigned = `${encoded({ alg: 'none' })}.${encoded(CLAIMS)}.`;
    for (const token of [forged, unsigned]) expect(await verifier({ keys })(show(token))).toMatchObject(INVALID);
    expect(keys.renewals).toBe(0);
  });
});

describe('DSA-02 keys that a token brings along', () => {
  let own: JWK;
  beforeAll(async () => {
    own = await exportJWK(stranger.publicKey);
  });

  it('are not used, and nothing is fetched for them', async () => {
    const url = 'https://evil.test/keys';
    for (const more of [{ jwk: own }, { jku: url }, { x5u: url }, { x5c: ['AAAA'] }, { kid: '../../key' }]) {
      const token = await signed(CLAIMS, { ...HEADER, ...more }, stranger.privateKey);
      expect(await verifier()(show(token)), Object.keys(more)[0]).toMatchObject(INVALID);
    }
  });

  it('do no harm to a token that is good', async () => {
    const token = await signed(CLAIMS, { ...HEADER, jwk: own, jku: 'https://evil.test/keys', kid: 'any' });
    expect(await verifier()(show(token))).toMatchObject(ALICE);
  });

  it.each([{ crit: ['exp'], exp: 1 }, { crit: ['b64'], b64: true }, { crit: [] }, { crit: null }])(
    'extensions that must be understood: %j',
    async (more) => {
      const [, claims, signature] = (await signed()).split('.');
      expect(await verifier()(show(`${encoded({ ...HEADER, ...more })}.${claims}.${signature}`))).toMatchObject({
        detail: expect.stringContaining('demands extensions'),
      });
    },
  );
});

describe('DSA-05 issuer and audience', () => {
  it.each([
    `${ISSUER}/`,
    ISSUER.toUpperCase(),
    'https://ID.test/tenant',
    'https://id.test/other',
    '',
    ' ',
    [ISSUER],
    null,
  ])('leaves the issuer %j to others', async (iss) => {
    expect(await verifier()(show(await signed({ ...CLAIMS, iss })))).toBeUndefined();
  });

  it('leaves a token without an issuer to others', async () => {
    const { iss: _, ...claims } = CLAIMS;
    expect(await verifier()(show(await signed(claims)))).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    '',
    [],
    42,
    { 0: AUDIENCE },
    [[AUDIENCE]],
    [AUDIENCE, 42],
    `${AUDIENCE}/`,
    `${AUDIENCE}x`,
    AUDIENCE.slice(0, -1),
    'https://gw.test',
    'https://GW.test/mcp',
    'http://gw.test/mcp',
    'https://gw.test:443/mcp',
    `${AUDIENCE} https://other.test`,
    ['https://other.test/mcp', 'https://gw.test/mcp/s/files'],
  ])('refuses the audience %j', async (aud) => {
    expect(await verifier()(show(await signed({ ...CLAIMS, aud })))).toMatchObject(INVALID);
  });

  it('takes an audience among others, and one that is configured', async () => {
    const among = await signed({ ...CLAIMS, aud: ['https://other.test', AUDIENCE] });
    expect(await verifier()(show(among))).toMatchObject(ALICE);
    const configured = await signed({ ...CLAIMS, aud: 'api://gateway' });
    expect(await verifier({ audience: ['api://gateway'] })(show(configured))).toMatchObject(ALICE);
    expect(await verifier({ audience: ['api://gateway/'] })(show(configured))).toMatchObject(INVALID);
  });

  it('takes a token of a sub path there alone', async () => {
    const verify = verifier();
    const token = await signed({ ...CLAIMS, aud: 'https://gw.test/mcp/s/files' });
    const proof = (await verify(show(token, '/mcp/s/files'))) as Proof;
    expect(proof).toMatchObject(ALICE);
    expect(await verify(show(token, '/mcp/s/mail'))).toMatchObject(INVALID);
    expect(proof.holds(show(token, '/mcp/s/files'))).toBe(true);
    expect(proof.holds(show(token, '/mcp/s/mail'))).toBe(false);
    expect(await verify(show(token))).toMatchObject(INVALID);
  });
});

describe('DSA-07 times', () => {
  it.each([
    [{ exp: NOW_S - 30 }, true],
    [{ exp: NOW_S - 59.5 }, true],
    [{ exp: NOW_S - 60 }, false],
    [{ exp: NOW_S - 90 }, false],
    [{ exp: 0 }, false],
    [{ exp: -1 }, false],
    [{ exp: -1e20 }, false],
    [{ exp: 1e20 }, false],
    [{ exp: Number.MAX_SAFE_INTEGER }, false],
    [{ exp: String(NOW_S + 300) }, false],
    [{ exp: [NOW_S + 300] }, false],
    [{ exp: true }, false],
    [{ exp: null }, false],
    [{ exp: undefined }, false],
    [{ nbf: NOW_S + 30 }, true],
    [{ nbf: NOW_S + 60 }, true],
    [{ nbf: NOW_S + 90 }, false],
    [{ nbf: '0' }, false],
    [{ nbf: -1 }, false],
    [{ iat: NOW_S - 1_000_000 }, true],
    [{ iat: NOW_S + 30 }, true],
    [{ iat: NOW_S + 90 }, false],
    [{ iat: 'now' }, false],
    [{ iat: 1e20 }, false],
  ])('%j', async (times, isGood) => {
    const found = await verifier()(show(await signed({ ...CLAIMS, ...times })));
    expect(found).toMatchObject(isGood ? ALICE : INVALID);
  });

  it('an infinite expiry, as 1e400', async () => {
    const text = `${encoded(HEADER)}.${Buffer.from(JSON.stringify(CLAIMS).replace(String(NOW_S + 300), '1e400')).toString('base64url')}`;
    const { sign } = await import('node:crypto');
    const token = `${text}.${sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')}`;
    expect(await verifier()(show(token))).toMatchObject(INVALID);
  });
});

describe('P2-17 what a token says', () => {
  it.each([
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject that is no text', { sub: 7 }],
    ['a subject without end', { sub: 'a'.repeat(257) }],
    ['roles that are an object', { roles: { admin: true } }],
    ['roles among which is something else', { roles: ['dev', { name: 'admin' }] }],
    ['more groups than can be', { groups: Array.from({ length: 513 }, (_, at) => `g${at}`) }],
    ['a group without end', { groups: ['a'.repeat(257)] }],
    ['a scope that is a number', { scope: 1 }],
    ['a key that it is bound to', { cnf: { jkt: 'x' } }],
  ])('refuses %s', async (_what, claims) => {
    expect(await verifier()(show(await signed({ ...CLAIMS, ...claims })))).toMatchObject(INVALID);
  });

  it.each([
    ['an ID token with a nonce', { nonce: 'n' }, {}],
    ['an ID token with the hash of an access token', { at_hash: 'x' }, {}],
    ['an ID token of Keycloak', { typ: 'ID' }, {}],
    ['a refresh token of Keycloak', { typ: 'Refresh' }, {}],
    ['an ID token of Cognito', { token_use: 'id' }, {}],
    ['a logout token', { events: {} }, {}],
    ['a logout token that says so', {}, { typ: 'logout+jwt' }],
    ['an ID token that says so', {}, { typ: 'id_token' }],
    ['a proof of possession', {}, { typ: 'dpop+jwt' }],
    ['a type that is no text', {}, { typ: 1 }],
  ])('refuses %s', async (_what, claims, header) => {
    const token = await signed({ ...CLAIMS, ...claims }, { ...HEADER, ...header } as JWTHeaderParameters);
    expect(await verifier()(show(token))).toMatchObject(INVALID);
  });

  it.each([
    ['of Keycloak up to 23, with a nonce', { nonce: 'n', typ: 'Bearer' }, {}],
    ['of Cognito', { token_use: 'access' }, {}],
    ['that says what it is', { nonce: 'n' }, { typ: 'at+jwt' }],
  ])('takes an access token %s', async (_what, claims, header) => {
    const token = await signed({ ...CLAIMS, ...claims }, { ...HEADER, ...header });
    expect(await verifier()(show(token))).toMatchObject(ALICE);
  });

  it('demands all scopes that are configured', async () => {
    const verify = verifier({ scopes: ['mcp', 'tools'] });
    expect(await verify(show(await signed({ ...CLAIMS, scope: 'tools x mcp' })))).toMatchObject(ALICE);
    for (const scope of ['mcp', 'mcptools', 'MCP TOOLS', '', undefined]) {
      const found = await verify(show(await signed({ ...CLAIMS, scope })));
      expect(found, scope).toMatchObject({ problem: 'insufficient_scope' });
    }
  });

  it('tells nobody of a scope who has a token for another resource', async () => {
    const token = await signed({ ...CLAIMS, aud: 'https://other.test' });
    expect(await verifier({ scopes: ['mcp'] })(show(token))).toMatchObject(INVALID);
  });
});

describe('what is no JWT of this issuer', () => {
  it.each(['opaque', 'a.b', 'a.b.c.d.e', 'a..c', '.b.c', 'a.b.c=', 'sp_0123456789abcdef_x'])(
    'leaves %s to others',
    async (token) => {
      expect(await verifier()(show(token))).toBeUndefined();
    },
  );

  it('refuses what only looks like one', async () => {
    for (const token of ['a.b.c', `${encoded([])}.${encoded({})}.c`, `${encoded(HEADER)}.${encoded('x')}.c`]) {
      expect(await verifier()(show(token))).toMatchObject(INVALID);
    }
    const [, claims, signature] = (await signed()).split('.');
    const invalidUtf8 = Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url');
    expect(await verifier()(show(`${invalidUtf8}.${claims}.${signature}`))).toMatchObject(INVALID);
  });

  it('refuses a token over 8 KiB before it is read', async () => {
    const token = await signed({ ...CLAIMS, padding: 'x'.repeat(8192) });
    const found = verifier()(show(token));
    expect(found).toEqual({ problem: 'invalid', detail: expect.stringContaining('longer than 8192') });
  });

  it('answers to anything without throwing', async () => {
    const verify = verifier();
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        const found = await verify(show(parts.join('.')));
        expect(found === undefined || 'problem' in found).toBe(true);
      }),
    );
  });
});
