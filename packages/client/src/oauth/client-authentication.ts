/** How a client proves at the token and revocation endpoints who it is (RFC 6749 §2.3, RFC 7523 §2.2). */

import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import { AuthorizationError } from './error.ts';

/** A client as an authorization server knows it. Without secret and key it is a public one. */
export interface ClientCredentials {
  readonly id: string;
  readonly secret?: string;
  /** PKCS #8 in PEM, or a JWK. */
  readonly privateKey?: string;
  /** Said at registration; else what the server supports decides. */
  readonly method?: string;
}

type Sign = Readonly<Record<string, Parameters<KeyObject['toCryptoKey']>[0]>>;
const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const ALGORITHMS: Sign = {
  rsa: RSA,
  'ec prime256v1': { name: 'ECDSA', namedCurve: 'P-256' },
  'ec secp384r1': { name: 'ECDSA', namedCurve: 'P-384' },
  'ec secp521r1': { name: 'ECDSA', namedCurve: 'P-521' },
  ed25519: 'Ed25519',
};

/** Throws `unusable` on a key that cannot sign. */
export function clientAuthentication(client: ClientCredentials, server: oauth.AuthorizationServer): oauth.ClientAuth {
  const { method, privateKey, secret } = client;
  if (privateKey !== undefined) return oauth.PrivateKeyJwt(readKey(privateKey));
  if (secret === undefined || method === 'none') return oauth.None();
  const supported = method === undefined ? server.token_endpoint_auth_methods_supported : [method];
  const post = supported?.includes('client_secret_post') === true && !supported.includes('client_secret_basic');
  return post ? oauth.ClientSecretPost(secret) : basic(secret);
}

/**
 * RFC 6749 §2.3.1, written so that letters, digits, `-`, `.` and `_` stay as they are: there are servers that do not decode,
 * and what they know mostly holds nothing else.
 */
function basic(secret: string): oauth.ClientAuth {
  return (_server, { client_id: id }, _body, headers) =>
    headers.set('authorization', `Basic ${btoa(`${encoded(id)}:${encoded(secret)}`)}`);
}

function encoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function readKey(text: string): oauth.PrivateKey {
  try {
    const jwk = text.trimStart().startsWith('{') ? (JSON.parse(text) as JsonWebKey) : undefined;
    const key = createPrivateKey(jwk === undefined ? text : { key: jwk, format: 'jwk' });
    const curve = key.asymmetricKeyDetails?.namedCurve;
    const algorithm = ALGORITHMS[curve === undefined ? (key.asymmetricKeyType ?? '') : `ec ${curve}`];
    if (algorithm === undefined) throw new Error('it is of a type that cannot sign');
    const signing = key.toCryptoKey(algorithm, false, ['sign']);
    return { key: signing, ...(typeof jwk?.['kid'] === 'string' && { kid: jwk['kid'] }) };
  } catch (error) {
    // The reason may quote the key.
    const advice = 'The private key is none: write PKCS #8 in PEM or a JWK, of type RSA, EC or Ed25519.';
    throw new AuthorizationError('unusable', advice, { cause: error instanceof Error ? error.name : error });
  }
}
