/** Getting access to protected MCP servers. Apart from the package's main entry, so that who needs none does not load it. */

export {
  createUpstreamAuthorization,
  type GrantFacts,
  type Refusal,
  type UpstreamAuthorization,
  type UpstreamAuthorizationOptions,
} from './oauth/authorization.ts';
export {
  createClientCredentials,
  type ClientCredentialsOptions,
  type ClientCredentialsTokens,
} from './oauth/client-credentials.ts';
export { AuthorizationError, type AuthorizationProblem } from './oauth/error.ts';
export type { DeviceLogin } from './oauth/device.ts';
export type { ExchangeOptions, SubjectToken } from './oauth/exchange.ts';
export type { GrantType } from './oauth/grant.ts';
export { ownerOfLogin, type GrantOwner, type LoginNeeded } from './oauth/login.ts';
export type { ClientOptions } from './oauth/registration.ts';
export type { Fetch } from './oauth/requests.ts';
export { revokeGrants, type RevocationOptions, type RevokedGrant } from './oauth/revocation.ts';
export type { OAuthRecords, Sealing } from './oauth/vault.ts';
