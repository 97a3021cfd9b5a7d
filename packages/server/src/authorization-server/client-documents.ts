/**
 * Clients whose id is the URL of a document about them (OAuth Client ID Metadata Document, as the authorization section
 * of MCP 2025-11-25 and later uses it): fetched, checked, and kept as HTTP caching says (RFC 9111) between a minute and a
 * day. `fetch` is given, and keeps away from what a stranger must not make us reach. Only public clients: there is nobody
 * to share a secret with.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import type { Fetch } from '../auth/fetch-json.ts';
import { Gathered } from '../gathered.ts';
import { MetadataError, readClientMetadata } from './client-metadata.ts';
import type { Client } from './clients.ts';

const MAX_ID_LENGTH = 500;
const MAX_DOCUMENT_BYTES = 64 * 1024;
const MIN_KEPT_MS = 60_000;
const MAX_KEPT_MS = 24 * 3_600_000;
const MAX_KEPT = 1000;
const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json[ \t]*(?:;|$)/i;
const MAX_AGE = /(?:^|,)[ \t]*max-age[ \t]*=[ \t]*"?([0-9]{1,10})/i;
const NOT_KEPT = /(?:^|,)[ \t]*no-(?:store|cache)\b/i;

export interface ClientDocumentsOptions {
  /** Must refuse addresses that are not public. */
  readonly fetch: Fetch;
  /** The scopes that there are. */
  readonly scopes: readonly string[];
  /** For the whole document. */
  readonly timeoutMs: number;
  readonly now: () => number;
}

export interface ClientDocuments {
  /** Throws a {@link MetadataError}, whose message is fit for the person who came with this id. */
  find(id: string): Promise<Client>;
}

/** Whether a client id is the URL of a document: https, with a path, written as a browser writes it. */
export function isDocumentUrl(id: string): boolean {
  if (id.length > MAX_ID_LENGTH || !/^https:\/\/[\x21-\x7e]+$/.test(id)) return false;
  const url = URL.parse(id);
  if (url?.href !== id || id.includes('#')) return false;
  return url.pathname !== '/' && url.username === '' && url.password === '';
}

export function createClientDocuments(options: ClientDocumentsOptions): ClientDocuments {
  const { now } = options;
  const kept = new Map<string, { readonly client: Client; readonly untilMs: number }>();
  return {
    find: async (id) => {
      const known = kept.get(id);
      if (known !== undefined && known.untilMs > now()) return known.client;
      kept.delete(id);
      const { document, keptMs } = await fetchDocument(id, options);
      const client = { id, metadata: readDocument(id, document, options), publisher: new URL(id).host };
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value as string);
      kept.set(id, { client, untilMs: now() + keptMs });
      return client;
    },
  };
}

function readDocument(id: string, document: JsonObject, { scopes }: ClientDocumentsOptions): Client['metadata'] {
  if (document['client_id'] !== id) throw wrong('names another client_id than its own URL');
  if ('client_secret' in document || 'client_secret_expires_at' in document) throw wrong('holds a client secret');
  const metadata = readClientMetadata(document, { scopes, authMethod: 'none' });
  if (metadata.token_endpoint_auth_method !== 'none') throw wrong('asks for a secret; only "none" is possible');
  if (metadata.client_name === undefined) throw wrong('has no client_name');
  return metadata;
}

interface Fetched {
  readonly document: JsonObject;
  readonly keptMs: number;
}

async function fetchDocument(id: string, { fetch, timeoutMs }: ClientDocumentsOptions): Promise<Fetched> {
  const enough = new AbortController();
  const signal = AbortSignal.any([enough.signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const response = await fetch(id, { headers: { accept: 'application/json' }, redirect: 'error', signal });
    if (response.status !== 200) throw wrong(`was answered with status ${response.status}`);
    if (!JSON_TYPE.test(response.headers.get('content-type') ?? '')) throw wrong('is not served as JSON');
    const document = parse(await readCapped(response));
    if (!isObject(document)) throw wrong('is not a JSON object');
    return { document, keptMs: freshFor(response.headers) };
  } catch (error) {
    if (error instanceof MetadataError) throw error;
    throw wrong('cannot be fetched');
  } finally {
    enough.abort();
  }
}

async function readCapped(response: Response): Promise<string> {
  const gathered = new Gathered();
  for await (const chunk of response.body ?? []) {
    if (gathered.length + chunk.length > MAX_DOCUMENT_BYTES) throw wrong('is too large');
    gathered.add(Buffer.from(chunk));
  }
  return gathered.take().toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function freshFor(headers: Headers): number {
  const control = headers.get('cache-control') ?? '';
  const maxAge = NOT_KEPT.test(control) ? undefined : MAX_AGE.exec(control)?.[1];
  return Math.min(MAX_KEPT_MS, Math.max(MIN_KEPT_MS, Number(maxAge ?? 0) * 1000));
}

function wrong(what: string): MetadataError {
  return new MetadataError('invalid_client_metadata', `The document of the client ${what}.`);
}
