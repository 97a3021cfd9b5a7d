/** Which principals can be exchanged for something, by the way in which they proved who they are. */

import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { Credentials } from './authenticate.ts';
import { createConfiguredKeys } from './configured-keys.ts';
import { createFailureLimit } from './failures.ts';
import { createIntrospectionVerify } from './introspection.ts';
import { createStaticKeySet } from './jwks.ts';
import { createJwtVerify } from './jwt.ts';
import type { Proof, Prove } from './proof.ts';
import { subjectTokenOf } from './subject-tokens.ts';

const ISSUER = 'https://id.test';
const AUDIENCE = 'https://gw.test/mcp';
const NOW_S = 1_800_000_000;
const now = (): number => NOW_S * 1000;
const RULES = {
  issuer: ISSUER,
  audience: [],
  audiences: () => [AUDIENCE],
  scopes: [],
  claims: { roles: 'roles', groups: 'groups' },
  now,
};
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const byJwt: Prove = createJwtVerify({
  ...RULES,
  keys: createStaticKeySet({ publicKeys: [publicKey.export({ type: 'spki', format: 'pem' }) as string] }),
  algorithms: ['RS256'],
  clockToleranceMs: 60_000,
});

function byIntrospection(answer: object): Prove {
  return createIntrospectionVerify({
    ...RULES,
    endpoint: async () => `${ISSUER}/introspect`,
    clientId: 'us',
    clientSecret: 'secret',
    cacheMs: 60_000,
    isSlowedDown: () => false,
    fetch: async () => Response.json({ active: true, iss: ISSUER, aud: AUDIENCE, sub: 'alice', ...answer }),
  });
}

const show = (token: string): Credentials => ({
  authorization: `Bearer ${token}`,
  certificate: undefined,
  connection: {},
  local: false,
  address: '192.0.2.1',
  path: '/mcp',
});

async function proven(prove: Prove, token: string): Promise<Proof['principal']> {
  const found = (await prove(show(token))) as Proof;
  expect(found.principal.subject).toBe('alice');
  return found.principal;
}

const jwt = (seconds: number): Promise<string> =>
  new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: NOW_S + seconds })
    .setProtectedHeader({ alg: 'RS256' })
    .sign(privateKey);

describe('the subject token of a principal', () => {
  it('is the access token that was verified, with its end', async () => {
    const token = await jwt(300);
    const principal = await proven(byJwt, token);
    expect(subjectTokenOf(principal)).toEqual({ token, kind: 'access_token', expiresAtMs: (NOW_S + 300) * 1000 });
    const again = await proven(byJwt, token);
    expect(subjectTokenOf(again)?.token).toBe(token);
    const other = await jwt(301);
    expect(subjectTokenOf(await proven(byJwt, other))?.token).toBe(other);
  });

  it('is the opaque token that was looked up', async () => {
    const ending = await proven(byIntrospection({ exp: NOW_S + 10 }), 'opaque');
    const token = { token: 'opaque', kind: 'access_token' };
    expect(subjectTokenOf(ending)).toEqual({ ...token, expiresAtMs: (NOW_S + 10) * 1000 });
    expect(subjectTokenOf(await proven(byIntrospection({}), 'opaque'))).toEqual({ ...token, expiresAtMs: Infinity });
  });

  it('is none of who shows a key', async () => {
    const key = 'a-key-of-the-configuration-0123456789';
    const keys = [{ name: 'alice', key, roles: [], groups: [] }];
    const failures = createFailureLimit(10, now);
    const compare = async (): Promise<boolean> => false;
    const random = (bytes: number): Buffer => Buffer.alloc(bytes);
    const byKey = createConfiguredKeys({ keys, issuer: 'local', compare, failures, now, random });
    expect(subjectTokenOf(await proven(byKey, key))).toBeUndefined();
  });

  it('is no part of the principal, nor of a copy', async () => {
    const principal = await proven(byJwt, await jwt(300));
    const [, , signature = ''] = subjectTokenOf(principal)?.token.split('.') ?? [];
    expect(inspect(principal, { depth: 9, showHidden: true }) + JSON.stringify(principal)).not.toContain(signature);
    expect(subjectTokenOf({ ...principal })).toBeUndefined();
  });
});
