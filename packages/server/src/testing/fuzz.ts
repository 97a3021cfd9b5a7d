/**
 * What is asked of the checks on strangers for any input (`npm run fuzz`): a token, a Host, an Origin or a word of a proxy that is
 * not exactly right lets nobody in as somebody. It makes no inputs.
 */

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { bearerOf } from '../auth/bearer.ts';
import { createStaticKeySet } from '../auth/jwks.ts';
import { createJwtVerify } from '../auth/jwt.ts';
import { createShield, hostName } from '../http/shield.ts';

const ISSUER = 'https://id.example';
const AUDIENCE = 'https://gateway.example/mcp';
const NOW_S = 1_800_000_000;
/** An Ed25519 key of known bytes (RFC 8410), so that a run can be repeated. */
const KEY = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]);

export interface CredentialCheck {
  readonly corpus: readonly string[];
  readonly check: (text: string) => Promise<void>;
}

/** Tokens of an issuer, one of which is good. Whatever is made of them is nobody, or the one that was signed. */
export function tokenCheck(): CredentialCheck {
  const privateKey = createPrivateKey({ key: KEY, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) as string;
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = (header: object, claims: object): string => {
    const signed = `${part(header)}.${part({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: NOW_S + 300, ...claims })}`;
    return `Bearer ${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
  };
  const verify = createJwtVerify({
    issuer: ISSUER,
    audiences: () => [AUDIENCE],
    audience: [],
    scopes: [],
    keys: createStaticKeySet({ publicKeys: [publicKey] }),
    algorithms: ['EdDSA'],
    clockToleranceMs: 60_000,
    claims: { roles: 'roles', groups: 'groups' },
    now: () => NOW_S * 1000,
  });
  const check = async (text: string): Promise<void> => {
    const bearer = bearerOf(text);
    assert(bearer === undefined || text.includes(bearer));
    const credentials = { certificate: undefined, connection: {}, local: false, address: '192.0.2.1', path: '/mcp' };
    const found = await verify({ ...credentials, authorization: text });
    if (found === undefined || !('principal' in found)) return;
    const { issuer, roles, subject } = found.principal;
    assert.deepEqual({ issuer, roles, subject }, { issuer: ISSUER, roles: [], subject: 'alice' });
  };
  const good = { alg: 'EdDSA', typ: 'at+jwt' };
  return {
    corpus: [
      token(good, {}),
      token({ ...good, alg: 'none' }, { roles: ['admin'] }),
      token({ alg: 'HS256' }, { roles: ['admin'] }),
      token(good, { roles: ['admin'], exp: NOW_S - 61 }),
      token(good, { roles: ['admin'], iss: `${ISSUER}/` }),
      token(good, { roles: ['admin'], aud: `${AUDIENCE}/` }),
      'bearer x, Bearer y',
    ],
    check,
  };
}

export const ADDRESSES: readonly string[] = [
  'localhost:7420',
  '127.0.0.1',
  '[::1]:7420',
  'gateway.example.',
  'http://localhost.evil.example:80@app.example',
  'https://app.example',
  'https://a.trusted.example:8443',
  'for=192.0.2.43;proto=https;by="[2001:db8::1]:80", for="_hidden"',
  '203.0.113.7, 10.0.0.9, 10.0.0.2',
];

/** A Host or Origin that is allowed is one that was named; what a proxy says of its client is an address, or nothing. */
export function addressCheck(): (text: string) => void {
  const shield = createShield({
    host: '127.0.0.1',
    hosts: ['gateway.example'],
    origins: ['https://app.example', 'https://*.trusted.example'],
    publicUrl: undefined,
    trustProxy: ['10.0.0.0/8'],
  });
  const names = new Set(['localhost', '127.0.0.1', '[::1]', 'gateway.example']);
  return (text) => {
    if (shield.hostAllowed(text)) assert(names.has(hostName(text) ?? ''), text);
    if (shield.originAllowed(text, 'localhost:7420')) {
      const { hostname = '', protocol = '' } = URL.parse(text) ?? {};
      const isNamed = hostname === 'app.example' || hostname.endsWith('.trusted.example');
      assert((isNamed && protocol === 'https:') || names.has(hostname), text);
    }
    for (const name of ['forwarded', 'x-forwarded-for', 'x-real-ip']) {
      const headers = { [name]: text };
      const { address } = shield.clientOf({ peer: '10.1.2.3', headers });
      assert(address === undefined || isIP(address) !== 0, String(address));
      assert.equal(shield.clientOf({ peer: '192.0.2.7', headers }).address, '192.0.2.7');
      assert.equal(shield.isLocal({ peer: '127.0.0.1', headers }), false);
    }
  };
}
