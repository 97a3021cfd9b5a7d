/**
 * OpenID providers that people have, as what is known of them: their issuer, where they write roles and groups, and which
 * signatures they use. An object of this kind is given to `oidc`, for access tokens, or to `session`, for people at browsers.
 */

import type { ClaimNames } from '../../auth/claims.ts';
import { badOption } from '../errors.ts';

export interface OidcProvider {
  /** What a button calls it. */
  readonly name: string;
  /** Exactly as its tokens have it. */
  readonly issuer: string;
  /** Of access tokens, besides the URL of this server. */
  readonly audience: readonly string[];
  readonly algorithms: readonly string[];
  readonly claims: ClaimNames;
  /** Its access tokens are for itself: it can sign people in, and nothing else. */
  readonly signInOnly?: true;
}

const RS256 = ['RS256'];

/** `audience`: the identifier of the API. Roles are the `permissions` of its RBAC unless another claim is named. */
export function auth0(options: {
  readonly domain: string;
  readonly audience: string;
  readonly rolesClaim?: string;
}): OidcProvider {
  const claims = { roles: options.rolesClaim ?? 'permissions', groups: 'groups' };
  return made('Auth0', `https://${host(options.domain)}/`, { audience: [options.audience], claims });
}

/** `server`: the authorization server, `default` unless said otherwise. */
export function okta(options: {
  readonly domain: string;
  readonly server?: string;
  readonly audience?: string;
}): OidcProvider {
  const { audience = 'api://default', domain, server = 'default' } = options;
  const claims = { roles: 'roles', groups: 'groups' };
  return made('Okta', `https://${host(domain)}/oauth2/${segment(server)}`, { audience: [audience], claims });
}

/** `url`: of the server, with its path where it has one. Roles are those of the realm. */
export function keycloak(options: {
  readonly url: string;
  readonly realm: string;
  readonly audience?: string;
}): OidcProvider {
  const { audience, realm, url } = options;
  const claims = { roles: 'realm_access.roles', groups: 'groups' };
  return made('Keycloak', `${base(url)}/realms/${segment(realm)}`, { audience: audience ? [audience] : [], claims });
}

/** Signs people in. Its access tokens are for Google alone. */
export function google(): OidcProvider {
  const claims = { roles: 'roles', groups: 'groups' };
  return { ...made('Google', 'https://accounts.google.com', { audience: [], claims }), signInOnly: true };
}

/** `tenant`: its id; `common` and the like name nobody. `audience`: the client id of the API, or its URI. */
export function microsoft(options: { readonly tenant: string; readonly audience: string }): OidcProvider {
  const { audience, tenant } = options;
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(tenant)) {
    throw badOption('microsoft: tenant', 'it must be the id of one tenant, because tokens name it as their issuer');
  }
  const claims = { roles: 'roles', groups: 'groups' };
  const issuer = `https://login.microsoftonline.com/${tenant.toLowerCase()}/v2.0`;
  return made('Microsoft', issuer, { audience: [audience], claims });
}

export function made(
  name: string,
  issuer: string,
  { audience, claims }: Pick<OidcProvider, 'audience' | 'claims'>,
): OidcProvider {
  return { name, issuer, audience, algorithms: RS256, claims };
}

function host(text: string): string {
  if (/^[a-z0-9][a-z0-9.-]*(?::\d{1,5})?$/i.test(text)) return text.toLowerCase();
  throw badOption('domain', `${JSON.stringify(text)} is no host name; leave out https:// and the path`);
}

/** One part of a path. */
export function segment(text: string): string {
  if (/^[\w.~-]+$/.test(text) && !/^\.+$/.test(text)) return text;
  throw badOption('issuer', `${JSON.stringify(text)} cannot stand in one`);
}

/** A URL without its last slash. */
export function base(text: string): string {
  const url = URL.parse(text);
  if (url === null || url.search !== '' || url.hash !== '') throw badOption('url', `${JSON.stringify(text)} is none`);
  return url.href.replace(/\/+$/, '');
}
