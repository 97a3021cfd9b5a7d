/**
 * What a way of proving who one is may give instead of a bare principal, so that it is not asked again for each request of
 * the connection: the principal, and how to learn that it still is one. Keys, tokens and certificates differ in nothing else.
 */

import type { Principal } from '../exchange.ts';
import type { Credentials, Verified } from './authenticate.ts';

export interface Proof {
  readonly principal: Principal;
  /**
   * Whether the very credential that was shown still proves the same: not revoked, not expired, and good for the path that
   * is asked for. Called for each request, so it must be cheap. False: the credential is verified anew.
   */
  readonly holds: (credentials: Credentials) => boolean;
}

/** {@link Verify}, with proofs that are remembered. A bare principal is asked for each time. */
export type Prove = (credentials: Credentials) => Proved | Promise<Proved>;
export type Proved = Verified | Proof;
