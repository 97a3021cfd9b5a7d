/**
 * JWTs as access tokens (RFC 9068, RFC 7519, RFC 8725), verified by jose. Which algorithm, key and issuer are right is
 * written here and never in the token: its headers `jku`, `x5u`, `jwk` and `x5c` are not read, one with `crit` is refused.
 * A token that was verified is remembered by its hash, as long as it and the keys that verified it are good; the token itself
 * hangs at its principal alone.
 *
 * A token of another issuer is left to other ways.
 */

import { compactVerify, type CryptoKey } from 'jose';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { createAccessToken, MAX_TOKEN_LENGTH, type AccessToken, type AccessTokenRules } from './access-token.ts';
import type { Rejected } from './authenticate.ts';
import { bearerOf } from './bearer.ts';
import { readClaims, type ClaimNames } from './claims.ts';
import type { Keys, KeySet } from './jwks.ts';
import type { Proof, Proved, Prove } from './proof.ts';
import { keepSubjectToken } from './subject-tokens.ts';
import { createTokenCache, tokenId } from './token-cache.ts';

export interface JwtVerifyOptions extends AccessTokenRules {
  readonly keys: KeySet;
  /** `RS256` and the like; none with a shared secret. */
  readonly algorithms: readonly string[];
  readonly clockToleranceMs: number;
  readonly claims: ClaimNames;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const MAX_TOKENS = 10_000;
const FORM = /^[\w-]+\.[\w-]+\.[\w-]*$/;
const ALGORITHM = /^(?:RS|PS|ES)(?:256|384|512)$|^EdDSA$|^Ed25519$/;
/** RFC 9068 §2.1, RFC 7519 §5.1; in lower case. */
const TYPES: ReadonlySet<JsonValue | undefined> = new Set(['at+jwt', 'application/at+jwt', 'jwt', undefined]);

interface Written {
  readonly token: string;
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

/** Throws an Error for a person when an algorithm cannot be used. */
export function createJwtVerify(options: JwtVerifyOptions): Prove {
  const { algorithms, keys: keySet, now } = options;
  const wrong = algorithms.find((algorithm) => !ALGORITHM.test(algorithm));
  if (wrong !== undefined || algorithms.length === 0) {
    throw new Error(`${wrong ?? 'Nothing'} is no signature algorithm with a public key. Use RS256, ES256 or EdDSA.`);
  }
  const rules = { ...options, required: ['iss', 'exp'] as const };
  const known = createTokenCache<AccessToken>(MAX_TOKENS);

  const prove = async (written: Written, id: string, path: string): Promise<Proof | Rejected> => {
    const verified = await findKeys(written, keySet, algorithms);
    if ('problem' in verified) return verified;
    const claims = readClaims(written.claims, rules, now());
    if ('problem' in claims) return claims;
    const goodUntilMs = claims.expiresAtMs + options.clockToleranceMs;
    const isCurrent = (): boolean => now() < goodUntilMs && keySet.current() === verified.keys;
    const token = createAccessToken(claims, options, isCurrent);
    keepSubjectToken(token.principal, { token: written.token, kind: 'access_token', expiresAtMs: claims.expiresAtMs });
    known.set(id, token);
    return token.refusalAt(path) ?? token;
  };

  return ({ authorization, path }): Proved | Promise<Proved> => {
    const token = bearerOf(authorization);
    if (token === undefined) return undefined;
    if (token.length > MAX_TOKEN_LENGTH) return TOO_LONG;
    if (!FORM.test(token)) return undefined;
    const id = tokenId(token);
    const before = known.get(id);
    if (before !== undefined) {
      if (before.isCurrent()) return before.refusalAt(path) ?? before;
      known.delete(id);
    }
    const written = readToken(token);
    if (written === undefined) return MALFORMED;
    if (written.claims['iss'] !== options.issuer) return undefined;
    const detail = headerProblem(written.header, algorithms) ?? kindProblem(written);
    return detail === undefined ? prove(written, id, path) : invalid(detail);
  };
}

function invalid(detail: string): Rejected {
  return { problem: 'invalid', detail: `the token is not good: ${detail}` };
}

const TOO_LONG = invalid(`it is longer than ${MAX_TOKEN_LENGTH} characters`);
const MALFORMED = invalid('its header or payload is no JSON object');
const UNKNOWN_KEY = invalid('its key is unknown');
const BAD_SIGNATURE = invalid('its signature is wrong');

/** Nothing of it is verified yet. */
function readToken(token: string): Written | undefined {
  const [header, claims] = token.split('.', 2).map((part) => {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url'))) as JsonValue;
    } catch {
      return undefined;
    }
  });
  return isObject(header) && isObject(claims) ? { token, header, claims } : undefined;
}

function headerProblem({ alg, crit, typ }: JsonObject, algorithms: readonly string[]): string | undefined {
  if (typeof alg !== 'string' || !algorithms.includes(alg)) return 'its algorithm is not one of those configured';
  if (crit !== undefined) return 'it demands extensions';
  return TYPES.has(typeof typ === 'string' ? typ.toLowerCase() : typ)
    ? undefined
    : 'its type is not that of an access token';
}

/** Claims of ID tokens (OpenID Connect Core §2, §3.1.3.6, §3.3.2.11) and logout tokens that an access token has no use for. */
const ID_TOKEN_CLAIMS = ['at_hash', 'c_hash', 's_hash', 'events'];

/**
 * An ID token tells a client who has signed in; whoever has it was not given access to anything (RFC 9068 §6). One that does
 * not say what it is, is told by its claims; `nonce` alone does not tell where the payload has the type `Bearer`, because
 * Keycloak up to 23 wrote it into access tokens too.
 */
function kindProblem({ claims, header }: Written): string | undefined {
  const { nonce, token_use: use = 'access', typ = 'Bearer' } = claims as Record<string, JsonValue | undefined>;
  if (typeof header['typ'] === 'string' && header['typ'].toLowerCase().endsWith('at+jwt')) return undefined;
  const isOther = ID_TOKEN_CLAIMS.some((name) => Object.hasOwn(claims, name)) || use !== 'access' || typ !== 'Bearer';
  return isOther || (nonce !== undefined && claims['typ'] === undefined) ? 'it is no access token' : undefined;
}

/** The state of the key set in which one of its keys has signed the token. */
async function findKeys(
  written: Written,
  keySet: KeySet,
  algorithms: readonly string[],
): Promise<{ readonly keys: Keys } | Rejected> {
  const keys = keySet.current() ?? (await keySet.renew());
  if (keys === undefined) return { problem: 'unavailable', detail: 'the keys of the issuer are not known' };
  const first = await checkSignature(written, keys, algorithms);
  if (first === undefined) return { keys };
  // Perhaps there is a new key: one with an unknown name, or with none.
  if (first === BAD_SIGNATURE && written.header['kid'] !== undefined) return first;
  const renewed = await keySet.renew();
  if (renewed === undefined || renewed === keys) return first;
  return (await checkSignature(written, renewed, algorithms)) ?? { keys: renewed };
}

/** Undefined: one of these keys has signed it. */
async function checkSignature(
  { header, token }: Written,
  keys: Keys,
  algorithms: readonly string[],
): Promise<Rejected | undefined> {
  const { alg, kid } = header;
  if (kid !== undefined && typeof kid !== 'string') return BAD_SIGNATURE;
  const candidates = await keys({ alg: alg as string, kid });
  for (const key of candidates) if (await hasSigned(key, token, algorithms)) return undefined;
  return candidates.length === 0 ? UNKNOWN_KEY : BAD_SIGNATURE;
}

async function hasSigned(key: CryptoKey, token: string, algorithms: readonly string[]): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [...algorithms] });
    return true;
  } catch {
    return false;
  }
}
