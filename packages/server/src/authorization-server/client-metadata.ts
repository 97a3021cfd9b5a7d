/**
 * What a client says of itself when it registers (RFC 7591 §2) or in its own document (OAuth Client ID Metadata
 * Document §4), checked and cut to what is used. Members that are not known are left out, and so are grants and scopes
 * that there are not (RFC 7591 §3.2.1); nothing that a URI names is fetched.
 */

import type { JsonObject, JsonValue } from '@sallyport/wire';
import { redirectTarget } from './redirect-uri.ts';
import { knownScopes, parseScope } from './scopes.ts';

/** How a client proves at the token endpoint who it is (RFC 7591 §2). */
export type AuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post';
export type GrantType = 'authorization_code' | 'refresh_token';

export const AUTH_METHODS: readonly AuthMethod[] = ['none', 'client_secret_basic', 'client_secret_post'];
export const GRANT_TYPES: readonly GrantType[] = ['authorization_code', 'refresh_token'];

/** Names and values as RFC 7591 §2 has them. */
export interface ClientMetadata {
  readonly client_name?: string;
  readonly redirect_uris: readonly string[];
  readonly token_endpoint_auth_method: AuthMethod;
  readonly grant_types: readonly GrantType[];
  readonly response_types: readonly ['code'];
  readonly application_type?: 'web' | 'native';
  /** The only scopes that it may ask for. */
  readonly scope?: string;
  readonly client_uri?: string;
  readonly logo_uri?: string;
  readonly tos_uri?: string;
  readonly policy_uri?: string;
}

/** Metadata that no client may have; the code is of RFC 7591 §3.2.2, the message is for the client. */
export class MetadataError extends Error {
  readonly code: 'invalid_redirect_uri' | 'invalid_client_metadata';

  constructor(code: MetadataError['code'], message: string) {
    super(message);
    this.name = 'MetadataError';
    this.code = code;
  }
}

const MAX_REDIRECT_URIS = 10;
const MAX_NAME_LENGTH = 100;
const MAX_LINK_LENGTH = 2000;
const MAX_LISTED = 20;
const LINKS = ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri'] as const;
/** Controls, line breaks, and what turns the direction of writing or cannot be seen: a name is shown to a person. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u;

export interface MetadataRules {
  /** The scopes that there are. */
  readonly scopes: readonly string[];
  /** That of a client that names none. */
  readonly authMethod: AuthMethod;
}

/** Throws a {@link MetadataError}. */
export function readClientMetadata(document: JsonObject, { scopes, authMethod }: MetadataRules): ClientMetadata {
  const redirectUris = readRedirectUris(document);
  const applicationType = readOneOf(document, 'application_type', ['web', 'native'] as const);
  if (applicationType === 'web' && redirectUris.some((uri) => redirectTarget(uri)?.kind !== 'site')) {
    throw new MetadataError('invalid_redirect_uri', 'A web application has https redirect URIs only.');
  }
  const name = readText(document, 'client_name', MAX_NAME_LENGTH);
  const scope = readScope(document, scopes);
  readList(document, 'response_types', ['code'], 'code');
  return {
    ...(name !== undefined && { client_name: name }),
    redirect_uris: redirectUris,
    token_endpoint_auth_method: readOneOf(document, 'token_endpoint_auth_method', AUTH_METHODS) ?? authMethod,
    grant_types: readList(document, 'grant_types', GRANT_TYPES, 'authorization_code'),
    response_types: ['code'],
    ...(applicationType !== undefined && { application_type: applicationType }),
    ...(scope !== undefined && { scope }),
    ...readLinks(document),
  };
}

function readRedirectUris(document: JsonObject): readonly string[] {
  const uris = document['redirect_uris'];
  if (!Array.isArray(uris) || uris.length === 0 || uris.length > MAX_REDIRECT_URIS) {
    throw new MetadataError('invalid_redirect_uri', `redirect_uris is a list of 1 to ${MAX_REDIRECT_URIS} URIs.`);
  }
  for (const [at, uri] of uris.entries()) {
    if (redirectTarget(uri) === undefined) {
      const wanted = 'https, http on 127.0.0.1, [::1] or localhost, or a scheme like com.example.app:/';
      const without = 'without user, fragment or wildcard, and written as a browser writes it';
      throw new MetadataError('invalid_redirect_uri', `redirect_uris[${at}] must be ${wanted}, ${without}.`);
    }
  }
  return [...new Set(uris as string[])];
}

function readText(document: JsonObject, member: string, maxLength: number): string | undefined {
  const text = document[member];
  if (text === undefined || text === null) return undefined;
  if (typeof text === 'string' && text.trim() !== '' && text.length <= maxLength && !HIDDEN.test(text)) return text;
  throw invalid(`${member} is text of 1 to ${maxLength} characters, all of them visible.`);
}

function readOneOf<T extends string>(document: JsonObject, member: string, allowed: readonly T[]): T | undefined {
  const value = document[member];
  if (value === undefined) return undefined;
  if (allowed.includes(value as T)) return value as T;
  throw invalid(`${member} is one of ${allowed.join(', ')}.`);
}

/** Those of the list that there are; `required` must be among them, and is all there is without a list. */
function readList<T extends string>(
  document: JsonObject,
  member: string,
  known: readonly T[],
  required: T,
): readonly T[] {
  const list: JsonValue = document[member] ?? [required];
  if (Array.isArray(list) && list.length <= MAX_LISTED && list.includes(required)) {
    return known.filter((each) => list.includes(each));
  }
  throw invalid(`${member} is a list in which ${required} stands.`);
}

function readScope(document: JsonObject, scopes: readonly string[]): string | undefined {
  const scope = document['scope'];
  if (scope === undefined || scope === '') return undefined;
  const asked = typeof scope === 'string' ? parseScope(scope) : undefined;
  if (asked === undefined) throw invalid('scope is text with a blank between scopes (RFC 6749, section 3.3).');
  return knownScopes(asked, scopes)?.join(' ');
}

function readLinks(document: JsonObject): Partial<Record<(typeof LINKS)[number], string>> {
  const links: Partial<Record<(typeof LINKS)[number], string>> = {};
  for (const member of LINKS) {
    const link = readText(document, member, MAX_LINK_LENGTH);
    if (link === undefined) continue;
    const url = URL.parse(link);
    if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '')
      throw invalid(`${member} is an https URL.`);
    links[member] = link;
  }
  return links;
}

function invalid(message: string): MetadataError {
  return new MetadataError('invalid_client_metadata', message);
}
