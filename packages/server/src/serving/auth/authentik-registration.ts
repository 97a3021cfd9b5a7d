/**
 * Registration of clients at Authentik (RFC 7591), and the metadata in which clients find it (RFC 8414). A client becomes a
 * provider and an application there, made by its API; when the second fails the first is taken back. Nothing that Authentik
 * says goes to the client but the new client's own id and secret.
 */

import { hash, timingSafeEqual } from 'node:crypto';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { bearerOf } from '../../auth/bearer.ts';
import { createFailureLimit } from '../../auth/failures.ts';
import { urlProblem, type Fetch } from '../../auth/fetch-json.ts';
import { MetadataError, readClientMetadata, type ClientMetadata } from '../../authorization-server/client-metadata.ts';
import { jsonEndpoint, readJson, type JsonAnswer } from '../../authorization-server/http.ts';
import { OAuthError } from '../../authorization-server/oauth-error.ts';
import { tooMany } from '../../authorization-server/token-endpoint.ts';
import type { Handler } from '../../browser/types.ts';
import type { PublicRoute } from '../../http/arrival.ts';
import { createMemoryRecords } from '../../memory-records.ts';
import type { AuthentikOptions, AuthentikRegistration } from './authentik-options.ts';
import { base } from './presets.ts';
import type { AuthParts } from './provider.ts';

const REGISTER_PATH = '/oauth/register';
const METADATA_PATH = '/.well-known/oauth-authorization-server';
const MAX_BODY_BYTES = 64 * 1024;
const MAX_ANSWER_BYTES = 256 * 1024;
const TIMEOUT_MS = 10_000;
const PER_MINUTE = 5;
const MAX_CLIENTS = 200;

interface Options extends Pick<AuthentikOptions, 'fetch' | 'slug' | 'url'> {
  readonly registration: AuthentikRegistration;
  /** Client ids that are good as audiences; those of new clients are added. */
  readonly audience: string[];
  /** Of the application itself, with its last slash. */
  readonly issuer: string;
  readonly parts: AuthParts;
}

export async function openRegistration(options: Options): Promise<{ route(path: string): PublicRoute | undefined }> {
  const { audience, parts, registration } = options;
  const { records = createMemoryRecords(parts.now), perMinute = PER_MINUTE } = registration;
  const known = await records.list();
  audience.push(...known.map(({ key }) => key));
  const attempts = createFailureLimit(perMinute, parts.now);
  const tokens = registration.initialAccessTokens.map((token) => hash('sha256', token, 'buffer'));
  const report = (request: Parameters<Handler>[0], event: { readonly kind: string; readonly detail?: string }): void =>
    parts.log('info', `registration: ${event.kind}`, { address: parts.addressOf(request), detail: event.detail });
  let waiting = Promise.resolve();

  const enter = async (metadata: ClientMetadata): Promise<JsonAnswer> => {
    const { maxClients = MAX_CLIENTS } = registration;
    if (audience.length > maxClients)
      throw new OAuthError('invalid_client_metadata', 'There is no room for more clients.');
    const client = await registerAt(options, metadata);
    await records.put(client.id, { name: metadata.client_name ?? '', createdMs: parts.now() });
    audience.push(client.id);
    return { status: 201, body: answerOf(client, metadata, parts.now()) };
  };

  const register = jsonEndpoint('POST', report, async (request, response) => {
    const address = parts.addressOf(request);
    const waitMs = attempts.failed(address);
    if (waitMs > 0) throw tooMany(waitMs);
    if (!isKnown(bearerOf(request.headers.authorization), tokens)) {
      parts.failures.failed(address);
      throw new OAuthError('invalid_token', 'An initial access token is needed.', {
        status: 401,
        headers: { 'www-authenticate': 'Bearer realm="registration"' },
      });
    }
    const document = await readJson(request, response, MAX_BODY_BYTES);
    if (document === undefined) throw new OAuthError('invalid_client_metadata', 'The body is a small JSON object.');
    const metadata = checked(document);
    // One after another: the number of clients is counted before one is added.
    const turn = waiting.then(() => enter(metadata));
    waiting = turn.then(
      () => undefined,
      () => undefined,
    );
    return await turn;
  });
  const metadata = jsonEndpoint('GET', report, () => ({ body: serverMetadata(options) }));
  return {
    route: (path) => {
      const handler = path === REGISTER_PATH ? register : path === METADATA_PATH ? metadata : undefined;
      return handler && { hostExempt: false, handle: (request, response) => handler(request, response) };
    },
  };
}

