/**
 * The token by which a principal proved who it is, for whoever exchanges it (RFC 8693 §2.1, `subject_token`). It hangs at the
 * object alone, in memory: it is no member that a log, a policy or a record could carry along, and goes with the object.
 */

import type { Principal } from '../exchange.ts';

export interface SubjectToken {
  readonly token: string;
  /** `id_token`: of a person who signed in with a browser. */
  readonly kind: 'access_token' | 'id_token';
  /** Milliseconds since 1970; Infinity: it does not say. */
  readonly expiresAtMs: number;
}

const TOKENS: WeakMap<Principal, SubjectToken> = new WeakMap();

export function keepSubjectToken(principal: Principal, token: SubjectToken): void {
  TOKENS.set(principal, token);
}

/** Of the very object that authentication or a sign-in gave. Undefined: it proved itself otherwise, as with a key. */
export function subjectTokenOf(principal: Principal): SubjectToken | undefined {
  return TOKENS.get(principal);
}
