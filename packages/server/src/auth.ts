/** `@sallyport/server/auth`: ways of authentication for `serve` and `mount`. What a way needs is loaded when it is used. */

export { apiKey, type ApiKeyOptions } from './serving/auth/api-key.ts';
export { authentik, authentikProvider } from './serving/auth/authentik.ts';
export type { AuthentikOptions, AuthentikRegistration } from './serving/auth/authentik-options.ts';
export { bearer, type BearerAsked, type BearerHolder } from './serving/auth/bearer.ts';
export { dev, type DevOptions } from './serving/auth/dev.ts';
export { mtls } from './serving/auth/mtls.ts';
export { auth0, google, keycloak, microsoft, okta, type OidcProvider } from './serving/auth/presets.ts';
export { none, type AuthParts, type AuthProvider, type OpenAuth } from './serving/auth/provider.ts';
export { session, type BrowserAuth, type SessionAuthOptions } from './serving/auth/session.ts';
export {
  introspection,
  jwt,
  oidc,
  type IntrospectionSettings,
  type JwtSettings,
  type OidcSettings,
} from './serving/auth/tokens.ts';
export { createMemoryRecords } from './memory-records.ts';
export { createRecordKeys } from './serving/record-keys.ts';
