/**
 * What a code or a refresh token buys (OAuth 2.1 §4.1.3 and §4.3; RFC 9700 §2.1.1 and §4.14). Who the client is was
 * checked before.
 *
 * A code is good for one attempt: one that does not fit ends its grant, and so does a second use, with all that the
 * first gave. A refresh token is good for one exchange, at which it is asked anew who the person is, and an old one ends the grant. With one exception: for ten
 * seconds the last one gets the very answer that it got before, since answers are lost and several windows of one client
 * refresh at once. A thief who is as quick shares the new token with its owner, and the next use by either tells.
 */

import { createHash } from 'node:crypto';
import type { Principal } from '../exchange.ts';
import type { Grant, GrantedAccess } from './grant.ts';
import type { FoundGrant, Grants } from './grants.ts';
import { OAuthError } from './oauth-error.ts';
import { digestOf, isDigestOf, isSameText, type TokenText } from './token-text.ts';

/** For so long the last refresh token gets its answer again. */
const RETRY_MS = 10_000;
/** Of one grant, so that a client that refreshes often leaves no trail. */
const MAX_ACCESS_TOKENS = 4;

export interface RedeemOptions {
  readonly grants: Grants;
  readonly texts: TokenText;
  readonly accessTokenMs: number;
  /** From the approval on: then the person is asked again. */
  readonly refreshTokenMs: number;
  /** The same from the sign-in on, where nothing but the sign-in says who the person is. */
  readonly signInMs: number;
  readonly present: Present;
  readonly now: () => number;
}

/** Who the person of a grant is now; undefined: nobody any more. Rejects while that cannot be told. */
export type Present = (grant: Pick<Grant, 'principal' | 'renewal'>) => Promise<Principal | undefined>;

/** What is good once came again, or from another client, or without its proof. Its grant has ended. */
export class MisuseError extends OAuthError {
  readonly what: Redeemed;
  readonly grant: Grant;

  constructor(what: Redeemed, grant: Grant) {
    super('invalid_grant', REFUSALS[what]);
    this.what = what;
    this.grant = grant;
  }
}

type Redeemed = 'code' | 'refresh_token';

/** Nothing is said of why: the client has to ask its person again in every case. */
const REFUSALS: Readonly<Record<Redeemed, string>> = {
  code: 'The authorization code is unknown, expired, revoked or was used before.',
  refresh_token: 'The refresh token is unknown, expired, revoked or was used before.',
};

/** What a client asks for with its code. */
export interface CodeRequest {
  readonly clientId: string;
  /** May be absent: OAuth 2.1 §10.2 leaves it to PKCE. */
  readonly redirectUri: string | undefined;
  readonly verifier: string;
  readonly resource: string | undefined;
}

/** What a client asks for with its refresh token. */
export interface RefreshRequest {
  readonly clientId: string;
  /** Absent: all that were granted. */
  readonly scopes: readonly string[] | undefined;
  readonly resource: string | undefined;
}

export interface Issued {
  readonly principal: Principal;
  readonly accessToken: string;
  readonly scopes: readonly string[];
  readonly expiresAtMs: number;
  readonly refreshToken: string | undefined;
}

export interface Redeem {
  /** Throws an {@link OAuthError}. */
  code(code: string, request: CodeRequest): Promise<Issued>;
  /** Throws an {@link OAuthError}. */
  refreshToken(token: string, request: RefreshRequest): Promise<Issued>;
}

export function createRedeem(options: RedeemOptions): Redeem {
  const { grants } = options;
  return {
    code: async (code, request) => {
      const issued = await grants.change('sac_', code, (found) => exchange(options, found, code, request));
      return issued ?? refuse('code');
    },
    refreshToken: async (token, request) => {
      const issued = await grants.change('srt_', token, (found) => rotate(options, found, token, request));
      return issued ?? refuse('refresh_token');
    },
  };
}

async function exchange(
  options: RedeemOptions,
  found: FoundGrant,
  code: string,
  request: CodeRequest,
): Promise<Issued | undefined> {
  const { grants, now, texts } = options;
  const { grant, key } = found;
  const { principal } = grant;
  if (grant.spent || !isDigestOf(code, grant.code.hash) || !fits(grant, request)) {
    return await misused(grants, 'code', found);
  }
  checkResource(grant, request.resource);
  const endsMs = grant.refreshes ? endOf(grant, options) : now() + options.accessTokenMs;
  const accessToken = texts.make('sat_', key);
  const access = accessFor(options, accessToken, grant.scopes, endsMs);
  const refreshToken = grant.refreshes ? texts.make('srt_', key) : undefined;
  const refresh = refreshToken && { hash: digestOf(refreshToken), rotatedMs: now() };
  const next: Grant = { ...grant, spent: true, access: [access], ...(refresh && { refresh }) };
  return (await grants.write(found, next, endsMs)) ? { principal, accessToken, ...access, refreshToken } : undefined;
}

