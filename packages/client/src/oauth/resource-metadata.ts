/**
 * Where a protected resource says who grants access to it (RFC 9728): the document that its challenge names, else that of its
 * path, else that of its host. The document must be about the very resource that is used, or somebody else's tokens would
 * be fetched for it.
 */

import type { JsonObject } from '@sallyport/wire';
import { AuthorizationError } from './error.ts';
import { checkUrl, getJson, shown, type Requests } from './requests.ts';
import { cleaned } from './scopes.ts';

export interface ProtectedResource {
  /** As it wrote it: the value of the `resource` parameter (RFC 8707). */
  readonly resource: string;
  /** Issuers, in its order; at least one. */
  readonly authorizationServers: readonly string[];
  readonly scopesSupported?: readonly string[];
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const MAX_SERVERS = 8;

/** Throws `unavailable` or `unusable`. `named`: the `resource_metadata` of the challenge; where there is one, nothing else is looked at. */
export async function discoverResource(
  serverUrl: string,
  named: string | undefined,
  requests: Requests,
): Promise<ProtectedResource> {
  // However its metadata are secured: what is granted is sent to it.
  checkUrl('A token for', serverUrl, requests);
  const { origin, pathname } = new URL(serverUrl);
  const path = pathname.replace(/\/$/, '');
  const places = named === undefined ? [...new Set([`${origin}${WELL_KNOWN}${path}`, origin + WELL_KNOWN])] : [named];
  const failures: AuthorizationError[] = [];
  for (const place of places) {
    const document = await getJson(place, requests).catch((error: unknown) => failures.push(asProblem(error)));
    if (typeof document === 'object') return read(document, place, serverUrl);
  }
  throw joined(`The metadata of the protected resource ${shown(serverUrl)} could not be read`, failures);
}

/** One error of several. */
export function joined(what: string, failures: readonly AuthorizationError[]): AuthorizationError {
  const passing = failures.some((failure) => failure.problem === 'unavailable');
  const reasons = failures.map((failure) => failure.message).join(' ');
  return new AuthorizationError(passing ? 'unavailable' : 'unusable', `${what}. ${reasons}`);
}

export function asProblem(error: unknown): AuthorizationError {
  if (error instanceof AuthorizationError) return error;
  throw error;
}

function read(document: JsonObject, place: string, serverUrl: string): ProtectedResource {
  const resource = document['resource'];
  const servers = document['authorization_servers'];
  const scopes = document['scopes_supported'];
  if (typeof resource !== 'string' || !isAbout(resource, serverUrl, place)) {
    const other = typeof resource === 'string' ? shown(resource) : 'no resource';
    throw new AuthorizationError('unusable', `${shown(place)} is about ${other}, not about ${shown(serverUrl)}.`);
  }
  const issuers = (Array.isArray(servers) ? servers : []).filter((each) => typeof each === 'string');
  if (issuers.length === 0) {
    throw new AuthorizationError('unusable', `${shown(place)} names no authorization server.`);
  }
  return {
    resource,
    authorizationServers: issuers.slice(0, MAX_SERVERS),
    ...(Array.isArray(scopes) && { scopesSupported: cleaned(scopes) }),
  };
}

/**
 * The same URL, but for a slash at the end. The document at the root of the host may speak for all that is below the
 * resource it names: who can write there owns the host. One tenant's document must not.
 */
function isAbout(resource: string, serverUrl: string, place: string): boolean {
  const named = URL.parse(resource);
  const used = new URL(serverUrl);
  if (named === null || named.hash !== '' || named.origin !== used.origin) return false;
  const [short, long] = [named.pathname.replace(/\/$/, ''), used.pathname.replace(/\/$/, '')];
  if (short === long && named.search === used.search) return true;
  return place === used.origin + WELL_KNOWN && named.search === '' && `${long}/`.startsWith(`${short}/`);
}
