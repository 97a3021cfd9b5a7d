/**
 * Where the browser comes back from an authorization server, so that the answer of one is not taken for that of another (mix-up;
 * RFC 9700 §4.4.2). One that names itself in its answers (RFC 9207) shares one redirect URI with all others; each other gets its
 * own, where we register ourselves. A client that was registered by hand has the shared one in any case.
 */

import { hash } from 'node:crypto';
import type { AuthorizationServer } from 'oauth4webapi';
import { AuthorizationError } from './error.ts';
import { shown } from './requests.ts';

/** Enough that no issuer can be chosen so that it has the name of another. */
const NAME_CHARACTERS = 32;

/** Of a client that we register. */
export function redirectUriFor(server: AuthorizationServer, shared: string): string {
  return namesItself(server) ? shared : `${shared}/${nameOf(server.issuer)}`;
}

/** The name below the shared URI at which answers to a client of this issuer come back; undefined: the shared one itself. */
export function wayBackOf(issuer: string, redirectUri: string): string | undefined {
  const name = nameOf(issuer);
  return redirectUri.endsWith(`/${name}`) ? name : undefined;
}

/**
 * Of a client that has the shared URI alone: a server that does not name itself must at least have a login page of its own.
 * Throws `unusable`.
 */
export function checkLoginPage(server: AuthorizationServer): void {
  const { authorization_endpoint: page = '', issuer } = server;
  if (namesItself(server) || URL.parse(page)?.origin === new URL(issuer).origin) return;
  const text = `${shown(issuer)} does not name itself in its answers (RFC 9207), and its login page is at another origin, ${shown(page)}: the answer of that one could not be told from its own. Where it registers clients by itself, leave oauth.clientId and oauth.clientMetadataUrl out.`;
  throw new AuthorizationError('unusable', text);
}

function namesItself(server: AuthorizationServer): boolean {
  return server.authorization_response_iss_parameter_supported === true;
}

function nameOf(issuer: string): string {
  return hash('sha256', issuer, 'hex').slice(0, NAME_CHARACTERS);
}
