/**
 * What the authorization server says of itself (RFC 8414 §2; RFC 9207 §3; MCP 2026-07-28, authorization, "Authorization
 * Server Metadata Discovery"), and where its endpoints are.
 */

import type { JsonObject } from '@sallyport/wire';
import { AUTH_METHODS, GRANT_TYPES } from './client-metadata.ts';

export const METADATA_PATH = '/.well-known/oauth-authorization-server';
/** We are no OpenID provider: clients that look for one first get a clean no. */
export const OPENID_PATH = '/.well-known/openid-configuration';
export const AUTHORIZE_PATH = '/oauth/authorize';
export const TOKEN_PATH = '/oauth/token';
export const REVOKE_PATH = '/oauth/revoke';
export const REGISTER_PATH = '/oauth/register';

export interface ServerMetadataFacts {
  /** Scheme, host and port, without a slash at the end. */
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly registration: boolean;
  readonly documents: boolean;
}

export function serverMetadata({ documents, issuer, registration, scopes }: ServerMetadataFacts): JsonObject {
  return {
    issuer,
    authorization_endpoint: `${issuer}${AUTHORIZE_PATH}`,
    token_endpoint: `${issuer}${TOKEN_PATH}`,
    ...(registration && { registration_endpoint: `${issuer}${REGISTER_PATH}` }),
    revocation_endpoint: `${issuer}${REVOKE_PATH}`,
    // A list of nothing is left out (§3.2).
    ...(scopes.length > 0 && { scopes_supported: [...scopes] }),
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [...GRANT_TYPES],
    token_endpoint_auth_methods_supported: [...AUTH_METHODS],
    revocation_endpoint_auth_methods_supported: [...AUTH_METHODS],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: documents,
  };
}
