/** The words of `mcpServers.<name>.oauth`. Types only. */

/** How the gateway comes by an access token for a remote server (MCP authorization). */
export type OAuthConfig = {
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** PKCS #8 in PEM, or a JWK. */
  readonly privateKey?: string;
  /** Where the Client ID Metadata Document of this gateway is published. */
  readonly clientMetadataUrl?: string;
  /** Always asked for; empty: what the server says. */
  readonly scopes: readonly string[];
  readonly grant: 'authorization_code' | 'client_credentials' | 'token_exchange' | 'identity_assertion';
  /** With the last two, where the tokens of callers are exchanged. */
  readonly exchange?: ExchangeConfig;
  /** Whose token is sent: the caller's own, or one for all. */
  readonly per: 'principal' | 'gateway';
  readonly allowLoopbackHttp: boolean;
};

/** Of callers' tokens (RFC 8693). */
export type ExchangeConfig = {
  /** Absent: what the issuer of `auth.oidc` names. */
  readonly tokenEndpoint?: string;
  /** Who we are there. Absent: with `tokenEndpoint` who we are at the authorization server, else who we are for `auth.oidc`. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** PKCS #8 in PEM, or a JWK. */
  readonly privateKey?: string;
  /** Named besides the resource. */
  readonly audience?: string;
  /** As what the token of a caller is shown there (RFC 8693 §3). */
  readonly subjectTokenType: 'access_token' | 'jwt' | 'id_token';
};
