/**
 * Credentials of an API (Security Scheme and Security Requirement Objects, OpenAPI 3.1 §4.8.27 and §4.8.30). They come from the
 * configuration alone; which of them an operation is sent is what its first requirement says that can be met.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { ApiCredential, ApiTarget } from '../call.ts';
import { DocumentError, type ApiDocument } from './document.ts';
import { membersOf } from './members.ts';

export type Scheme =
  | { readonly kind: 'apiKey'; readonly in: 'header' | 'query' | 'cookie'; readonly name: string }
  /** `Authorization` with this scheme before the value. */
  | { readonly kind: 'http'; readonly scheme: string }
  | { readonly kind: 'oauth2'; readonly tokenUrl: string | undefined }
  | { readonly kind: 'openIdConnect' }
  | { readonly kind: 'other' };

/** All of these at once. */
export type Requirement = ReadonlyMap<string, readonly string[]>;

/** What goes along with a request. Names and values of queries and cookies are escaped. */
export interface Along {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: readonly (readonly [string, string])[];
  readonly cookies: readonly string[];
  /** The token of it was refused. */
  readonly refused?: () => void;
}

export interface TokenSource {
  token(): Promise<string>;
  refused(token: string): void;
}

export interface CredentialsOptions {
  readonly target: Pick<ApiTarget, 'auth' | 'headers'>;
  readonly schemes: ReadonlyMap<string, Scheme>;
  readonly escaped: (text: string) => string;
  /** `isWritten`: the operator wrote the URL. */
  readonly tokens: (client: {
    readonly tokenUrl: string;
    readonly isWritten: boolean;
    readonly id: string;
    readonly secret: string;
    readonly scopes: readonly string[];
  }) => TokenSource;
}

export interface Credentials {
  /** What a caller is told for whom no requirement can be met; undefined: one can. */
  problem(requirements: readonly Requirement[]): string | undefined;
  along(requirements: readonly Requirement[]): Promise<Along>;
}

const MAX_SCHEMES = 200;
const NOTHING: Along = { headers: {}, query: [], cookies: [] };

export function schemesOf(document: ApiDocument): ReadonlyMap<string, Scheme> {
  const { components } = document.root;
  const written = isObject(components) ? components['securitySchemes'] : undefined;
  const entries = membersOf(written);
  if (entries.length > MAX_SCHEMES)
    throw new DocumentError(`The document has more than ${MAX_SCHEMES} security schemes.`);
  return new Map(entries.map(([name, each]) => [name, schemeOf(document.resolve(each))]));
}

function schemeOf(written: JsonObject): Scheme {
  const { scheme, type } = written;
  if (type === 'apiKey') return apiKeyOf(written);
  if (type === 'http' && typeof scheme === 'string' && /^[\w-]{1,40}$/.test(scheme)) return { kind: 'http', scheme };
  if (type === 'openIdConnect') return { kind: 'openIdConnect' };
  return type === 'oauth2' ? { kind: 'oauth2', tokenUrl: tokenUrlOf(written) } : { kind: 'other' };
}

function apiKeyOf({ in: place, name }: JsonObject): Scheme {
  const isPlace = place === 'header' || place === 'query' || place === 'cookie';
  return isPlace && typeof name === 'string' && name !== '' ? { kind: 'apiKey', in: place, name } : { kind: 'other' };
}

function tokenUrlOf({ flows }: JsonObject): string | undefined {
  const flow = isObject(flows) ? flows['clientCredentials'] : undefined;
  const url = isObject(flow) ? flow['tokenUrl'] : undefined;
  return typeof url === 'string' && URL.canParse(url) ? url : undefined;
}

/** Of an operation, else of the whole; empty: nothing is required. */
export function requirementsOf(operation: JsonObject, document: ApiDocument): readonly Requirement[] {
  const written = operation['security'] ?? document.root['security'];
  return (Array.isArray(written) ? written : []).filter(isObject).map((each) => {
    const texts = (scopes: JsonValue): string[] =>
      Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
    return new Map(membersOf(each).map(([name, scopes]) => [name, texts(scopes)]));
  });
}

/** Throws `DocumentError` for a credential that fits nothing in the document. */
export function checkCredentials(auth: ApiTarget['auth'], schemes: ReadonlyMap<string, Scheme>): void {
  for (const [name, credential] of Object.entries(auth)) check(name, credential, schemes);
}