/** All are compared, whichever fits. */
function isKnown(token: string | undefined, known: readonly Buffer[]): boolean {
  if (token === undefined) return false;
  const digest = hash('sha256', token, 'buffer');
  return known.map((each) => timingSafeEqual(each, digest)).includes(true);
}

function checked(document: JsonObject): ClientMetadata {
  try {
    return readClientMetadata(document, {
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      authMethod: 'none',
    });
  } catch (error) {
    throw error instanceof MetadataError ? new OAuthError(error.code, error.message) : error;
  }
}

interface RegisteredClient {
  readonly id: string;
  readonly secret: string | undefined;
}

async function registerAt(options: Options, metadata: ClientMetadata): Promise<RegisteredClient> {
  const { parts, registration } = options;
  const slug = `mcp-${parts.random(12).toString('hex')}`;
  const isPublic = metadata.token_endpoint_auth_method === 'none';
  const provider = await ask(options, 'POST', 'providers/oauth2/', {
    name: slug,
    authorization_flow: registration.authorizationFlow,
    invalidation_flow: registration.invalidationFlow,
    client_type: isPublic ? 'public' : 'confidential',
    redirect_uris: metadata.redirect_uris.map((url) => ({ matching_mode: 'strict', url })),
    signing_key: registration.signingKey,
    property_mappings: [...(registration.propertyMappings ?? [])],
    sub_mode: 'hashed_user_id',
    issuer_mode: 'global',
  });
  const { client_id: id, client_secret: secret, pk } = provider;
  if (typeof id !== 'string' || typeof pk !== 'number') throw new Error('Authentik did not say what it has made.');
  try {
    await ask(options, 'POST', 'core/applications/', { name: metadata.client_name ?? slug, slug, provider: pk });
  } catch (error) {
    await ask(options, 'DELETE', `providers/oauth2/${pk}/`).catch((failure: unknown) =>
      parts.log('error', 'a provider at Authentik could not be taken back', { provider: pk, error: failure }),
    );
    throw error;
  }
  return { id, secret: isPublic || typeof secret !== 'string' ? undefined : secret };
}

/** Asks Authentik's API. Rejects with an error for the log, in which nothing of the answer stands. */
async function ask(
  { fetch: given, registration, url }: Options,
  method: 'DELETE' | 'POST',
  path: string,
  body?: JsonObject,
): Promise<JsonObject> {
  const address = `${base(url)}/api/v3/${path}`;
  const problem = urlProblem(address);
  if (problem !== undefined) throw new Error(`${address}: ${problem}`);
  const send: Fetch = given ?? ((...asked) => fetch(...asked));
  const answer = await send(address, {
    method,
    // The token is for this address and for none that it may name.
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${registration.apiToken}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) {
    await answer.body?.cancel();
    throw new Error(`${address}: it answered with status ${answer.status}`);
  }
  const text = await answer.text();
  if (text.length > MAX_ANSWER_BYTES) throw new Error(`${address}: its answer is too large`);
  const value = text === '' ? {} : (JSON.parse(text) as JsonValue);
  return isObject(value) ? value : {};
}

function answerOf({ id, secret }: RegisteredClient, metadata: ClientMetadata, nowMs: number): object {
  return {
    client_id: id,
    client_id_issued_at: Math.floor(nowMs / 1000),
    ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
    ...metadata,
  };
}

/** Authentik's own endpoints, and ours for what it lacks. */
function serverMetadata({ issuer, parts, url }: Options): object {
  const [own = ''] = parts.bases();
  const { origin } = new URL(own);
  const endpoints = `${base(url)}/application/o`;
  return {
    issuer: origin,
    authorization_endpoint: `${endpoints}/authorize/`,
    token_endpoint: `${endpoints}/token/`,
    revocation_endpoint: `${endpoints}/revoke/`,
    jwks_uri: `${issuer}jwks/`,
    registration_endpoint: `${origin}${REGISTER_PATH}`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
  };
}
