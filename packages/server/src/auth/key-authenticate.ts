/**
 * Authentication by client keys: from the Authorization header to a principal. A connection that has shown a good key is
 * remembered with it, so the same header on the same connection is not hashed again; whether the key still holds is asked
 * every time. Comparing with what the very same peer sent before tells it nothing new.
 */

import { wireError } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';
import type { Authenticate, Unauthenticated } from '../http/listener.ts';
import type { FailureLimit } from './failures.ts';
import type { ClientKey, KeyTable } from './keys.ts';

export interface KeyAuthenticateOptions {
  readonly keys: Pick<KeyTable, 'verify' | 'holds'>;
  readonly failures: FailureLimit;
  /** The issuer of the principals. */
  readonly issuer: string;
}

interface Remembered {
  readonly authorization: string;
  readonly key: ClientKey;
  readonly principal: Principal;
}

const SCHEME = 'Bearer ';

export function createKeyAuthenticate({ keys, failures, issuer }: KeyAuthenticateOptions): Authenticate {
  const principals = new WeakMap<ClientKey, Principal>();
  const connections = new WeakMap<object, Remembered>();

  const principalOf = (key: ClientKey): Principal => {
    const known = principals.get(key);
    if (known !== undefined) return known;
    const principal: Principal = { issuer, subject: key.name, roles: key.roles };
    principals.set(key, principal);
    return principal;
  };

  return (credentials) => {
    const { authorization, connection } = credentials;
    const before = connections.get(connection);
    if (before !== undefined && before.authorization === authorization && keys.holds(before.key)) {
      return before.principal;
    }
    const key = authorization?.startsWith(SCHEME) ? keys.verify(authorization.slice(SCHEME.length)) : undefined;
    if (key === undefined || authorization === undefined) return refusal(failures.failed(credentials.address));
    const principal = principalOf(key);
    connections.set(connection, { authorization, key, principal });
    return principal;
  };
}

function refusal(waitMs: number): Unauthenticated {
  if (waitMs === 0)
    return { error: wireError('unauthenticated'), headers: { 'www-authenticate': 'Bearer realm="sallyport"' } };
  const seconds = String(Math.ceil(waitMs / 1000));
  return { error: wireError('rate_limited', 'Too many failed attempts.'), headers: { 'retry-after': seconds } };
}
