/**
 * The OpenID provider at which people sign in: where to send a browser, and who it is that came back (OpenID Connect
 * Core §3.1, OAuth 2.1 with PKCE, RFC 9207). Nothing is remembered but the provider's metadata and keys; which browser
 * began which sign-in, and that it is taken once, is known in sign-in.ts. Tokens are thrown away once they are verified; but for
 * the refresh token, which whoever asks gets, to learn later who the person is then (OpenID Connect Core §12).
 */

import { hash } from 'node:crypto';
import { isObject, type JsonObject } from '@sallyport/wire';
import * as oauth from 'oauth4webapi';
import type { Principal } from '../exchange.ts';
import { isLoopbackHost } from '../http/shield.ts';
import type { ClaimNames } from '../auth/claims.ts';
import { keepSubjectToken } from '../auth/subject-tokens.ts';
import { principalOf } from './claims.ts';
import { isSame } from './tokens.ts';

export interface ProviderOptions {
  /** What the button calls it. */
  readonly name: string;
  /** Exactly as its metadata and its tokens have it; https, or http on this machine. */
  readonly issuer: string;
  readonly clientId: string;
  /** Absent: a public client. */
  readonly clientSecret?: string;
  /** `openid` is always asked for. */
  readonly scopes: readonly string[];
  /** Of ID tokens; asymmetric ones. */
  readonly algorithms: readonly string[];
  readonly clockToleranceMs: number;
  readonly claims: ClaimNames;
  readonly fetch: typeof fetch;
  readonly now: () => number;
}

/** What is known of one sign-in on both of its ways. */
export interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
}

export interface Provider {
  readonly name: string;
  /** Where to send the browser. Throws {@link ProviderError}. */
  authorizationUrl(attempt: Attempt): Promise<URL>;
  /** Who came back with these parameters. Throws {@link ProviderError}; a token is asked for when they are in order. */
  redeem(parameters: URLSearchParams, attempt: Attempt): Promise<Principal>;
  /** The refresh token that came with somebody whom `redeem` gave; undefined: none did. */
  refreshTokenOf(principal: Principal): string | undefined;
  /** Who the person is now, whose subject is known. Throws {@link ProviderError}: `refused` when there is no telling any more. */
  renew(refreshToken: string, subject: string): Promise<Renewed>;
}

export interface Renewed {
  readonly principal: Principal;
  /** For the next time; it may be the same. */
  readonly refreshToken: string;
}

/** `unavailable`: it does not answer, or not as a provider should. The message is for the log. */
export class ProviderError extends Error {
  readonly kind: 'unavailable' | 'refused';

  constructor(kind: 'unavailable' | 'refused', detail: string) {
    super(detail);
    this.name = 'ProviderError';
    this.kind = kind;
  }
}

const TIMEOUT_MS = 10_000;
const METADATA_MS = 60 * 60_000;
const MAX_BYTES = 1024 * 1024;
const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const;
/** Asymmetric, each with the digest that belongs to it. */
const DIGESTS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['RS', 'PS', 'ES'].flatMap((family) => [256, 384, 512].map((n) => [`${family}${n}`, `sha${n}`])),
  ),
  EdDSA: 'sha512',
  Ed25519: 'sha512',
};

/** Throws on an issuer or an algorithm that cannot be trusted. */
export function createProvider(options: ProviderOptions): Provider {
  if (!isSafe(options.issuer)) {
    throw new TypeError(`The issuer ${options.issuer} must be an https URL; http is for this machine alone.`);
  }
  const weak = options.algorithms.find((each) => !Object.hasOwn(DIGESTS, each));
  if (weak !== undefined || options.algorithms.length === 0) {
    throw new TypeError(`${weak ?? 'No algorithm'} cannot prove who issued an ID token: use RS256, ES256 or EdDSA.`);
  }
  return new OpenIdProvider(options);
}

/** How all requests to the provider are made. */
interface Requests {
  readonly [oauth.customFetch]: (url: string, init: object) => Promise<Response>;
  readonly [oauth.allowInsecureRequests]: boolean;
  readonly signal: () => AbortSignal;
}

class OpenIdProvider implements Provider {
  readonly name: string;
  readonly #options: ProviderOptions;
  readonly #client: oauth.Client;
  readonly #requests: Requests;
  readonly #refreshTokens: WeakMap<Principal, string> = new WeakMap();
  #metadata: { readonly server: Promise<oauth.AuthorizationServer>; readonly readMs: number } | undefined;

