/**
 * An issuer of access tokens on a free loopback port, for tests: metadata (RFC 8414, OpenID Connect Discovery), a key set, and
 * tokens signed by its key. It authenticates nobody and has no endpoint that issues: tokens are made by whoever holds it.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@sallyport/wire';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface TokenFacts {
  /** `alice` when absent. */
  readonly subject?: string;
  readonly audience: string | readonly string[];
  readonly scopes?: readonly string[];
  /** Further claims, and other values for those that are made here. */
  readonly claims?: JsonObject;
  /** Seconds; below 0 it has expired already. 300 when absent. */
  readonly expiresInSeconds?: number;
}

export interface FakeIssuer {
  /** The `iss` of its tokens, and where its metadata stands. */
  readonly issuer: string;
  readonly jwksUri: string;
  /** A signed access token. */
  token(facts: TokenFacts): Promise<string>;
  /** From now on another key signs, and the set holds that one alone. */
  rotate(): Promise<void>;
  close(): Promise<void>;
}

const ALGORITHM = 'ES256';

export interface FakeIssuerOptions {
  /** Milliseconds since 1970, by which tokens are issued. That of the machine. */
  readonly now?: () => number;
}

export async function fakeIssuer({ now = Date.now }: FakeIssuerOptions = {}): Promise<FakeIssuer> {
  let key = await newKey();
  const server = createServer((request, response) => {
    const body = documents()[request.url ?? ''];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const jwksUri = `${issuer}/jwks`;
  const documents = (): Readonly<Record<string, object>> => {
    const metadata = {
      issuer,
      jwks_uri: jwksUri,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [ALGORITHM],
      code_challenge_methods_supported: ['S256'],
    };
    return {
      '/.well-known/openid-configuration': metadata,
      '/.well-known/oauth-authorization-server': metadata,
      '/jwks': { keys: [key.shown] },
    };
  };
  return {
    issuer,
    jwksUri,
    token: async ({ audience, claims, expiresInSeconds = 300, scopes, subject = 'alice' }) => {
      const issuedAt = Math.floor(now() / 1000);
      const own = { iss: issuer, sub: subject, aud: audience, iat: issuedAt, exp: issuedAt + expiresInSeconds };
      const scope = scopes && { scope: scopes.join(' ') };
      return await new SignJWT({ ...(own as JsonObject), ...scope, ...claims })
        .setProtectedHeader({ alg: ALGORITHM, kid: key.shown.kid, typ: 'at+jwt' })
        .sign(key.privateKey);
    },
    rotate: async () => void (key = await newKey()),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Key {
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  readonly shown: JsonObject & { readonly kid: string };
}

async function newKey(): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM);
  const shown = { ...(await exportJWK(publicKey)), kid: crypto.randomUUID(), alg: ALGORITHM, use: 'sig' };
  return { privateKey, shown };
}
