/**
 * Our own access tokens at the MCP endpoints: whose they are, and whether they are good for the path that is asked for
 * (RFC 6750, RFC 8707). What was looked up is believed as long as storage was asked within the last second whether it has
 * changed; without that, each request looks it up.
 */

import { createAccessToken, type AccessToken } from '../auth/access-token.ts';
import type { Rejected } from '../auth/authenticate.ts';
import { bearerOf } from '../auth/bearer.ts';
import type { Proved, Prove } from '../auth/proof.ts';
import { createTokenCache, tokenId } from '../auth/token-cache.ts';
import type { Grants } from './grants.ts';
import { isDigestOf } from './token-text.ts';

/** What another process revoked is good here no longer than that. */
const BELIEVED_MS = 1000;
const MAX_TOKENS = 10_000;

export interface AccessTokensOptions {
  readonly grants: Pick<Grants, 'find'>;
  /** Another number after every change of a grant by any process. */
  readonly version: () => Promise<number>;
  /** The resources of which a token needs one at a path. */
  readonly audiences: (path: string) => readonly string[];
  /** Scopes that every token needs. */
  readonly requiredScopes: readonly string[];
  readonly now: () => number;
}

export interface AccessTokens {
  /** Undefined for what has not the prefix of our tokens. */
  readonly verify: Prove;
  /** Asks whether anything has changed. Meant to run every half second. */
  refresh(): Promise<void>;
  /** Something has changed here. */
  forget(): void;
}

export function createAccessTokens(options: AccessTokensOptions): AccessTokens {
  const { now, version } = options;
  const known = createTokenCache<AccessToken>(MAX_TOKENS);
  /** Grows when what is known may be wrong: what was looked up before, or is being looked up, is not believed then. */
  let epoch = 0;
  let seenVersion: number | undefined;
  let seenMs = Number.NEGATIVE_INFINITY;

  const lookUp = async (token: string, id: string): Promise<AccessToken | Rejected> => {
    const begun = epoch;
    const found = await find(options, token, (expiresAtMs) => {
      const nowMs = now();
      return begun === epoch && nowMs - seenMs <= BELIEVED_MS && nowMs < expiresAtMs;
    });
    if ('principal' in found) known.set(id, found);
    return found;
  };
  return {
    verify: ({ authorization, path }): Proved | Promise<Proved> => {
      const token = bearerOf(authorization);
      if (token?.startsWith('sat_') !== true) return undefined;
      const id = tokenId(token);
      const before = known.get(id);
      if (before?.isCurrent() === true) return before.refusalAt(path) ?? before;
      return lookUp(token, id).then(
        (found) => ('principal' in found ? (found.refusalAt(path) ?? found) : found),
        (error: unknown) => ({ problem: 'unavailable', detail: `tokens cannot be looked up: ${String(error)}` }),
      );
    },
    refresh: async () => {
      const askedMs = now();
      const current = await version();
      if (current !== seenVersion) epoch++;
      seenVersion = current;
      seenMs = askedMs;
    },
    forget: () => void epoch++,
  };
}

async function find(
  { audiences, grants, now, requiredScopes }: AccessTokensOptions,
  token: string,
  isCurrent: (expiresAtMs: number) => boolean,
): Promise<AccessToken | Rejected> {
  const grant = (await grants.find('sat_', token))?.grant;
  const access = grant?.access.find(({ hash }) => isDigestOf(token, hash));
  if (grant === undefined || access === undefined) return rejected('it is unknown or revoked');
  const { expiresAtMs, scopes } = access;
  if (expiresAtMs <= now()) return rejected('it has expired');
  const { claims = {}, groups = [], issuer, roles, subject } = grant.principal;
  const said = { subject, audiences: [grant.resource], expiresAtMs, scopes, roles, groups, all: claims };
  const rules = { issuer, audiences, audience: [], scopes: requiredScopes };
  return createAccessToken(said, rules, () => isCurrent(expiresAtMs));
}

function rejected(detail: string): Rejected {
  return { problem: 'invalid', detail: `the token is not good: ${detail}` };
}
