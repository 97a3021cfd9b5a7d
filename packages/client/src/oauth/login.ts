/**
 * The authorization code grant (OAuth 2.1 §4.1, RFC 7636, RFC 8707, RFC 9207): where to send a browser, and what it brought
 * back. What must be known on the way back is kept sealed under the hash of `state` for ten minutes, and taken once. Who may
 * open the link is for the caller to check.
 */

import { hash } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import { AuthorizationError } from './error.ts';
import { tokenParts, type Grant } from './grant.ts';
import { askAs, type ClientReference, type Registration } from './registration.ts';
import { wayBackOf } from './redirect-uris.ts';
import { shown, type Requests } from './requests.ts';
import { OFFLINE } from './scopes.ts';
import { checkPkce } from './server-metadata.ts';
import { createVault, type OAuthRecords, type Sealing, type Vault } from './vault.ts';

/** Whose grant it is. Without a principal it is the gateway's own. */
export interface GrantOwner {
  /** The name of the server in the configuration. */
  readonly upstream: string;
  readonly principal?: { readonly issuer: string; readonly subject: string };
}

/** A person must go there with a browser. */
export interface LoginNeeded {
  /** Of the authorization server: `https:`, or `http:` of this machine where that is allowed. */
  readonly url: string;
  readonly state: string;
  readonly expiresAtMs: number;
  /** What is asked for; empty: whatever the server grants. */
  readonly scopes: readonly string[];
  /** Issuer of the authorization server. */
  readonly issuer: string;
}

/** A login under way, as it is kept. */
export interface LoginUnderWay {
  readonly owner: GrantOwner;
  /** Of the protected resource, as it is configured. */
  readonly serverUrl: string;
  readonly issuer: string;
  readonly resource: string;
  readonly client: ClientReference;
  readonly verifier: string;
  readonly scopes: readonly string[];
  readonly logins: number;
}

export interface LoginOptions {
  readonly vault: Vault<LoginUnderWay>;
  readonly registration: Registration;
  /** As clients that were registered by hand have it. */
  readonly redirectUri: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface RedeemOptions {
  readonly registration: Registration;
  readonly requests: Requests;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const LOGIN_MS = 10 * 60_000;

export function loginVault(records: OAuthRecords, sealing: Sealing): Vault<LoginUnderWay> {
  return createVault(records, sealing, 'login');
}

/** Whose login a browser brings back, so that its parameters can be given to who began it. Takes nothing. */
export async function ownerOfLogin(
  records: OAuthRecords,
  sealing: Sealing,
  state: string,
): Promise<GrantOwner | undefined> {
  return (await loginVault(records, sealing).read(loginKey(state))).value?.owner;
}

/** Names the grant of an owner. A server at another address, or another way of asking, has another grant. */
export function grantKey({ principal, upstream }: GrantOwner, serverUrl: string, by: Grant['by']): string {
  const { issuer = null, subject = null } = principal ?? {};
  return hash('sha256', JSON.stringify([upstream, serverUrl, by, issuer, subject]), 'base64url');
}

export function loginKey(state: string): string {
  return hash('sha256', state, 'base64url');
}

/** Registers where it must. Throws `unusable` or `unavailable`. */
export async function beginLogin(
  server: oauth.AuthorizationServer,
  of: Omit<LoginUnderWay, 'client' | 'issuer' | 'verifier'>,
  { now, redirectUri, registration, vault }: LoginOptions,
): Promise<LoginNeeded> {
  checkPkce(server);
  const { authorization_endpoint: endpoint, issuer } = server;
  if (endpoint === undefined) {
    throw new AuthorizationError('unusable', `${shown(issuer)} has no authorization_endpoint.`);
  }
  const client = await registration.choose(server, redirectUri());
  const state = oauth.generateRandomState();
  const verifier = oauth.generateRandomCodeVerifier();
  const expiresAtMs = now() + LOGIN_MS;
  await vault.put(loginKey(state), { ...of, issuer, client, verifier }, expiresAtMs);
  const url = new URL(endpoint);
  const parameters = {
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    resource: of.resource,
    ...(of.scopes.length > 0 && { scope: of.scopes.join(' ') }),
    // OpenID Connect Core §11: without it the server ignores the scope.
    ...(of.scopes.includes(OFFLINE) && { prompt: 'consent' }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url: url.href, state, expiresAtMs, scopes: of.scopes, issuer };
}

/** What a browser brought back, and where to. */
export interface CameBack {
  readonly parameters: URLSearchParams;
  /** What stood below the redirect URI of clients that were registered by hand; undefined: it was that one. */
  readonly below: string | undefined;
}

/** The grant for the code that came back. The login must have been taken out of the vault. */
export async function redeem(
  login: LoginUnderWay,
  server: oauth.AuthorizationServer,
  { below, parameters }: CameBack,
  { now, registration, requests }: RedeemOptions,
): Promise<Grant> {
  const { client, resource, scopes, verifier } = login;
  if (below !== wayBackOf(login.issuer, client.redirectUri)) {
    // RFC 9700 §4.4.2.2: somebody else's answer, and its code is for nobody else to see.
    throw new AuthorizationError('refused', `What came back was not sent by ${shown(login.issuer)}.`);
  }
  const code = readCode(server, parameters, client);
  const form = { code, redirect_uri: client.redirectUri, code_verifier: verifier, resource };
  const tokens = await askAs({ registration, requests }, { server, client }, 'authorization_code', form);
  if (tokens === undefined) throw new AuthorizationError('refused', 'The client of this login is not ours any more.');
  const nowMs = now();
  const of = { issuer: server.issuer, resource, client, scopes, logins: login.logins, loggedInAtMs: nowMs };
  return { ...of, by: 'authorization_code', ...tokenParts(tokens, nowMs) };
}

/** RFC 9207 §2.4 comes first: an error of somebody else is not even an error. */
function readCode(server: oauth.AuthorizationServer, parameters: URLSearchParams, { id }: ClientReference): string {
  try {
    const checked = oauth.validateAuthResponse(server, { client_id: id }, parameters, oauth.skipStateCheck);
    const code = checked.get('code');
    if (code !== null && code !== '') return code;
  } catch (error) {
    const isAnswer = error instanceof oauth.AuthorizationResponseError && /^[a-z_]{1,64}$/.test(error.error);
    const what = isAnswer ? `said no: ${error.error}` : 'gave an answer that is not to be trusted';
    // Not its cause: that holds what was sent to us, and perhaps a code.
    throw new AuthorizationError('refused', `${shown(server.issuer)} ${what}.`);
  }
  throw new AuthorizationError('refused', `${shown(server.issuer)} gave an answer without a code.`);
}
