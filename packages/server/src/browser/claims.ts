/** From the claims of a verified ID token to the principal that it speaks of. Verifies nothing. */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';

/** Where roles and groups stand: a claim's name, or a dotted path to one inside others. */
export interface ClaimPaths {
  readonly roles: string;
  readonly groups: string;
}

/** OpenID Connect Core §2: at most 255 characters; some providers take more. */
const MAX_SUBJECT = 1024;
const MAX_ENTRIES = 512;
const MAX_CLAIMS_BYTES = 16 * 1024;

/** What a token says of itself and of this one sign-in, not of the person. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(
  'aud azp exp iat nbf jti nonce at_hash c_hash s_hash sid auth_time acr amr'.split(' '),
);

/** Undefined when there is too much, or nothing, to know somebody by. */
export function principalOf(claims: JsonObject, paths: ClaimPaths): Principal | undefined {
  const { iss, sub } = claims;
  if (typeof iss !== 'string' || typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT) return undefined;
  const kept = Object.fromEntries(Object.entries(claims).filter(([name]) => !OF_THE_TOKEN.has(name)));
  const roles = listAt(claims, paths.roles);
  const groups = listAt(claims, paths.groups);
  const tooMuch = Buffer.byteLength(JSON.stringify(kept)) > MAX_CLAIMS_BYTES;
  if (tooMuch || roles.length > MAX_ENTRIES || groups.length > MAX_ENTRIES) return undefined;
  return { issuer: iss, subject: sub, roles, groups, claims: kept };
}

/** A whole name goes before a path, since names of claims that are URLs have dots in them. */
function listAt(claims: JsonObject, path: string): string[] {
  const at = (value: JsonValue | undefined, name: string): JsonValue | undefined =>
    isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  const found = at(claims, path) ?? path.split('.').reduce<JsonValue | undefined>(at, claims);
  const list = Array.isArray(found) ? found : [found];
  return list.filter((each): each is string => typeof each === 'string' && each !== '');
}