function fits({ clientId, code }: Grant, request: CodeRequest): boolean {
  const challenge = createHash('sha256').update(request.verifier).digest('base64url');
  return (
    request.clientId === clientId &&
    (request.redirectUri ?? code.redirectUri) === code.redirectUri &&
    isSameText(challenge, code.challenge)
  );
}

async function rotate(
  options: RedeemOptions,
  found: FoundGrant,
  token: string,
  request: RefreshRequest,
): Promise<Issued | undefined> {
  const { grants, now, texts } = options;
  const { grant } = found;
  const { principal } = grant;
  if (grant.clientId !== request.clientId) return await misused(grants, 'refresh_token', found);
  checkResource(grant, request.resource);
  checkScopes(grant, request.scopes);
  const refreshToken = texts.successor('srt_', token);
  const accessToken = texts.successor('sat_', token);
  if (!isDigestOf(token, grant.refresh?.hash)) {
    const before = retried(grant, token, accessToken, now());
    return before === undefined
      ? await misused(grants, 'refresh_token', found)
      : { principal, accessToken, ...before, refreshToken };
  }
  const current = await presentOf(options, found);
  const endsMs = endOf(grant, options);
  const access = accessFor(options, accessToken, request.scopes ?? grant.scopes, endsMs);
  const next: Grant = {
    ...grant,
    principal: current,
    access: [...grant.access.slice(1 - MAX_ACCESS_TOKENS), access],
    refresh: { hash: digestOf(refreshToken), previous: digestOf(token), rotatedMs: now() },
  };
  const isFirst = await grants.write(found, next, endsMs);
  return isFirst ? { principal: current, accessToken, ...access, refreshToken } : undefined;
}

function endOf({ approvedMs, renewal, signedInMs }: Grant, { refreshTokenMs, signInMs }: RedeemOptions): number {
  const endsMs = approvedMs + refreshTokenMs;
  return renewal === undefined ? Math.min(endsMs, signedInMs + signInMs) : endsMs;
}

/** Who the person is now, before the grant goes on: roles and groups are those of today. */
async function presentOf({ grants, present }: RedeemOptions, found: FoundGrant): Promise<Principal> {
  const principal = await present(found.grant).catch(() => {
    throw new OAuthError('temporarily_unavailable', 'Who this is cannot be told at the moment.', { status: 503 });
  });
  if (principal !== undefined) return principal;
  await grants.end(found);
  return refuse('refresh_token');
}

/** Asking for what was not granted does not show that a code or token is in wrong hands: it stays as it is. */
function checkResource(grant: Grant, resource: string | undefined): void {
  if (resource === undefined || resource === grant.resource) return;
  throw new OAuthError('invalid_target', 'This was granted for another resource.');
}

function checkScopes(grant: Grant, scopes: readonly string[] = []): void {
  if (scopes.every((scope) => grant.scopes.includes(scope))) return;
  throw new OAuthError('invalid_scope', 'A scope was not granted.');
}

/** What the last refresh token got when it was exchanged, if that is long enough ago to be asked for again. */
function retried(grant: Grant, token: string, accessToken: string, nowMs: number): GrantedAccess | undefined {
  const { previous, rotatedMs = 0 } = grant.refresh ?? {};
  if (!isDigestOf(token, previous) || nowMs - rotatedMs > RETRY_MS) return undefined;
  return grant.access.find(({ hash }) => isDigestOf(accessToken, hash));
}

function accessFor(
  { accessTokenMs, now }: RedeemOptions,
  token: string,
  scopes: readonly string[],
  endsMs: number,
): GrantedAccess {
  return { hash: digestOf(token), scopes, expiresAtMs: Math.min(now() + accessTokenMs, endsMs) };
}

async function misused(grants: Grants, what: Redeemed, found: FoundGrant): Promise<never> {
  await grants.end(found);
  throw new MisuseError(what, found.grant);
}

function refuse(what: Redeemed): never {
  throw new OAuthError('invalid_grant', REFUSALS[what]);
}
