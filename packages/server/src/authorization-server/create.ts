/**
 * The gateway's own authorization server, put together: for clients that speak MCP's authorization (2025-11-25 and
 * 2026-07-28; OAuth 2.1, RFC 7591, 7009, 8414, 8707, 9207, Client ID Metadata Documents), about people who sign in at an
 * OpenID provider. It is no OpenID provider itself. Host and Origin are checked before by the listener.
 */

import type { KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { wireError, type JsonObject } from '@sallyport/wire';
import { createFailureLimit, type FailureLimit } from '../auth/failures.ts';
import type { Fetch } from '../auth/fetch-json.ts';
import type { ProtectedResources } from '../auth/protected-resource.ts';
import type { Prove } from '../auth/proof.ts';
import type { BrowserIdentity, Handler } from '../browser/types.ts';
import { refusePlain } from '../http/refuse.ts';
import type { Records } from '../records.ts';
import { createAccessTokens } from './access-tokens.ts';
import { createAuthorizationEndpoint } from './authorization-endpoint.ts';
import { createClientDocuments } from './client-documents.ts';
import { createClients } from './clients.ts';
import type { AuthorizationEvent, Report } from './events.ts';
import { createGrants, type Grants } from './grants.ts';
import { jsonEndpoint } from './http.ts';
import { createRedeem, type Present } from './redeem.ts';
import { createRegistrationEndpoint } from './registration-endpoint.ts';
import {
  AUTHORIZE_PATH,
  METADATA_PATH,
  OPENID_PATH,
  REGISTER_PATH,
  REVOKE_PATH,
  serverMetadata,
  TOKEN_PATH,
} from './server-metadata.ts';
import { createRevocationEndpoint, createTokenEndpoint } from './token-endpoint.ts';
import { createTokenText, type TokenText } from './token-text.ts';

/** Registrations of one address in a minute. */
const REGISTRATIONS_PER_MINUTE = 10;
const DOCUMENT_TIMEOUT_MS = 5000;

export interface AuthorizationServerOptions {
  /** Scheme, host and port under which clients reach us. Asked each time, because a port may be known late. */
  readonly issuer: () => string;
  /** What tokens are for. */
  readonly resources: Pick<ProtectedResources, 'audiences' | 'metadata'>;
  /** Collections for this alone, shared by all processes. */
  readonly records: { readonly clients: Records; readonly grants: Records };
  /** 256 bits or more, derived for this purpose alone and the same in all processes. With another, no token is good. */
  readonly key: KeyObject;
  /** Who sits at a browser, and pages for that person. `/oauth/authorize` must be one of its return paths. */
  readonly browser: Pick<BrowserIdentity, 'leave' | 'page' | 'posted' | 'signedIn' | 'startSignIn'>;
  /** All scopes that there are, and those among them that every token needs. */
  readonly scopes: { readonly all: readonly string[]; readonly required: readonly string[] };
  /** Anybody may register a client (RFC 7591). */
  readonly registration: boolean;
  /** Clients may be described by a document (Client ID Metadata Document). */
  readonly clientIdMetadata: boolean;
  readonly accessTokenMs: number;
  /** From the approval on; then the person is asked again. */
  readonly refreshTokenMs: number;
  /** The same from the sign-in on, for grants without a renewal. */
  readonly signInMs: number;
  /** Asked at each exchange of a refresh token. */
  readonly present: Present;
  /** Wrong clients, codes and refresh tokens, per address. */
  readonly failures: FailureLimit;
  /** For documents of clients. Must reach public addresses alone, whatever a name resolves to. */
  readonly fetch: Fetch;
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  /** For the log and the audit. Must not throw. */
  readonly report: (event: AuthorizationEvent) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: (size: number) => Uint8Array;
}

export interface AuthorizationServer {
  /** What answers at a path, given without its query; undefined when it is none of these. */
  route(path: string): Handler | undefined;
  /** Our access tokens as a way of proving who one is. Comes before what would show a token to somebody else. */
  readonly verify: Prove;
  metadata(): JsonObject;
  /** Takes over what other processes revoked. Meant to run every half second: without it every call looks its token up. */
  refresh(): Promise<void>;
  /** Ends every grant of a principal: at once here, elsewhere with the next `refresh`. */
  revokeAll(principalKey: string): Promise<void>;
}

export function createAuthorizationServer(options: AuthorizationServerOptions): AuthorizationServer {
  const { addressOf, now, records, resources, scopes } = options;
  const texts = createTokenText(options);
  const grants = createGrants({ records: records.grants, texts, now, onChanged: () => accessTokens.forget() });
  const accessTokens = createAccessTokens({
    grants,
    version: () => records.grants.version(),
    audiences: (path) => resources.audiences(path),
    requiredScopes: scopes.required,
    now,
  });
  const report: Report = (request, event) => options.report({ ...event, address: addressOf(request) });
  const metadata = (): JsonObject => {
    const { clientIdMetadata: documents, issuer, registration } = options;
    return serverMetadata({ issuer: issuer(), scopes: scopes.all, registration, documents });
  };
  const endpoints = createEndpoints(options, { grants, texts, metadata, report });
  return {
    route: (path) => endpoints.get(path) ?? wellKnown(path, endpoints),
    verify: accessTokens.verify,
    metadata,
    refresh: () => accessTokens.refresh(),
    revokeAll: (principalKey) => grants.endAll(principalKey),
  };
}

interface Parts {
  readonly grants: Grants;
  readonly texts: TokenText;
  readonly metadata: () => JsonObject;
  readonly report: Report;
}

function createEndpoints(options: AuthorizationServerOptions, parts: Parts): ReadonlyMap<string, Handler> {
  const { addressOf, failures, fetch, issuer, now, random, records, refreshTokenMs } = options;
  const { grants, metadata, report } = parts;
  const { all: scopes, required: defaultScopes } = options.scopes;
  const clients = createClients({ records: records.clients, scopes, refreshTokenMs, now, random });
  const documents = options.clientIdMetadata
    ? createClientDocuments({ fetch, scopes, timeoutMs: DOCUMENT_TIMEOUT_MS, now })
    : undefined;
  const resourceOf = (url: string): string | undefined => findResource(options.resources, url);
  const rules = { scopes, defaultScopes, resourceOf, defaultResource: () => rootResource(options.resources) };
  const redeem = createRedeem({ ...options, ...parts });
  const token = { clients, documents: documents !== undefined, redeem, grants, failures, addressOf, report, now };
  const attempts = createFailureLimit(REGISTRATIONS_PER_MINUTE, now);
  const { browser, registration } = options;
  return new Map([
    [METADATA_PATH, jsonEndpoint('GET', report, () => ({ body: metadata() }))],
    [OPENID_PATH, nothing],
    [AUTHORIZE_PATH, createAuthorizationEndpoint({ ...rules, browser, clients, documents, grants, issuer, report })],
    [TOKEN_PATH, createTokenEndpoint({ ...token, ...rules })],
    [REVOKE_PATH, createRevocationEndpoint({ ...token, ...rules })],
    [REGISTER_PATH, registration ? createRegistrationEndpoint({ clients, attempts, addressOf, report }) : nothing],
  ]);
}

/** What is not offered is nowhere, instead of asking for a credential. */
const nothing: Handler = (_request, response) => refusePlain(response, wireError('no_such_path'));

/** The same below a well-known path, for clients that put the path of an MCP endpoint behind it (RFC 8414 §3.1). */
function wellKnown(path: string, endpoints: ReadonlyMap<string, Handler>): Handler | undefined {
  const found = [METADATA_PATH, OPENID_PATH].find((each) => path.startsWith(`${each}/`));
  return found === undefined ? undefined : endpoints.get(found);
}

/** Where the document about a protected resource stands (RFC 9728 §3). */
const RESOURCE_PATH = '/.well-known/oauth-protected-resource';

/** The resource that a URL names; undefined when it is none of ours, or not written as we write it. */
function findResource(resources: AuthorizationServerOptions['resources'], text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return undefined;
  const resource = resources.metadata({ host: url.host, path: `${RESOURCE_PATH}${url.pathname}` })?.resource;
  return resource === url.href ? resource : undefined;
}

function rootResource(resources: AuthorizationServerOptions['resources']): string {
  const resource = resources.metadata({ path: RESOURCE_PATH })?.resource;
  if (resource === undefined) throw new Error('There is no MCP path that a token could be for.');
  return resource;
}
