/**
 * The authorization endpoint (OAuth 2.1 §3.1 and §4.1; RFC 9207; RFC 9700 §4.11.2; MCP, security best practices, "Confused
 * Deputy Problem"): a GET asks the person, a POST of that page decides. The order of the steps is `show` and `decide`.
 *
 * A person is asked about every request of every client, and nothing of an approval is remembered: a client with a refresh
 * token comes back seldom, and what is approved without being asked is what confused deputies live on. Nothing is fetched
 * and nobody is sent anywhere before somebody is signed in, so that this is no open redirector and no open fetcher.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { html } from '../browser/html.ts';
import type { BrowserIdentity, BrowserSession, Handler } from '../browser/types.ts';
import {
  canonicalParameters,
  readReturnAddress,
  readWanted,
  single,
  type RequestRules,
  type ReturnAddress,
  type Wanted,
} from './authorization-request.ts';
import { isDocumentUrl, type ClientDocuments } from './client-documents.ts';
import { MetadataError } from './client-metadata.ts';
import type { Client, Clients } from './clients.ts';
import { consentPage } from './consent-page.ts';
import type { Report } from './events.ts';
import type { Grants } from './grants.ts';
import { OAuthError } from './oauth-error.ts';
import { AUTHORIZE_PATH } from './server-metadata.ts';
import { digestOf } from './token-text.ts';

/** What can be come back to after a sign-in. */
const MAX_TARGET_LENGTH = 4000;

export interface AuthorizationEndpointOptions extends RequestRules {
  readonly issuer: () => string;
  readonly browser: Pick<BrowserIdentity, 'leave' | 'page' | 'posted' | 'signedIn' | 'startSignIn'>;
  readonly clients: Pick<Clients, 'find' | 'approved'>;
  /** Undefined: clients may not have documents. */
  readonly documents: ClientDocuments | undefined;
  readonly grants: Pick<Grants, 'approve'>;
  readonly report: Report;
}

/** One request on its way through. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly parameters: URLSearchParams;
  /** Where the form goes, and what is come back to after a sign-in. */
  readonly action: string;
  /** Binds an approval to the very request that was shown. */
  readonly purpose: string;
}

/** What is wrong before it is known that the redirect URI is the client's: for the person alone. */
class PageError extends Error {}

export function createAuthorizationEndpoint(options: AuthorizationEndpointOptions): Handler {
  return (request, response) => {
    const visit = visitOf(request, response);
    answer(options, visit).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy();
      if (error instanceof PageError) return refuse(options, visit, 400, error.message);
      options.report(request, { kind: 'failed', detail: String(error) });
      refuse(options, visit, 500, 'Something failed on our side.');
    });
  };
}

function visitOf(request: IncomingMessage, response: ServerResponse): Visit {
  const parameters = canonicalParameters(request.url?.replace(/^[^?]*\??/, '') ?? '');
  const action = `${AUTHORIZE_PATH}?${parameters.toString()}`;
  return { request, response, parameters, action, purpose: `authorize ${digestOf(action)}` };
}

async function answer(options: AuthorizationEndpointOptions, visit: Visit): Promise<void> {
  const { method } = visit.request;
  if (method === 'GET' || method === 'HEAD') return await show(options, visit);
  if (method === 'POST') return await decide(options, visit);
  visit.response.setHeader('allow', 'GET, HEAD, POST');
  refuse(options, visit, 405, 'This is no way to ask.');
}

async function show(options: AuthorizationEndpointOptions, visit: Visit): Promise<void> {
  const { browser } = options;
  const { action, parameters, purpose, request, response } = visit;
  if (action.length > MAX_TARGET_LENGTH) throw new PageError('Its request is too long.');
  const session = await browser.signedIn(request, response);
  // Whatever needs no fetching is said before a person signs in for nothing.
  const registered = await findRegistered(options, parameters);
  if (registered !== undefined) returnAddress(registered, parameters);
  if (session === undefined) return browser.startSignIn(request, response, action);
  const address = returnAddress(registered ?? (await findDocumented(options, parameters)), parameters);
  const wanted = readOrReturn(options, visit, address);
  if (wanted === undefined) return;
  const { principal } = session;
  const { kind, name } = address.target;
  browser.page(response, {
    ...consentPage({ address, wanted, principal, action, fields: session.fields(purpose) }),
    formAction: kind === 'app' ? [`${name}:`] : [],
  });
}

