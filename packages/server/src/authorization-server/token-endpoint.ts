/**
 * The token endpoint (OAuth 2.1 §3.2) and the revocation endpoint (RFC 7009): what may be asked, by which client, and how
 * often an address may be wrong. What is given for it is in redeem.ts.
 */

import type { IncomingMessage } from 'node:http';
import type { FailureLimit } from '../auth/failures.ts';
import type { Handler } from '../browser/types.ts';
import { authenticateClient, type ClientAuthenticationOptions } from './client-authentication.ts';
import type { Grants } from './grants.ts';
import type { Report } from './events.ts';
import { jsonEndpoint, readForm, type JsonAnswer } from './http.ts';
import { OAuthError, type OAuthErrorCode } from './oauth-error.ts';
import { MisuseError, type Issued, type Redeem } from './redeem.ts';
import { knownScopes, parseScope } from './scopes.ts';
import { isDigestOf } from './token-text.ts';

const MAX_BODY_BYTES = 16 * 1024;
/** RFC 7636 §4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;
/** What guessing brings. */
const FAILURES: ReadonlySet<OAuthErrorCode> = new Set(['invalid_client', 'invalid_grant']);

export interface TokenEndpointOptions extends ClientAuthenticationOptions {
  readonly redeem: Redeem;
  readonly grants: Grants;
  readonly failures: FailureLimit;
  /** The address of the client, behind trusted proxies the one that they name. */
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  /** The resource that a URL names, as grants have it; undefined when it is none of ours. */
  readonly resourceOf: (url: string) => string | undefined;
  /** The scopes that there are. */
  readonly scopes: readonly string[];
  readonly now: () => number;
  readonly report: Report;
}

type Answer = (form: URLSearchParams, client: string, request: IncomingMessage) => Promise<JsonAnswer>;

export function createTokenEndpoint(options: TokenEndpointOptions): Handler {
  return clientEndpoint(options, async (form, client, request) => {
    const issued = await redeem(options, form, client);
    const by = form.get('grant_type') === 'refresh_token' ? 'refresh_token' : 'authorization_code';
    options.report(request, { kind: 'issued', client, principal: issued.principal, by });
    return { body: tokenAnswer(issued, options.now()), headers: { pragma: 'no-cache' } };
  });
}

export function createRevocationEndpoint(options: TokenEndpointOptions): Handler {
  return clientEndpoint(options, async (form, client, request) => {
    await revoke(options.grants, required(form, 'token'), client);
    options.report(request, { kind: 'revoked', client });
    return {};
  });
}

function clientEndpoint(options: TokenEndpointOptions, answer: Answer): Handler {
  const { addressOf, failures, report } = options;
  return jsonEndpoint('POST', report, async (request, response) => {
    try {
      const form = await readForm(request, response, MAX_BODY_BYTES);
      return await answer(form, await authenticateClient(request.headers.authorization, form, options), request);
    } catch (error) {
      if (error instanceof MisuseError) {
        const { clientId: client, principal } = error.grant;
        report(request, { kind: 'misused', what: error.what, client, principal });
      }
      if (!(error instanceof OAuthError) || !FAILURES.has(error.code)) throw error;
      const waitMs = failures.failed(addressOf(request));
      throw waitMs === 0 ? error : tooMany(waitMs);
    }
  });
}

/** What an address that asked too often is told. */
export function tooMany(waitMs: number): OAuthError {
  const headers = { 'retry-after': String(Math.ceil(waitMs / 1000)) };
  return new OAuthError('temporarily_unavailable', 'Too many requests.', { status: 429, headers });
}

function redeem(options: TokenEndpointOptions, form: URLSearchParams, clientId: string): Promise<Issued> {
  const resource = readResource(options, form);
  switch (required(form, 'grant_type')) {
    case 'authorization_code':
      return options.redeem.code(required(form, 'code'), {
        clientId,
        redirectUri: form.get('redirect_uri') ?? undefined,
        verifier: readVerifier(form),
        resource,
      });
    case 'refresh_token':
      return options.redeem.refreshToken(required(form, 'refresh_token'), {
        clientId,
        scopes: readScopes(options, form),
        resource,
      });
    default:
      throw new OAuthError('unsupported_grant_type', 'grant_type is authorization_code or refresh_token.');
  }
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value === null) throw new OAuthError('invalid_request', `${name} is missing.`);
  return value;
}

function readVerifier(form: URLSearchParams): string {
  const verifier = required(form, 'code_verifier');
  if (VERIFIER.test(verifier)) return verifier;
  throw new OAuthError('invalid_request', 'code_verifier is 43 to 128 characters (RFC 7636, section 4.1).');
}

function readResource({ resourceOf }: TokenEndpointOptions, form: URLSearchParams): string | undefined {
  const asked = form.get('resource');
  if (asked === null) return undefined;
  const resource = resourceOf(asked);
  if (resource === undefined) throw new OAuthError('invalid_target', 'This resource is not served here.');
  return resource;
}

function readScopes({ scopes }: TokenEndpointOptions, form: URLSearchParams): readonly string[] | undefined {
  const scope = form.get('scope');
  if (scope === null) return undefined;
  const asked = parseScope(scope);
  if (asked === undefined) throw new OAuthError('invalid_scope', 'scope is malformed.');
  return knownScopes(asked, scopes);
}

/** RFC 6749 §5.1. The scope is always said: it may be less than was asked for. */
function tokenAnswer({ accessToken, expiresAtMs, refreshToken, scopes }: Issued, nowMs: number): object {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: Math.max(0, Math.floor((expiresAtMs - nowMs) / 1000)),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    scope: scopes.join(' '),
  };
}

/** A refresh token ends its grant, an access token itself (RFC 7009 §2.1). What is unknown is as good as revoked. */
async function revoke(grants: Grants, token: string, clientId: string): Promise<void> {
  const checkOwner = (owner: string): void => {
    if (owner !== clientId) throw new OAuthError('invalid_grant', 'The token was issued to another client.');
  };
  const refresh = await grants.find('srt_', token);
  if (refresh !== undefined) {
    checkOwner(refresh.grant.clientId);
    return await grants.end(refresh);
  }
  await grants.change('sat_', token, async (found) => {
    const { grant } = found;
    checkOwner(grant.clientId);
    const access = grant.access.filter(({ hash }) => !isDigestOf(token, hash));
    return (await grants.write(found, { ...grant, access })) || undefined;
  });
}