/** Throws as {@link checkCredentials}. */
export function createCredentials(options: CredentialsOptions): Credentials {
  const { schemes, target } = options;
  const has = new Set(Object.keys(target.headers).map((name) => name.toLowerCase()));
  checkCredentials(target.auth, schemes);
  const sources = new Map<string, TokenSource>();
  const isCovered = (scheme: Scheme | undefined): boolean =>
    scheme !== undefined &&
    has.has(scheme.kind === 'apiKey' ? (scheme.in === 'header' ? scheme.name.toLowerCase() : '') : 'authorization');
  const isMet = (requirement: Requirement): boolean =>
    [...requirement.keys()].every((name) => Object.hasOwn(target.auth, name) || isCovered(schemes.get(name)));
  const met = (requirements: readonly Requirement[]): Requirement | undefined => requirements.find(isMet);

  const one = async (name: string, scopes: readonly string[]): Promise<Along> => {
    const credential = Object.hasOwn(target.auth, name) ? target.auth[name] : undefined;
    const scheme = schemes.get(name);
    if (credential === undefined || scheme === undefined) return NOTHING;
    if (credential.clientId === undefined) return plain(scheme, credential, options.escaped);
    const wanted = credential.scopes.length > 0 ? credential.scopes : scopes;
    const key = JSON.stringify([name, wanted]);
    const source = sources.get(key) ?? options.tokens(clientOf(scheme, credential, wanted));
    sources.set(key, source);
    const token = await source.token();
    return { ...NOTHING, headers: { authorization: `Bearer ${token}` }, refused: () => source.refused(token) };
  };
  return {
    problem: (requirements) => {
      if (requirements.length === 0 || met(requirements) !== undefined) return undefined;
      const names = [...new Set(requirements.flatMap((each) => [...each.keys()]))];
      return `It needs a credential that is not configured: ${names.join(' or ')}.`;
    },
    along: async (requirements) => {
      const parts = await Promise.all([...(met(requirements) ?? [])].map(([name, scopes]) => one(name, scopes)));
      return parts.reduce(joined, NOTHING);
    },
  };
}

function joined(first: Along, second: Along): Along {
  const refused = second.refused ?? first.refused;
  return {
    headers: { ...first.headers, ...second.headers },
    query: [...first.query, ...second.query],
    cookies: [...first.cookies, ...second.cookies],
    ...(refused && { refused }),
  };
}

function clientOf(
  scheme: Scheme,
  { clientId = '', clientSecret = '', tokenUrl }: ApiCredential,
  scopes: readonly string[],
): Parameters<CredentialsOptions['tokens']>[0] {
  const url = tokenUrl ?? (scheme.kind === 'oauth2' ? scheme.tokenUrl : undefined) ?? '';
  return { tokenUrl: url, isWritten: tokenUrl !== undefined, id: clientId, secret: clientSecret, scopes };
}

function plain(
  scheme: Scheme,
  { password = '', username, value = '' }: ApiCredential,
  escaped: (text: string) => string,
): Along {
  if (username !== undefined) {
    const pair = Buffer.from(`${username}:${password}`).toString('base64');
    return { ...NOTHING, headers: { authorization: `Basic ${pair}` } };
  }
  if (scheme.kind !== 'apiKey') {
    const before = scheme.kind === 'http' && scheme.scheme.toLowerCase() !== 'bearer' ? scheme.scheme : 'Bearer';
    return { ...NOTHING, headers: { authorization: `${before} ${value}` } };
  }
  if (scheme.in === 'header') return { ...NOTHING, headers: { [scheme.name.toLowerCase()]: value } };
  if (scheme.in === 'query') return { ...NOTHING, query: [[escaped(scheme.name), escaped(value)]] };
  return { ...NOTHING, cookies: [`${escaped(scheme.name)}=${escaped(value)}`] };
}

function check(name: string, credential: ApiCredential, schemes: ReadonlyMap<string, Scheme>): void {
  const scheme = schemes.get(name);
  const known = [...schemes.keys()].slice(0, 20).join(', ') || 'none';
  const problem =
    scheme === undefined
      ? `the document has no such security scheme; it has ${known}`
      : (kindProblem(scheme, credential) ?? valueProblem(scheme, credential));
  if (problem !== undefined) throw new DocumentError(`openapi.auth.${name}: ${problem}.`);
}

function kindProblem(scheme: Scheme, { clientId, tokenUrl, username }: ApiCredential): string | undefined {
  const isBasic = scheme.kind === 'http' && scheme.scheme.toLowerCase() === 'basic';
  if (scheme.kind === 'other') return 'the scheme of the document is of a type that is not known';
  if (isBasic && username === undefined) return 'expected `username` and `password`';
  if (!isBasic && username !== undefined) return 'expected no `username`: the scheme is not HTTP Basic';
  if (clientId === undefined) return undefined;
  if (scheme.kind !== 'oauth2') return '`clientId` is for a scheme of OAuth 2.0';
  if (tokenUrl !== undefined || scheme.tokenUrl !== undefined) return undefined;
  return 'the document names no token endpoint for client credentials: write `tokenUrl`';
}

/** What cannot stand in a header is not sent. */
function valueProblem(scheme: Scheme, { value }: ApiCredential): string | undefined {
  if (value !== undefined && !/^[\x20-\x7E]+$/.test(value)) return 'the value is not printable ASCII';
  const isHeader = scheme.kind === 'apiKey' && scheme.in === 'header';
  return isHeader && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(scheme.name)
    ? 'its header has no name that a header has'
    : undefined;
}
