/**
 * `@sallyport/server/tokens`: access tokens of authorization servers as ways of proving who one is. Apart from the root entry,
 * because it loads a library for signatures that who has only keys does not need.
 */

export type { AccessTokenRules } from './auth/access-token.ts';
export type { ClaimNames } from './auth/claims.ts';
export type { Fetch } from './auth/fetch-json.ts';
export { createIntrospectionVerify, type IntrospectionOptions } from './auth/introspection.ts';
export {
  createRemoteKeySet,
  createStaticKeySet,
  type KeyHint,
  type Keys,
  type KeySet,
  type RemoteKeysOptions,
  type StaticKeysOptions,
} from './auth/jwks.ts';
export { createJwtVerify, type JwtVerifyOptions } from './auth/jwt.ts';
export { createDiscovery, type Discovery, type DiscoveryOptions, type EndpointName } from './auth/oidc-discovery.ts';
export type { Renewed } from './auth/renewed.ts';