  constructor(options: ProviderOptions) {
    this.name = options.name;
    this.#options = options;
    this.#client = { client_id: options.clientId, [oauth.clockTolerance]: options.clockToleranceMs / 1000 };
    this.#requests = {
      [oauth.customFetch]: (url, init) => fetchBounded(options.fetch, url, init),
      // Where it is allowed, each endpoint is checked when the metadata is read.
      [oauth.allowInsecureRequests]: options.issuer.startsWith('http:'),
      signal: () => AbortSignal.timeout(TIMEOUT_MS),
    };
  }

  async authorizationUrl({ state, nonce, verifier, redirectUri }: Attempt): Promise<URL> {
    const { authorization_endpoint: endpoint = '' } = await this.#server();
    const { clientId, scopes } = this.#options;
    const url = new URL(endpoint);
    const parameters = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: [...new Set(['openid', ...scopes])].join(' '),
      state,
      nonce,
      code_challenge: hash('sha256', verifier, 'base64url'),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  async redeem(parameters: URLSearchParams, attempt: Attempt): Promise<Principal> {
    const server = await this.#server();
    try {
      const checked = oauth.validateAuthResponse(server, this.#client, parameters, attempt.state);
      const answer = await oauth.authorizationCodeGrantRequest(
        server,
        this.#client,
        this.#clientAuthentication(server),
        checked,
        attempt.redirectUri,
        attempt.verifier,
        this.#requests,
      );
      if (answer.status >= 500) throw new ProviderError('unavailable', `its token endpoint answered ${answer.status}`);
      return await this.#verify(server, answer, attempt.nonce);
    } catch (error) {
      throw asProviderError(error);
    }
  }

  refreshTokenOf(principal: Principal): string | undefined {
    return this.#refreshTokens.get(principal);
  }

  async renew(refreshToken: string, subject: string): Promise<Renewed> {
    const server = await this.#server();
    try {
      const authentication = this.#clientAuthentication(server);
      const request = oauth.refreshTokenGrantRequest;
      const answer = await request(server, this.#client, authentication, refreshToken, this.#requests);
      if (answer.status >= 500) throw new ProviderError('unavailable', `its token endpoint answered ${answer.status}`);
      const tokens = await oauth.processRefreshTokenResponse(server, this.#client, answer);
      const claims =
        tokens.id_token === undefined
          ? await this.#userInfo(server, tokens.access_token, subject)
          : await this.#idTokenClaims(server, answer, tokens);
      const principal = this.#principalOf(claims);
      if (principal.subject !== subject) throw new ProviderError('refused', 'it speaks of somebody else now');
      return { principal, refreshToken: tokens.refresh_token ?? refreshToken };
    } catch (error) {
      throw asProviderError(error);
    }
  }

  async #verify(server: oauth.AuthorizationServer, answer: Response, nonce: string): Promise<Principal> {
    const expected = { expectedNonce: nonce, requireIdToken: true };
    const tokens = await oauth.processAuthorizationCodeResponse(server, this.#client, answer, expected);
    const claims = await this.#idTokenClaims(server, answer, tokens);
    const principal = this.#principalOf(claims);
    const { id_token: token = '', refresh_token: refreshToken } = tokens;
    keepSubjectToken(principal, { token, kind: 'id_token', expiresAtMs: Number(claims['exp']) * 1000 });
    if (refreshToken !== undefined) this.#refreshTokens.set(principal, refreshToken);
    return principal;
  }

  async #idTokenClaims(
    server: oauth.AuthorizationServer,
    answer: Response,
    tokens: oauth.TokenEndpointResponse,
  ): Promise<JsonObject> {
    await oauth.validateApplicationLevelSignature(server, answer, this.#requests);
    const claims = oauth.getValidatedIdTokenClaims(tokens) as JsonObject | undefined;
    if (claims === undefined) throw new ProviderError('refused', 'there is no ID token');
    checkAccessTokenHash(claims['at_hash'], tokens);
    return claims;
  }

  /** Where a refreshed ID token does not come (OpenID Connect Core §12.2). */
  async #userInfo(server: oauth.AuthorizationServer, accessToken: string, subject: string): Promise<JsonObject> {
    if (!isSafe(server.userinfo_endpoint ?? '', new URL(this.#options.issuer))) {
      throw new ProviderError('refused', 'it gives no ID token anew, and has no userinfo endpoint');
    }
    const answer = await oauth.userInfoRequest(server, this.#client, accessToken, this.#requests);
    if (answer.status >= 500) throw new ProviderError('unavailable', `its userinfo endpoint answered ${answer.status}`);
    const claims = await oauth.processUserInfoResponse(server, this.#client, subject, answer);
    return { ...(claims as JsonObject), iss: this.#options.issuer };
  }

  #principalOf(claims: JsonObject): Principal {
    const principal = principalOf(claims, this.#options.claims);
    if (principal === undefined) throw new ProviderError('refused', 'its ID token has no subject, or too much in it');
    return principal;
  }

  #clientAuthentication(server: oauth.AuthorizationServer): oauth.ClientAuth {
    const { clientSecret } = this.#options;
    if (clientSecret === undefined) return oauth.None();
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return methods.includes('client_secret_basic')
      ? oauth.ClientSecretBasic(clientSecret)
      : oauth.ClientSecretPost(clientSecret);
  }

  /** The metadata, read when it is first needed and then once an hour. What failed is tried again. */
  #server(): Promise<oauth.AuthorizationServer> {
    const nowMs = this.#options.now();
    if (this.#metadata !== undefined && nowMs - this.#metadata.readMs < METADATA_MS) return this.#metadata.server;
    const server = this.#discover();
    const metadata = { server, readMs: nowMs };
    this.#metadata = metadata;
    server.catch(() => {
      if (this.#metadata === metadata) this.#metadata = undefined;
    });
    return server;
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    const { algorithms, issuer } = this.#options;
    try {
      const url = new URL(issuer);
      const answer = await oauth.discoveryRequest(url, { ...this.#requests, algorithm: 'oidc' });
      const server = await oauth.processDiscoveryResponse(url, answer);
      if (server.issuer !== issuer) throw new TypeError(`it calls itself ${server.issuer}`);
      const stray = ENDPOINTS.find((name) => !isSafe(server[name] ?? '', new URL(issuer)));
      if (stray !== undefined) throw new TypeError(`its ${stray} is missing or not https`);
      return { ...server, id_token_signing_alg_values_supported: [...algorithms] };
    } catch (error) {
      throw new ProviderError('unavailable', describe(error));
    }
  }
}

/** https; http only on this machine, and only for who is there altogether. */
function isSafe(text: string, issuer?: URL): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return true;
  const isHere = (each: URL): boolean =>
    each.protocol === 'http:' && isLoopbackHost(each.hostname.replace(/^\[|\]$/g, ''));
  return isHere(url) && (issuer === undefined || isHere(issuer));
}

/** OpenID Connect Core §3.1.3.8: when it is there, the access token must be the one that came with it. */
function checkAccessTokenHash(expected: unknown, tokens: oauth.TokenEndpointResponse): void {
  if (expected === undefined) return;
  const [header = ''] = (tokens.id_token ?? '').split('.');
  const { alg }: { readonly alg?: string } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
  const whole = hash(DIGESTS[alg ?? ''] ?? 'sha256', tokens.access_token, 'buffer');
  const found = whole.subarray(0, whole.length / 2).toString('base64url');
  if (typeof expected !== 'string' || !isSame(found, expected)) {
    throw new ProviderError('refused', 'at_hash is not that of the access token');
  }
}

function asProviderError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const isAnswer =
    error instanceof oauth.OperationProcessingError ||
    error instanceof oauth.UnsupportedOperationError ||
    error instanceof oauth.AuthorizationResponseError ||
    error instanceof oauth.ResponseBodyError ||
    error instanceof oauth.WWWAuthenticateChallengeError;
  return new ProviderError(isAnswer ? 'refused' : 'unavailable', describe(error));
}

/** The library's own words and the code of an error of OAuth, never the provider's text. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  const code = 'error' in error && typeof error.error === 'string' && /^[a-z_]{1,64}$/.test(error.error);
  const cause = isObject(error.cause) && typeof error.cause['code'] === 'string' ? ` (${error.cause['code']})` : '';
  return code ? `${error.message}: ${String(error.error)}` : error.message + cause;
}

/** Answers of a provider are small. */
async function fetchBounded(send: typeof fetch, url: string, init: object): Promise<Response> {
  const answer = await send(url, init);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new TypeError('the answer is too large');
    chunks.push(chunk);
  }
  const body = [101, 204, 205, 304].includes(answer.status) ? null : Buffer.concat(chunks);
  const { headers, status } = answer;
  return new Response(body, { status, headers });
}
