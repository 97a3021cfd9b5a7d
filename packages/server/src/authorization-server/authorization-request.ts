/**
 * The authorization request (OAuth 2.1 §4.1.1, RFC 7636, RFC 8707), checked in two halves: first whether the client and
 * its redirect URI belong together, since nothing may be sent there before, then all the rest.
 */

import type { Client } from './clients.ts';
import { OAuthError } from './oauth-error.ts';
import { matchesRedirectUri, redirectTarget, type RedirectTarget } from './redirect-uri.ts';
import { knownScopes, parseScope } from './scopes.ts';

/** What is read of a request. Everything else in it is passed over. */
const NAMES: readonly string[] = [
  'response_type',
  'client_id',
  'redirect_uri',
  'state',
  'scope',
  'resource',
  'code_challenge',
  'code_challenge_method',
  'response_mode',
];
/** SHA-256 in base64url. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

/** Where the answer goes, as the client registered it. */
export interface ReturnAddress {
  readonly client: Client;
  readonly redirectUri: string;
  readonly target: RedirectTarget;
  /** Given back as it came. */
  readonly state: string | undefined;
}

/** What a person is asked to approve. */
export interface Wanted {
  readonly challenge: string;
  readonly scopes: readonly string[];
  readonly resource: string;
}

export interface RequestRules {
  /** The scopes that there are. */
  readonly scopes: readonly string[];
  /** What a client gets that asks for none of them. */
  readonly defaultScopes: readonly string[];
  /** Of a request that names no resource. */
  readonly defaultResource: () => string;
  /** The resource that a URL names, as grants have it; undefined when it is none of ours. */
  readonly resourceOf: (url: string) => string | undefined;
}

/**
 * The parameters that count, in one order, so that two requests that mean the same are the same text. What is empty is
 * not there (RFC 6749 §3.1).
 */
export function canonicalParameters(query: string): URLSearchParams {
  const given = [...new URLSearchParams(query)].filter(([, value]) => value !== '');
  return new URLSearchParams(NAMES.flatMap((each) => given.filter(([name]) => name === each)));
}

/** A parameter that stands there once; undefined for none, or for several. */
export function single(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  return values.length === 1 ? values[0] : undefined;
}

/** Undefined when the redirect URI is not one of the client's: then the answer is a page. */
export function readReturnAddress(client: Client, parameters: URLSearchParams): ReturnAddress | undefined {
  const redirectUri = single(parameters, 'redirect_uri');
  const target = redirectTarget(redirectUri);
  if (redirectUri === undefined || target === undefined) return undefined;
  if (!client.metadata.redirect_uris.some((each) => matchesRedirectUri(each, redirectUri))) return undefined;
  return { client, redirectUri, target, state: single(parameters, 'state') };
}

/** Throws an {@link OAuthError} that the client may be sent. */
export function readWanted({ client }: ReturnAddress, parameters: URLSearchParams, rules: RequestRules): Wanted {
  checkOnce(parameters);
  checkResponse(parameters);
  return {
    challenge: readChallenge(parameters),
    scopes: readScopes(client, parameters, rules),
    resource: readResource(parameters, rules),
  };
}

function checkOnce(parameters: URLSearchParams): void {
  for (const name of NAMES) {
    if (parameters.getAll(name).length < 2) continue;
    throw name === 'resource'
      ? new OAuthError('invalid_target', 'One resource can be asked for at a time.')
      : new OAuthError('invalid_request', `${name} stands there twice.`);
  }
}

function checkResponse(parameters: URLSearchParams): void {
  const type = parameters.get('response_type');
  if (type === null) throw new OAuthError('invalid_request', 'response_type is missing.');
  if (type !== 'code') throw new OAuthError('unsupported_response_type', 'response_type is code.');
  const mode = parameters.get('response_mode') ?? 'query';
  if (mode !== 'query') throw new OAuthError('invalid_request', 'response_mode is query.');
}

/** Without a method it would be `plain` (RFC 7636 §4.3), which is no proof to whoever saw the request. */
function readChallenge(parameters: URLSearchParams): string {
  const challenge = parameters.get('code_challenge') ?? '';
  if (parameters.get('code_challenge_method') !== 'S256' || !CHALLENGE.test(challenge)) {
    throw new OAuthError('invalid_request', 'PKCE is required: code_challenge, and code_challenge_method S256.');
  }
  return challenge;
}

function readScopes({ metadata }: Client, parameters: URLSearchParams, rules: RequestRules): readonly string[] {
  const known = metadata.scope === undefined ? rules.scopes : metadata.scope.split(' ');
  const scope = parameters.get('scope');
  const asked = scope === null ? [] : parseScope(scope);
  if (asked === undefined) throw new OAuthError('invalid_scope', 'scope is malformed.');
  const possible = rules.scopes.filter((each) => known.includes(each));
  return knownScopes(asked, possible) ?? rules.defaultScopes.filter((each) => possible.includes(each));
}

function readResource(parameters: URLSearchParams, rules: RequestRules): string {
  const asked = parameters.get('resource');
  if (asked === null) return rules.defaultResource();
  const resource = rules.resourceOf(asked);
  if (resource === undefined) throw new OAuthError('invalid_target', 'This resource is not served here.');
  return resource;
}
