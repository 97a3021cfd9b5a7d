/**
 * Asking for tokens (RFC 6749 §3.2, OAuth 2.1 §3.2, RFC 8707 §2.2) and giving them back (RFC 7009). It stores nothing.
 */

import * as oauth from 'oauth4webapi';
import { clientAuthentication, type ClientCredentials } from './client-authentication.ts';
import { AuthorizationError } from './error.ts';
import { answerOf, errorCode, REQUEST_TIMEOUT_MS, shown, type Answer, type Requests } from './requests.ts';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** Of the access token; absent: nobody knows. */
  readonly lifetimeMs?: number;
  /** What was granted; absent: what was asked for. */
  readonly scope?: string;
}

/** The server answered and gave no token. */
export class TokenRefused extends AuthorizationError {
  /** The `error` of RFC 6749 §5.2; undefined: it is none that could be read. */
  readonly code: string | undefined;

  constructor(problem: 'unavailable' | 'refused', message: string, code: string | undefined) {
    super(problem, message);
    this.name = 'TokenRefused';
    this.code = code;
  }
}

/** The request was sent, and no answer came: the server may have acted on it. */
export class AnswerLost extends AuthorizationError {
  constructor(cause: AuthorizationError) {
    super('unavailable', cause.message, { cause });
    this.name = 'AnswerLost';
  }
}

/** The grant type of RFC 8628 §3.4. */
export const DEVICE_CODE: string = 'urn:ietf:params:oauth:grant-type:device_code';

export interface TokenEndpoint {
  readonly server: oauth.AuthorizationServer;
  readonly client: ClientCredentials;
  readonly requests: Requests;
}

/** Throws {@link TokenRefused} or {@link AnswerLost}; `unusable` when the client cannot prove itself. */
export async function askForTokens(
  endpoint: TokenEndpoint,
  grantType: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Tokens> {
  return readTokens(endpoint.server.token_endpoint ?? '', await ask(endpoint, grantType, parameters));
}

/** A token that is shown to another authorization server, and to no resource (RFC 8693 §2.2.1). Throws as the other does. */
export async function askForAssertion(
  endpoint: TokenEndpoint,
  grantType: string,
  parameters: Readonly<Record<string, string>>,
): Promise<string> {
  const url = endpoint.server.token_endpoint ?? '';
  const answer = await ask(endpoint, grantType, parameters);
  if (answer.status !== 200) throw refusal(url, answer);
  const { access_token: token, issued_token_type: type } = answer.body ?? {};
  if (isToken(token) && type === parameters['requested_token_type']) return token;
  throw new TokenRefused(
    'refused',
    `${shown(url)} answered without a token of the type that was asked for.`,
    undefined,
  );
}

async function ask(
  { client, requests, server }: TokenEndpoint,
  grantType: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Answer> {
  const authentication = clientAuthentication(client, server);
  const of = { client_id: client.id };
  const send = (): Promise<Response> =>
    oauth.genericTokenEndpointRequest(server, of, authentication, grantType, parameters, sending(requests));
  return await answerOf(server.token_endpoint ?? '', send).catch((error: AuthorizationError) =>
    Promise.reject(new AnswerLost(error)),
  );
}

/** RFC 8628 §3.1. Any answer that came whole; throws `unavailable` when none did. */
export async function askForDeviceCode(
  { client, requests, server }: TokenEndpoint,
  parameters: Readonly<Record<string, string>>,
): Promise<Answer> {
  const authentication = clientAuthentication(client, server);
  const of = { client_id: client.id };
  return await answerOf(server.device_authorization_endpoint ?? '', () =>
    oauth.deviceAuthorizationRequest(server, of, authentication, parameters, sending(requests)),
  );
}

/** True: the server took note. False: it has no such endpoint, or could not be told. */
export async function revoke(endpoint: TokenEndpoint, token: string, hint: string): Promise<boolean> {
  const { server, client } = endpoint;
  if (server.revocation_endpoint === undefined) return false;
  const authentication = clientAuthentication(client, server);
  const options = { ...sending(endpoint.requests), additionalParameters: { token_type_hint: hint } };
  const send = (): Promise<Response> =>
    oauth.revocationRequest(server, { client_id: client.id }, authentication, token, options);
  const answer = await answerOf(server.revocation_endpoint, send).catch(() => undefined);
  return answer?.status === 200;
}

function sending(requests: Requests): oauth.TokenEndpointRequestOptions {
  return {
    [oauth.customFetch]: (url, init) => requests.fetch(url, init),
    // Each endpoint was checked when the metadata was read.
    [oauth.allowInsecureRequests]: requests.allowLoopbackHttp,
    signal: () => requests.timeout(REQUEST_TIMEOUT_MS),
  };
}

function readTokens(url: string, answer: Answer): Tokens {
  const { body, status } = answer;
  if (status !== 200 || body === undefined) throw refusal(url, answer);
  const { access_token: token, token_type: type, refresh_token: refresh, scope } = body as Partial<TokenBody>;
  const expiresIn = Number(body['expires_in']);
  if (!isToken(token) || typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    throw new TokenRefused('refused', `${shown(url)} answered without a bearer token.`, undefined);
  }
  return {
    accessToken: token,
    ...(isToken(refresh) && { refreshToken: refresh }),
    ...(expiresIn > 0 && Number.isFinite(expiresIn) && { lifetimeMs: expiresIn * 1000 }),
    ...(typeof scope === 'string' && { scope }),
  };
}

interface TokenBody {
  readonly access_token: unknown;
  readonly token_type: unknown;
  readonly refresh_token: unknown;
  readonly scope: unknown;
}

/** What can stand in a header (RFC 6749 appendix A.12: printable, and here also without spaces). */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7E]{1,65536}$/.test(value);
}

function refusal(url: string, answer: Answer): TokenRefused {
  const code = errorCode(answer);
  const mayPass = answer.status >= 500 || answer.status === 429;
  const text = `${shown(url)} answered ${answer.status} ${code ?? 'without an error code'}.`;
  return new TokenRefused(mayPass ? 'unavailable' : 'refused', text, code);
}
