/** Who may call, by the configuration, as types.ts describes its values. */

/** TLS of our own listener. */
export type TlsConfig = {
  /** PEM files: the certificate chain and its private key. */
  readonly cert: string;
  readonly key: string;
  /** PEM file of the authorities whose client certificates are accepted; without one none is asked for. */
  readonly clientCa?: string;
  /** PEM file of their revocation lists. */
  readonly crl?: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly cipherSuites: readonly string[];
};

/** How clients may prove who they are. */
export type AuthMode = 'none' | 'key' | 'jwt' | 'oidc' | 'introspection' | 'mtls';

/** A client key written in the file: `key` itself, or `hash` (bcrypt) of any text. */
export type ConfiguredKey = {
  readonly name: string;
  readonly key?: string;
  readonly hash?: string;
  readonly roles: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresMs?: number;
};

/** Where roles and groups stand in a token: dotted paths into its claims. */
export type ClaimNames = { readonly roles: string; readonly groups: string };

export type JwtConfig = {
  /** Exact, as the `iss` claim has it. */
  readonly issuer: string;
  /** Accepted besides the URL of the path that is asked for (RFC 8707). */
  readonly audience: readonly string[];
  /** The URL of a key set, or the set itself. Absent: `publicKeys`, or what discovery of the issuer says. */
  readonly jwks?: string | { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** PEM files. */
  readonly publicKeys: readonly string[];
  readonly algorithms: readonly string[];
  readonly clockToleranceMs: number;
  readonly claims: ClaimNames;
};

/** An OpenID provider: people sign in there, and with `auth.mode: oidc` its access tokens are accepted. */
export type OidcConfig = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly scopes: readonly string[];
  /** Accepted besides the URL of the path that is asked for. */
  readonly audience: readonly string[];
  readonly algorithms: readonly string[];
  readonly clockToleranceMs: number;
  readonly claims: ClaimNames;
};

/** Opaque tokens of an authorization server (RFC 7662). */
export type IntrospectionConfig = {
  readonly issuer: string;
  /** The introspection endpoint. Absent: what discovery of the issuer says. */
  readonly endpoint?: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly audience: readonly string[];
  /** For how long an answer is believed. */
  readonly cacheMs: number;
  readonly claims: ClaimNames;
};

/** Our own authorization server: clients get their tokens here, people sign in at the provider of `auth.oidc`. */
export type AuthServerConfig = {
  /** Registration without a credential (RFC 7591). */
  readonly registration: boolean;
  /** Client ID Metadata Documents. */
  readonly clientIdMetadata: boolean;
  readonly accessTokenMs: number;
  readonly refreshTokenMs: number;
};

export type AuthConfig = {
  /** In the order in which they are tried; `none` stands alone. */
  readonly modes: readonly AuthMode[];
  readonly keys: readonly ConfiguredKey[];
  /** OAuth scopes that every token needs. */
  readonly scopes: readonly string[];
  readonly jwt?: JwtConfig;
  readonly oidc?: OidcConfig;
  readonly introspection?: IntrospectionConfig;
  readonly server?: AuthServerConfig;
  /** Sessions of browsers. */
  readonly browser: { readonly idleMs: number; readonly absoluteMs: number; readonly rotateMs: number };
};