async function decide(options: AuthorizationEndpointOptions, visit: Visit): Promise<void> {
  const { browser, clients, grants, report } = options;
  const { parameters, purpose, request, response } = visit;
  const posted = await browser.posted(request, response, purpose);
  if (posted === undefined) return;
  const client = (await findRegistered(options, parameters)) ?? (await findDocumented(options, parameters));
  const address = returnAddress(client, parameters);
  const wanted = readOrReturn(options, visit, address);
  if (wanted === undefined) return;
  const { session } = posted;
  const { principal } = session;
  const facts = { client: client.id, principal, scopes: wanted.scopes, resource: wanted.resource };
  if (posted.form.get('decision') !== 'approve') {
    report(request, { kind: 'denied', ...facts });
    return sendError(options, visit, address, new OAuthError('access_denied', 'The person said no.'));
  }
  await clients.approved(client);
  const code = await grants.approve(approvalOf(address, wanted, session));
  report(request, { kind: 'approved', ...facts });
  send(options, visit, address, { code });
}

function approvalOf(
  { client, redirectUri }: ReturnAddress,
  wanted: Wanted,
  { principal, renewal, signedInMs }: BrowserSession,
): Parameters<Grants['approve']>[0] {
  const refreshes = client.metadata.grant_types.includes('refresh_token');
  const known = { principal, signedInMs, ...(renewal !== undefined && { renewal }) };
  return { clientId: client.id, redirectUri, refreshes, ...known, ...wanted };
}

/** Undefined for a client that is to be found by its document. */
async function findRegistered(
  { clients, documents }: AuthorizationEndpointOptions,
  parameters: URLSearchParams,
): Promise<Client | undefined> {
  const id = single(parameters, 'client_id');
  if (id === undefined) throw new PageError('It did not say who it is.');
  if (documents !== undefined && isDocumentUrl(id)) return undefined;
  const client = await clients.find(id);
  if (client === undefined)
    throw new PageError('It is not registered here, or not any more. It has to register again.');
  return client;
}

async function findDocumented(
  { documents }: AuthorizationEndpointOptions,
  parameters: URLSearchParams,
): Promise<Client> {
  try {
    const client = await documents?.find(single(parameters, 'client_id') ?? '');
    if (client !== undefined) return client;
  } catch (error) {
    if (error instanceof MetadataError) throw new PageError(error.message);
    throw error;
  }
  throw new PageError('It is not known here.');
}

function returnAddress(client: Client, parameters: URLSearchParams): ReturnAddress {
  const address = readReturnAddress(client, parameters);
  if (address === undefined) throw new PageError('It wants its answer at an address that it has not registered.');
  return address;
}

/** Undefined: the client was told what is wrong. */
function readOrReturn(options: AuthorizationEndpointOptions, visit: Visit, address: ReturnAddress): Wanted | undefined {
  try {
    return readWanted(address, visit.parameters, options);
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    sendError(options, visit, address, error);
    return undefined;
  }
}

function sendError(
  options: AuthorizationEndpointOptions,
  visit: Visit,
  address: ReturnAddress,
  { code, message }: OAuthError,
): void {
  send(options, visit, address, { error: code, error_description: message });
}

/**
 * To the client, over the browser. With `iss`, so that no other server's answer passes for ours (RFC 9207 §2). After a form
 * by a page that goes on: the client may lead on from there, and browsers hold every hop against the page of the form.
 */
function send(
  { browser, issuer }: AuthorizationEndpointOptions,
  { request, response }: Visit,
  { redirectUri, state, target }: ReturnAddress,
  facts: Readonly<Record<string, string>>,
): void {
  const answered = new URLSearchParams({ ...facts, ...(state !== undefined && { state }), iss: issuer() });
  const location = `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${answered.toString()}`;
  if (request.method === 'POST' && target.kind !== 'app') {
    return browser.leave(response, new URL(location), target.name);
  }
  response.writeHead(303, { location, 'cache-control': 'no-store', 'content-length': 0 }).end();
}

function refuse({ browser, report }: AuthorizationEndpointOptions, visit: Visit, status: number, why: string): void {
  const { request, response } = visit;
  if (status < 500) report(request, { kind: 'refused', detail: why });
  browser.page(response, {
    status,
    title: 'This client cannot be let in',
    body: html`<p>${why}</p>
      <p>Nothing was sent to it. Go back to it and begin again; if that does not help, tell whoever made it.</p>`,
  });
}
