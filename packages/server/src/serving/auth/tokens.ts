/**
 * Access tokens of authorization servers: JWTs with keys from wherever they are written, those of an OpenID provider, and
 * opaque ones that are looked up. What verifies them is loaded when one of them is used.
 */

import type { AccessTokenRules } from '../../auth/access-token.ts';
import type { ClaimNames } from '../../auth/claims.ts';
import type { Fetch } from '../../auth/fetch-json.ts';
import type { KeySet } from '../../auth/jwks.ts';
import { badOption, ServeError } from '../errors.ts';
import type { OidcProvider } from './presets.ts';
import type { AuthParts, AuthProvider } from './provider.ts';

interface TokenSettings {
  /** Exact. */
  readonly issuer: string;
  /** Audiences that are good besides the URL of this server. */
  readonly audience?: readonly string[];
  /** Dotted paths of the claims; `roles` and `groups`. */
  readonly claims?: Partial<ClaimNames>;
  /** That of the platform. */
  readonly fetch?: Fetch;
}

export interface JwtSettings extends TokenSettings {
  /** RS256. */
  readonly algorithms?: readonly string[];
  /** A minute. */
  readonly clockToleranceMs?: number;
  /** A URL of a key set, or one; absent, and without `publicKeys`: the issuer's metadata says where it is. */
  readonly jwks?: string | { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** PEM: public keys or certificates. */
  readonly publicKeys?: readonly string[];
}

export interface OidcSettings extends Pick<JwtSettings, 'clockToleranceMs' | 'fetch'> {
  /** What `auth0`, `okta`, `keycloak`, `microsoft` or `authentikProvider` gives, or as much of one's own. */
  readonly provider: OidcProvider;
}

export interface IntrospectionSettings extends TokenSettings {
  /** Absent: the issuer's metadata says where it is. */
  readonly endpoint?: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** For how long an answer is believed, at most. 30 s. */
  readonly cacheMs?: number;
}

const CLAIMS: ClaimNames = { roles: 'roles', groups: 'groups' };
const TOLERANCE_MS = 60_000;
const CACHE_MS = 30_000;

/** Signed with a public key; one with a shared secret is never accepted. */
export function jwt(settings: JwtSettings): AuthProvider {
  return {
    kind: 'jwt',
    open: async (parts) => {
      const { createJwtVerify } = await import('../../auth/jwt.ts');
      const { algorithms = ['RS256'], clockToleranceMs = TOLERANCE_MS, issuer } = settings;
      const prove = createJwtVerify({
        ...rulesOf(settings, parts),
        keys: await keysOf(settings, parts),
        algorithms,
        clockToleranceMs,
        claims: { ...CLAIMS, ...settings.claims },
        now: parts.now,
      });
      return { prove, authorizationServers: () => [issuer] };
    },
  };
}

/** The access tokens of an OpenID provider; an ID token is none. Throws a ServeError for a provider that only signs people in. */
export function oidc({ provider, ...settings }: OidcSettings): AuthProvider {
  const { algorithms, audience, claims, issuer, name, signInOnly } = provider;
  if (signInOnly === true) throw new ServeError('not_for_tokens', name);
  return { ...jwt({ ...settings, issuer, audience, algorithms, claims }), kind: 'oidc' };
}

/** Opaque tokens (RFC 7662). */
export function introspection(settings: IntrospectionSettings): AuthProvider {
  const { cacheMs = CACHE_MS, clientId, clientSecret, issuer } = settings;
  if (clientSecret === '') throw badOption('introspection: clientSecret', 'it is empty; is its variable set?');
  return {
    kind: 'introspection',
    open: async (parts) => {
      const { createIntrospectionVerify } = await import('../../auth/introspection.ts');
      const prove = createIntrospectionVerify({
        ...rulesOf(settings, parts),
        endpoint: await endpointOf(settings, parts),
        clientId,
        clientSecret,
        cacheMs,
        claims: { ...CLAIMS, ...settings.claims },
        isSlowedDown: (address) => parts.failures.waitMs(address) > 0,
        fetch: fetchOf(settings),
        now: parts.now,
      });
      return { prove, authorizationServers: () => [issuer] };
    },
  };
}

function rulesOf({ audience = [], issuer }: TokenSettings, { resources, scopes }: AuthParts): AccessTokenRules {
  return { issuer, audience, audiences: (path) => resources.audiences(path), scopes };
}

async function keysOf(settings: JwtSettings, parts: AuthParts): Promise<KeySet> {
  const { createRemoteKeySet, createStaticKeySet } = await import('../../auth/jwks.ts');
  const { issuer, jwks, publicKeys = [] } = settings;
  if (typeof jwks === 'object' || (jwks === undefined && publicKeys.length > 0)) {
    try {
      return createStaticKeySet({ publicKeys, ...(jwks !== undefined && { jwks }) });
    } catch (error) {
      throw new ServeError('bad_option', `jwt: ${(error as Error).message} It`, { cause: error });
    }
  }
  const find = jwks === undefined ? await discovered(settings, parts, 'jwks_uri') : () => Promise.resolve(jwks);
  return createRemoteKeySet({
    url: find,
    fetch: fetchOf(settings),
    now: parts.now,
    onFailure: (error) => parts.log('warn', 'an issuer of tokens does not give its keys', { issuer, error }),
  });
}

async function endpointOf(settings: IntrospectionSettings, parts: AuthParts): Promise<() => Promise<string>> {
  const { endpoint } = settings;
  return endpoint === undefined ? await discovered(settings, parts, 'introspection_endpoint') : async () => endpoint;
}

async function discovered(
  settings: TokenSettings,
  { log, now }: AuthParts,
  name: 'jwks_uri' | 'introspection_endpoint',
): Promise<() => Promise<string>> {
  const { createDiscovery } = await import('../../auth/oidc-discovery.ts');
  const { issuer } = settings;
  const onFailure = (error: unknown): void =>
    log('warn', 'an issuer of tokens does not give its metadata', { issuer, error });
  const discovery = createDiscovery({ issuer, fetch: fetchOf(settings), now, onFailure });
  return () => discovery.endpoint(name);
}

/** The issuer is the author's: whoever wrote it there trusts it. */
function fetchOf({ fetch: given }: TokenSettings): Fetch {
  return given ?? ((url, init) => fetch(url, init));
}
