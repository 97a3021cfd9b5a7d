/**
 * What an authorization server says of itself (RFC 8414 §3, OpenID Connect Discovery 1.0 §4), in the order of the forms that
 * the MCP specification gives. It is worth nothing unless it names the very issuer that was asked for.
 */

import type { AuthorizationServer } from 'oauth4webapi';
import type { JsonObject } from '@sallyport/wire';
import { AuthorizationError } from './error.ts';
import { checkUrl, getJson, shown, type Requests } from './requests.ts';
import { asProblem, joined } from './resource-metadata.ts';

const ENDPOINTS = [
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
  'device_authorization_endpoint',
] as const;
const LISTS = [
  'scopes_supported',
  'code_challenge_methods_supported',
  'token_endpoint_auth_methods_supported',
] as const;

/** Throws `unavailable` or `unusable`. */
export async function discoverServer(issuer: string, requests: Requests): Promise<AuthorizationServer> {
  checkUrl('The issuer', issuer, requests);
  const failures: AuthorizationError[] = [];
  for (const place of wellKnown(issuer)) {
    try {
      return checked(await getJson(place, requests), issuer, place, requests);
    } catch (error) {
      failures.push(asProblem(error));
    }
  }
  throw joined(`The authorization server ${shown(issuer)} could not be discovered`, failures);
}

/** Whoever reads a code on its way back must not be able to use it. Without S256 there is no login. */
export function checkPkce(server: AuthorizationServer): void {
  if (server.code_challenge_methods_supported?.includes('S256') === true) return;
  const text = `The authorization server ${shown(server.issuer)} does not say that it supports PKCE with S256.`;
  throw new AuthorizationError('unusable', text);
}

function wellKnown(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const oauth = `${origin}/.well-known/oauth-authorization-server${path}`;
  const openid = `${origin}/.well-known/openid-configuration${path}`;
  return path === '' ? [oauth, openid] : [oauth, openid, `${origin}${path}/.well-known/openid-configuration`];
}

function checked(document: JsonObject, issuer: string, place: string, requests: Requests): AuthorizationServer {
  if (document['issuer'] !== issuer) {
    throw new AuthorizationError('unusable', `${shown(place)} is about another issuer than ${shown(issuer)}.`);
  }
  for (const name of ENDPOINTS) {
    const endpoint = document[name];
    if (endpoint !== undefined)
      checkUrl(`The ${name} of ${shown(issuer)},`, typeof endpoint === 'string' ? endpoint : '', requests);
  }
  const list = LISTS.find((name) => document[name] !== undefined && !Array.isArray(document[name]));
  if (list !== undefined) throw new AuthorizationError('unusable', `The ${list} of ${shown(issuer)} is no list.`);
  if (document['token_endpoint'] === undefined) {
    throw new AuthorizationError('unusable', `${shown(issuer)} has no token_endpoint.`);
  }
  return document as unknown as AuthorizationServer;
}
