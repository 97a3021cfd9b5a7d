/** Somebody who calls, for tests. */

import type { Principal } from '../exchange.ts';

/** `alice` of `https://issuer.test`, without roles, unless it is said otherwise. Each call gives another object. */
export function fakePrincipal(facts: Partial<Principal> = {}): Principal {
  return { issuer: 'https://issuer.test', subject: 'alice', roles: [], ...facts };
}
