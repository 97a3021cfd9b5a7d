/**
 * Access tokens of authorization servers, as the configuration names them: JWTs with keys from wherever they are written,
 * those of an OpenID provider, and opaque ones that are looked up. Loaded only where one of them is configured.
 */

import { readSecretFile } from '@sallyport/host';
import type { FailureLimit, ProtectedResources, Prove } from '@sallyport/server';
import {
  createDiscovery,
  createIntrospectionVerify,
  createJwtVerify,
  createRemoteKeySet,
  createStaticKeySet,
  type AccessTokenRules,
  type Discovery,
  type Fetch,
  type KeySet,
} from '@sallyport/server/tokens';
import type { Config } from '../config/index.ts';
import type { Log } from '../telemetry/index.ts';

export interface TokenParts {
  readonly config: Config;
  readonly failures: FailureLimit;
  readonly resources: ProtectedResources;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The ways of each mode that is configured. */
export type TokenWays = Readonly<Partial<Record<'jwt' | 'oidc' | 'introspection', readonly Prove[]>>>;

type Auth = Config['auth'];

export async function createTokenWays(parts: TokenParts): Promise<TokenWays> {
  const { introspection, jwt, modes, oidc } = parts.config.auth;
  return {
    ...(jwt && modes.includes('jwt') && { jwt: [await jwtWay(jwt, parts)] }),
    ...(oidc && modes.includes('oidc') && { oidc: [oidcWay(oidc, parts)] }),
    ...(introspection &&
      modes.includes('introspection') && { introspection: [introspectionWay(introspection, parts)] }),
  };
}

async function jwtWay(jwt: NonNullable<Auth['jwt']>, parts: TokenParts): Promise<Prove> {
  return createJwtVerify({ ...jwt, ...rulesOf(jwt, parts), keys: await keysOf(jwt, parts), now: parts.now });
}

async function keysOf({ issuer, jwks, publicKeys }: NonNullable<Auth['jwt']>, parts: TokenParts): Promise<KeySet> {
  if (typeof jwks === 'string') return remoteKeys(issuer, () => Promise.resolve(jwks), parts);
  if (jwks === undefined && publicKeys.length === 0) {
    const discovery = discoveryOf(issuer, parts);
    return remoteKeys(issuer, () => discovery.endpoint('jwks_uri'), parts);
  }
  // Whoever may write one of them signs as whom he likes.
  const texts = await Promise.all(publicKeys.map(async (path) => (await readSecretFile(path)).toString('utf8')));
  return createStaticKeySet({ publicKeys: texts, ...(jwks !== undefined && { jwks }) });
}

/** An access token of the provider, not the ID token that a sign-in gives. */
function oidcWay(oidc: NonNullable<Auth['oidc']>, parts: TokenParts): Prove {
  const discovery = discoveryOf(oidc.issuer, parts);
  const keys = remoteKeys(oidc.issuer, () => discovery.endpoint('jwks_uri'), parts);
  return createJwtVerify({ ...oidc, ...rulesOf(oidc, parts), keys, now: parts.now });
}

function introspectionWay(introspection: NonNullable<Auth['introspection']>, parts: TokenParts): Prove {
  const { endpoint, issuer } = introspection;
  const discovery = endpoint === undefined ? discoveryOf(issuer, parts) : undefined;
  return createIntrospectionVerify({
    ...introspection,
    ...rulesOf(introspection, parts),
    endpoint: async () => endpoint ?? (await (discovery as Discovery).endpoint('introspection_endpoint')),
    isSlowedDown: (address) => parts.failures.waitMs(address) > 0,
    fetch: fetchOf,
    now: parts.now,
  });
}

interface Issued {
  readonly issuer: string;
  readonly audience: readonly string[];
}

function rulesOf({ audience, issuer }: Issued, { config, resources }: TokenParts): AccessTokenRules {
  return { issuer, audience, audiences: (path) => resources.audiences(path), scopes: config.auth.scopes };
}

function discoveryOf(issuer: string, { log, now }: TokenParts): Discovery {
  return createDiscovery({ issuer, fetch: fetchOf, now, onFailure: failure(log, issuer, 'its metadata') });
}

function remoteKeys(issuer: string, url: () => Promise<string>, { log, now }: TokenParts): KeySet {
  return createRemoteKeySet({ url, fetch: fetchOf, now, onFailure: failure(log, issuer, 'its keys') });
}

function failure(log: Log, issuer: string, what: string): (error: unknown) => void {
  return (error) => log('warn', `an issuer of tokens does not give ${what}`, { issuer, error: String(error) });
}

/** The issuer stands in the configuration: whoever wrote it there trusts it. */
const fetchOf: Fetch = (url, init) => fetch(url, init);
