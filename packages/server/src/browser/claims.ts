/** From the claims of a verified ID token to the principal that it speaks of. Verifies nothing. */

import type { JsonObject } from '@sallyport/wire';
import { claimAt, textsOf, type ClaimNames } from '../auth/claims.ts';
import type { Principal } from '../exchange.ts';

/** OpenID Connect Core §2: at most 255 characters; some providers take more. */
const MAX_SUBJECT = 1024;
const MAX_CLAIMS_BYTES = 16 * 1024;

/** What a token says of itself and of this one sign-in, not of the person. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(
  'aud azp exp iat nbf jti nonce at_hash c_hash s_hash sid auth_time acr amr'.split(' '),
);

/** Undefined when there is too much, or nothing, to know somebody by. */
export function principalOf(claims: JsonObject, names: ClaimNames): Principal | undefined {
  const { iss, sub } = claims;
  if (typeof iss !== 'string' || typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT) return undefined;
  const kept = Object.fromEntries(Object.entries(claims).filter(([name]) => !OF_THE_TOKEN.has(name)));
  const roles = textsOf(claimAt(claims, names.roles));
  const groups = textsOf(claimAt(claims, names.groups));
  const tooMuch = Buffer.byteLength(JSON.stringify(kept)) > MAX_CLAIMS_BYTES;
  if (tooMuch || roles === undefined || groups === undefined) return undefined;
  return { issuer: iss, subject: sub, roles, groups, claims: kept };
}
