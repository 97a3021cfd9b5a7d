/**
 * What an authorization server says of itself: OpenID Connect Discovery 1.0 §4 and RFC 8414 §3. It is read when it is first
 * needed, kept as `renewed.ts` says, and worth nothing unless it names the very issuer that was asked for, because whoever
 * can write it decides whose tokens are good (RFC 8414 §3.3).
 */

import type { AuthorizationServer } from 'oauth4webapi';
import { FETCH_TIMEOUT_MS, fetchJson, urlProblem, type Fetch } from './fetch-json.ts';
import { createRenewed } from './renewed.ts';
import type { JsonObject } from '@sallyport/wire';

export interface DiscoveryOptions {
  /** Exact. */
  readonly issuer: string;
  readonly fetch: Fetch;
  readonly timeoutMs?: number;
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Discovery {
  /** Undefined: the provider cannot be reached, or what it says is not to be used. Never rejects. */
  metadata(): Promise<AuthorizationServer | undefined>;
  /** The URL of one of its endpoints. Rejects with an error for the log while it is not known. */
  endpoint(name: EndpointName): Promise<string>;
}

const ENDPOINTS = [
  'authorization_endpoint',
  'token_endpoint',
  'jwks_uri',
  'introspection_endpoint',
  'revocation_endpoint',
  'userinfo_endpoint',
  'end_session_endpoint',
] as const;
export type EndpointName = (typeof ENDPOINTS)[number];

const FRESH_MS = 60 * 60_000;
const STALE_MS = 24 * 60 * 60_000;
const INTERVAL_MS = 30_000;

/** Throws an Error for a person when the issuer cannot be one. */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { issuer, now, onFailure } = options;
  const problem = urlProblem(issuer) ?? (/[?#]/.test(issuer) ? 'it must have no query and no fragment' : undefined);
  if (problem !== undefined) throw new Error(`The issuer ${issuer} cannot be one: ${problem}.`);
  const document = createRenewed<AuthorizationServer>({
    load: async () => await discover(options),
    freshMs: FRESH_MS,
    staleMs: STALE_MS,
    intervalMs: INTERVAL_MS,
    onFailure,
    now,
  });
  const metadata = async (): Promise<AuthorizationServer | undefined> => document.current() ?? (await document.renew());
  return {
    metadata,
    endpoint: async (name) => {
      const known = await metadata();
      if (known === undefined) throw new Error(`${issuer}: its metadata is not known`);
      const url = known[name];
      if (url === undefined) throw new Error(`${issuer}: its metadata has no ${name}`);
      return url;
    },
  };
}

/** The forms of OpenID Connect and of RFC 8414; where the issuer has no path, the last two are the first two. */
function wellKnown(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    ...new Set([
      `${origin}${path}/.well-known/openid-configuration`,
      `${origin}/.well-known/oauth-authorization-server${path}`,
      `${origin}/.well-known/openid-configuration${path}`,
    ]),
  ];
}

async function discover({
  fetch,
  issuer,
  timeoutMs = FETCH_TIMEOUT_MS,
}: DiscoveryOptions): Promise<AuthorizationServer> {
  const reasons: string[] = [];
  for (const url of wellKnown(issuer)) {
    try {
      return checked(await fetchJson(url, { fetch, timeoutMs }), issuer, url);
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`the issuer ${issuer} could not be discovered: ${reasons.join('; ')}`);
}

function checked(document: JsonObject, issuer: string, url: string): AuthorizationServer {
  if (document['issuer'] !== issuer) throw new Error(`${url}: it names another issuer`);
  for (const name of ENDPOINTS) {
    const endpoint = document[name];
    if (endpoint === undefined) continue;
    const problem = typeof endpoint === 'string' ? urlProblem(endpoint) : 'it is no text';
    if (problem !== undefined) throw new Error(`${url}: its ${name} is not to be used: ${problem}`);
  }
  return document as unknown as AuthorizationServer;
}
