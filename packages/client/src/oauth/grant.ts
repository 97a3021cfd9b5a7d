/** What an authorization server granted for one resource to one principal, and how long it is good. Pure. */

import type { ClientReference } from './registration.ts';
import type { Tokens } from './token-endpoint.ts';

/**
 * How access is granted: by a person at the authorization server (in a browser or with a device code); to this client
 * itself (RFC 6749 §4.4); for a token of whoever calls, exchanged at a token endpoint (RFC 8693) or, through his identity
 * provider, at the resource's authorization server (RFC 7523 §2.1; MCP, "Enterprise-Managed Authorization").
 */
export type GrantType = 'authorization_code' | 'client_credentials' | 'token_exchange' | 'identity_assertion';

/** As it is kept, sealed. Times are milliseconds since 1970. */
export interface Grant {
  readonly issuer: string;
  readonly resource: string;
  readonly client: ClientReference;
  /** The grant type by which it came, which is how it is renewed. */
  readonly by: GrantType;
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** Asked for; empty: none were named. */
  readonly scopes: readonly string[];
  /** As the server said it. */
  readonly granted?: string;
  readonly obtainedAtMs: number;
  /** Absent: only the resource knows. */
  readonly expiresAtMs?: number;
  readonly loggedInAtMs: number;
  /** This login and those that came shortly before it. */
  readonly logins: number;
  /** Somebody renews it. Past its time, he died, or could not say how it ended. */
  readonly renewing?: { readonly by: string; readonly untilMs: number };
  /** Renewals that failed in a row, and when the next may be tried. */
  readonly failures?: number;
  readonly retryAtMs?: number;
}

const AHEAD_MS = 5 * 60_000;
/** Of a token that does not live as long as that, the last part of its life. */
const AHEAD_PART = 0.1;
/** Logins so close to each other are one attempt after another at the same thing. */
const ATTEMPTS_MS = 10 * 60_000;
const FIRST_RETRY_MS = 2000;
const LONGEST_RETRY_MS = 5 * 60_000;
const JITTER = 0.25;

export function isExpired({ expiresAtMs = Infinity }: Grant, nowMs: number): boolean {
  return nowMs >= expiresAtMs;
}

/** It is time for another token. */
export function isDue(grant: Grant, nowMs: number): boolean {
  const { expiresAtMs, obtainedAtMs } = grant;
  if (expiresAtMs === undefined) return false;
  const lifetimeMs = expiresAtMs - obtainedAtMs;
  return nowMs >= expiresAtMs - (lifetimeMs > AHEAD_MS ? AHEAD_MS : lifetimeMs * AHEAD_PART);
}

/** Somebody has renewed it or logged in since this token was taken to be sent. */
export function isSuperseded(sent: string | undefined, grant: Grant | undefined, nowMs: number): boolean {
  return grant !== undefined && grant.accessToken !== sent && (canRenew(grant) || !isExpired(grant, nowMs));
}

export function canRenew({ by, refreshToken }: Grant): boolean {
  return by !== 'authorization_code' || refreshToken !== undefined;
}

/** The number of a login that is begun because this grant did not do: 1, or more when it came of such a login itself. */
export function loginsAfter(grant: Grant | undefined, nowMs: number): number {
  if (grant === undefined || isExpired(grant, nowMs) || nowMs - grant.loggedInAtMs >= ATTEMPTS_MS) return 1;
  return grant.logins + 1;
}

/** The parts of a grant that come with each token. */
export function tokenParts(
  tokens: Tokens,
  nowMs: number,
): Pick<Grant, 'accessToken' | 'obtainedAtMs' | 'refreshToken' | 'granted' | 'expiresAtMs'> {
  return {
    accessToken: tokens.accessToken,
    obtainedAtMs: nowMs,
    ...(tokens.refreshToken !== undefined && { refreshToken: tokens.refreshToken }),
    ...(tokens.scope !== undefined && { granted: tokens.scope }),
    ...(tokens.lifetimeMs !== undefined && { expiresAtMs: nowMs + tokens.lifetimeMs }),
  };
}

/** After a renewal. A server that sends no refresh token lets the old one be used again (RFC 6749 §6). */
export function renewed(grant: Grant, tokens: Tokens, nowMs: number): Grant {
  const { renewing: _renewing, failures: _failures, retryAtMs: _retry, expiresAtMs: _expires, ...kept } = grant;
  return { ...kept, ...tokenParts(tokens, nowMs) };
}

/** After a renewal that failed; `wait`: not before the token has expired. */
export function failed(grant: Grant, nowMs: number, random: number, wait: boolean): Grant {
  const { renewing: _renewing, ...kept } = grant;
  const failures = (grant.failures ?? 0) + 1;
  const pauseMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS) * (1 - JITTER * random);
  const retryAtMs = Math.max(nowMs + pauseMs, wait ? (grant.expiresAtMs ?? 0) : 0);
  return { ...kept, failures, retryAtMs };
}

/** After the server has said that it will not be renewed. */
export function spent(grant: Grant): Grant {
  const { renewing: _renewing, refreshToken: _token, ...kept } = grant;
  return kept;
}
