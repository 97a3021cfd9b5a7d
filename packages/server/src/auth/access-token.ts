/**
 * An access token that was found good: its principal, and whether it may be used for a path. It is kept and asked again for
 * each request, so what is right for one path is never taken for right on another (RFC 8707 §2).
 */

import type { Principal } from '../exchange.ts';
import type { Credentials, Rejected } from './authenticate.ts';
import { quoted, type TokenClaims } from './claims.ts';
import type { Proof } from './proof.ts';

export interface AccessTokenRules {
  readonly issuer: string;
  /** The audiences of which a token needs one at a path; several may be the same resource. */
  readonly audiences: (path: string) => readonly string[];
  /** Audiences that are good for every path. */
  readonly audience: readonly string[];
  /** Scopes that every token needs. */
  readonly scopes: readonly string[];
}

export interface AccessToken extends Proof {
  /** Whether what is known of it may still be believed; else it is verified anew. */
  readonly isCurrent: () => boolean;
  /** Undefined: it is good for this path. */
  readonly refusalAt: (path: string) => Rejected | undefined;
}

export function createAccessToken(claims: TokenClaims, rules: AccessTokenRules, isCurrent: () => boolean): AccessToken {
  const { all, audiences, groups, roles, scopes, subject } = claims;
  const principal: Principal = { issuer: rules.issuer, subject, roles, groups, scopes, claims: all };
  const lacksScope = rules.scopes.some((scope) => !scopes.includes(scope));
  const everywhere = audiences.some((audience) => rules.audience.includes(audience));
  let goodPath: string | undefined;

  const refusalAt = (path: string): Rejected | undefined => {
    if (path === goodPath) return undefined;
    if (!everywhere && !rules.audiences(path).some((audience) => audiences.includes(audience))) {
      return { problem: 'invalid', detail: `the token is not good here: its audience is ${quoted([...audiences])}` };
    }
    if (lacksScope) return { problem: 'insufficient_scope', detail: `its scopes are ${quoted([...scopes])}` };
    goodPath = path;
    return undefined;
  };
  const holds = ({ path }: Credentials): boolean => isCurrent() && refusalAt(path) === undefined;
  return { principal, isCurrent, refusalAt, holds };
}

/** Longer ones are not looked at. */
export const MAX_TOKEN_LENGTH = 8192;
