/**
 * Access for a token of whoever calls: exchanged for an access token at a token endpoint that the operator names (RFC 8693);
 * or, for an assertion of his identity, exchanged at his identity provider for one that the resource's authorization server
 * takes as a grant (RFC 7523 §2.1; MCP, "Enterprise-Managed Authorization"). The caller's token goes to that endpoint alone,
 * and is not kept.
 */

import type { AuthorizationServer } from 'oauth4webapi';
import type { ClientCredentials } from './client-authentication.ts';
import { AuthorizationError } from './error.ts';
import type { ClientOptions } from './registration.ts';
import { checkUrl, type Requests } from './requests.ts';
import type { Servers } from './servers.ts';
import { askForAssertion, askForTokens, type TokenEndpoint, type Tokens } from './token-endpoint.ts';

export interface SubjectToken {
  readonly token: string;
  /** As RFC 8693 §3 has them: `urn:ietf:params:oauth:token-type:id_token`, … */
  readonly type: string;
}

export interface ExchangeOptions {
  /** Of the owner of the grant, now; undefined: he has none here. */
  readonly subjectToken: () => Promise<SubjectToken | undefined>;
  /**
   * Where it is exchanged. Without it and `issuer`, the gateway's own subject token, as a workload has it, is the identity
   * assertion as it is; that of a person is not: the server would be shown it by whoever the resource names.
   */
  readonly tokenEndpoint?: string;
  /** Without `tokenEndpoint`: whose metadata name it. */
  readonly issuer?: string;
  /** Who we are at the identity provider; absent: who we are at the authorization server. */
  readonly client?: ClientOptions;
  /** Named besides the resource in an exchange for an access token, for endpoints that know no resources. */
  readonly audience?: string;
}

/** The owner has no token that could be exchanged: he must sign in at the gateway with one. */
export class NoSubjectToken extends AuthorizationError {
  constructor() {
    super('unavailable', 'Who calls has shown no token that could be exchanged for one of this server.');
    this.name = 'NoSubjectToken';
  }
}

/** With what the endpoints are reached. */
export interface At {
  readonly requests: Requests;
  readonly servers: Servers;
}

/** What is asked for. */
export interface Wanted {
  readonly resource: string;
  /** Empty: whatever the server grants. */
  readonly scopes: readonly string[];
}

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** Where tokens are exchanged. Of a written endpoint no more is known than that. Throws as `Servers.metadata` does. */
export async function exchangeServer(
  { issuer, tokenEndpoint }: ExchangeOptions,
  { requests, servers }: At,
): Promise<AuthorizationServer> {
  if (tokenEndpoint === undefined) {
    if (issuer !== undefined) return await servers.metadata(issuer);
    throw new AuthorizationError(
      'unusable',
      'A token exchange needs a token endpoint: write where tokens are exchanged.',
    );
  }
  checkUrl('The token endpoint', tokenEndpoint, requests);
  return { issuer: tokenEndpoint, token_endpoint: tokenEndpoint };
}

/** The client that is configured. Throws `unusable`. */
export function configuredClient({ clientId, clientSecret, privateKey }: ClientOptions): ClientCredentials {
  if (clientId === undefined) {
    throw new AuthorizationError('unusable', 'This grant needs a client that the server knows: write oauth.clientId.');
  }
  return {
    id: clientId,
    ...(clientSecret !== undefined && { secret: clientSecret }),
    ...(privateKey !== undefined && { privateKey }),
  };
}

/** RFC 8693 §2.1. Throws {@link NoSubjectToken}, or as `askForTokens` does. */
export async function exchangeToken(
  exchange: ExchangeOptions,
  client: ClientOptions,
  wanted: Wanted,
  at: At,
): Promise<Tokens> {
  const endpoint = await endpointOf(exchange, client, at);
  const subject = await subjectOf(exchange);
  const { refreshToken: _, ...tokens } = await askForTokens(endpoint, TOKEN_EXCHANGE, {
    ...subject,
    requested_token_type: ACCESS_TOKEN,
    ...(exchange.audience !== undefined && { audience: exchange.audience }),
    ...formOf(wanted),
  });
  return tokens;
}

/** Throws {@link NoSubjectToken}, or as `askForTokens` does. */
export async function assertIdentity(
  exchange: ExchangeOptions,
  client: ClientOptions,
  wanted: Wanted,
  at: At & Pick<TokenEndpoint, 'server'> & { readonly isPersonal: boolean },
): Promise<Tokens> {
  const { isPersonal, requests, server } = at;
  const isReady = exchange.tokenEndpoint === undefined && exchange.issuer === undefined && !isPersonal;
  const provider = isReady ? undefined : await endpointOf(exchange, exchange.client ?? client, at);
  const subject = await subjectOf(exchange);
  const assertion =
    provider === undefined
      ? subject.subject_token
      : await askForAssertion(provider, TOKEN_EXCHANGE, {
          ...subject,
          requested_token_type: ID_JAG,
          // Who may take it: no other authorization server.
          audience: server.issuer,
          ...formOf(wanted),
        });
  const endpoint = { server, client: configuredClient(client), requests };
  const { refreshToken: _, ...tokens } = await askForTokens(endpoint, JWT_BEARER, { assertion, ...formOf(wanted) });
  return tokens;
}

async function endpointOf(exchange: ExchangeOptions, client: ClientOptions, at: At): Promise<TokenEndpoint> {
  const server = await exchangeServer(exchange, at);
  return { server, client: configuredClient(client), requests: at.requests };
}

async function subjectOf({
  subjectToken,
}: ExchangeOptions): Promise<{ subject_token: string; subject_token_type: string }> {
  const subject = await subjectToken();
  if (subject === undefined) throw new NoSubjectToken();
  return { subject_token: subject.token, subject_token_type: subject.type };
}

function formOf({ resource, scopes }: Wanted): { resource: string; scope?: string } {
  return { resource, ...(scopes.length > 0 && { scope: scopes.join(' ') }) };
}
