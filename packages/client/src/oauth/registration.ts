/**
 * Who we are at an authorization server, in the order of the MCP specification: the client that is configured; a Client ID
 * Metadata Document; dynamic registration (RFC 7591); else a person must configure one. What a server registered is kept
 * under its issuer and never shown to another.
 */

import { hash } from 'node:crypto';
import type { AuthorizationServer } from 'oauth4webapi';
import type { ClientCredentials } from './client-authentication.ts';
import type { Claim } from './claim.ts';
import { AuthorizationError } from './error.ts';
import { checkLoginPage, redirectUriFor } from './redirect-uris.ts';
import { ask, shown, statusError, type Requests } from './requests.ts';
import { askForTokens, DEVICE_CODE, TokenRefused, type Tokens } from './token-endpoint.ts';
import type { Vault } from './vault.ts';

export interface ClientOptions {
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** PKCS #8 in PEM, or a JWK. Instead of a secret. */
  readonly privateKey?: string;
  /** Where our own Client ID Metadata Document is. */
  readonly clientMetadataUrl?: string;
}

/** Which client a grant belongs to. It holds no secret: that has one home. */
export interface ClientReference {
  readonly id: string;
  readonly via: 'given' | 'document' | 'registered';
  /** Registered for it, and where the browser comes back; empty: no browser does. */
  readonly redirectUri: string;
}

export interface Registered extends ClientCredentials {
  readonly expiresAtMs?: number;
}

export interface Registration {
  /**
   * Registers when it must. `shared`: where the browser comes back for clients that were registered by hand; empty: no browser
   * does. Throws `unusable` when there is no way.
   */
  choose(server: AuthorizationServer, shared: string): Promise<ClientReference>;
  /** Undefined: it is not our client any more, so that what was granted to it is of no use. */
  credentials(issuer: string, client: ClientReference): Promise<ClientCredentials | undefined>;
  /** The server says that it does not know this client. */
  forget(issuer: string, client: ClientReference): Promise<void>;
}

export interface RegistrationOptions {
  readonly client: ClientOptions;
  readonly requests: Requests;
  readonly vault: Vault<Registered>;
  /** Asked before the client that is given is used at a server. */
  readonly claim: Claim;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createRegistration(options: RegistrationOptions): Registration {
  const { claim, client, now, vault } = options;
  const { clientId, clientMetadataUrl, clientSecret, privateKey } = client;
  const known = async (key: string): Promise<Registered | undefined> => {
    const { value } = await vault.read(key);
    return value !== undefined && (value.expiresAtMs ?? Infinity) > now() ? value : undefined;
  };
  return {
    choose: async (server, shared) => {
      if (clientId !== undefined) {
        if (shared !== '') checkLoginPage(server);
        await claim(server.issuer);
        return { id: clientId, via: 'given', redirectUri: shared };
      }
      if (clientMetadataUrl !== undefined && server['client_id_metadata_document_supported'] === true) {
        if (shared !== '') checkLoginPage(server);
        return { id: clientMetadataUrl, via: 'document', redirectUri: shared };
      }
      const redirectUri = shared === '' ? '' : redirectUriFor(server, shared);
      const key = keyOf(server.issuer, redirectUri);
      const registered = (await known(key)) ?? (await register(server, { redirectUri, shared }, key, options));
      return { id: registered.id, via: 'registered', redirectUri };
    },
    credentials: async (issuer, { id, redirectUri, via }) => {
      if (via === 'registered') {
        const registered = await known(keyOf(issuer, redirectUri));
        return registered?.id === id ? registered : undefined;
      }
      if (id !== (via === 'given' ? clientId : clientMetadataUrl)) return undefined;
      if (via === 'given') await claim(issuer);
      if (via === 'document') return { id, ...(privateKey !== undefined && { privateKey }) };
      return {
        id,
        ...(clientSecret !== undefined && { secret: clientSecret }),
        ...(privateKey !== undefined && { privateKey }),
      };
    },
    forget: async (issuer, { id, redirectUri, via }) => {
      const key = keyOf(issuer, redirectUri);
      if (via === 'registered' && (await vault.read(key)).value?.id === id) await vault.delete(key);
    },
  };
}

/** For a request in the name of {@link ClientReference}. Undefined: it is not our client any more. */
export async function askAs(
  of: { readonly registration: Registration; readonly requests: Requests },
  at: { readonly server: AuthorizationServer; readonly client: ClientReference },
  grantType: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Tokens | undefined> {
  const client = await of.registration.credentials(at.server.issuer, at.client);
  if (client === undefined) return undefined;
  try {
    return await askForTokens({ server: at.server, client, requests: of.requests }, grantType, parameters);
  } catch (error) {
    const isUnknown = error instanceof TokenRefused && error.code === 'invalid_client';
    if (isUnknown) await of.registration.forget(at.server.issuer, at.client);
    throw error;
  }
}

function keyOf(issuer: string, redirectUri: string): string {
  return hash('sha256', JSON.stringify([issuer, redirectUri]), 'base64url');
}

async function register(
  server: AuthorizationServer,
  { redirectUri, shared }: { readonly redirectUri: string; readonly shared: string },
  key: string,
  { requests, vault }: RegistrationOptions,
): Promise<Registered> {
  const url = server.registration_endpoint;
  if (url === undefined) {
    const text = `${shown(server.issuer)} registers no clients. Register one there by hand ${shared === '' ? 'for device codes' : `with the redirect URI ${shared}`} and write oauth.clientId.`;
    throw new AuthorizationError('unusable', text);
  }
  const body = JSON.stringify({
    client_name: 'Sallyport',
    token_endpoint_auth_method: methodFor(server),
    ...(redirectUri === '' ? OF_DEVICE : ofBrowser(redirectUri)),
  });
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  const { version } = await vault.read(key);
  const answer = await ask(url, { method: 'POST', headers, body }, requests);
  const registered = read(answer.status === 201 || answer.status === 200 ? answer.body : undefined);
  if (registered === undefined) {
    throw statusError(answer.status >= 500 || answer.status === 429 ? 'unavailable' : 'unusable', url, answer);
  }
  if (await vault.replace(key, version, registered)) return registered;
  // Another process was first: what it got is what all use.
  return (await vault.read(key)).value ?? registered;
}

const OF_DEVICE = {
  application_type: 'native',
  grant_types: [DEVICE_CODE, 'refresh_token'],
  redirect_uris: [],
  response_types: [],
};

function ofBrowser(redirectUri: string): object {
  const { hostname } = new URL(redirectUri);
  const isHere = /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
  return {
    application_type: isHere ? 'native' : 'web',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [redirectUri],
    response_types: ['code'],
  };
}

/** A secret where one can be had: then a stolen refresh token alone is of no use. */
function methodFor({ token_endpoint_auth_methods_supported: supported }: AuthorizationServer): string {
  const known = ['client_secret_basic', 'client_secret_post', 'none'];
  return known.find((method) => supported?.includes(method) ?? true) ?? 'none';
}

function read(body: Readonly<Record<string, unknown>> | undefined): Registered | undefined {
  const id = body?.['client_id'];
  const secret = body?.['client_secret'];
  const method = body?.['token_endpoint_auth_method'];
  const expires = Number(body?.['client_secret_expires_at']);
  if (typeof id !== 'string' || id === '') return undefined;
  return {
    id,
    ...(typeof secret === 'string' && { secret }),
    ...(typeof method === 'string' && { method }),
    ...(expires > 0 && { expiresAtMs: expires * 1000 }),
  };
}
