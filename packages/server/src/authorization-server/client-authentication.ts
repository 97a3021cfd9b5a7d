/**
 * Which client calls the token or revocation endpoint, and the proof of it (OAuth 2.1 §2.4; RFC 6749 §2.3). A client uses
 * the one method that it registered. A client of a document has no secret: it is who it says, and bound by its codes and
 * tokens alone, so its document is not fetched for it.
 */

import type { AuthMethod } from './client-metadata.ts';
import { isDocumentUrl } from './client-documents.ts';
import type { Clients } from './clients.ts';
import { OAuthError } from './oauth-error.ts';
import { isDigestOf } from './token-text.ts';

export interface ClientAuthenticationOptions {
  readonly clients: Pick<Clients, 'find'>;
  /** Clients may have documents. */
  readonly documents: boolean;
}

interface Shown {
  readonly method: AuthMethod;
  readonly id: string;
  readonly secret: string | undefined;
}

const BASIC = /^basic +([A-Za-z0-9+/_=-]+)$/i;

/** The id of the client. Throws an {@link OAuthError}. */
export async function authenticateClient(
  authorization: string | undefined,
  form: URLSearchParams,
  { clients, documents }: ClientAuthenticationOptions,
): Promise<string> {
  const { id, method, secret } = readShown(authorization, form);
  if (documents && method === 'none' && isDocumentUrl(id)) return id;
  const client = await clients.find(id);
  const isProven = client?.metadata.token_endpoint_auth_method === method;
  if (isProven && (method === 'none' || isDigestOf(secret ?? '', client.secretHash))) return id;
  throw refusal(authorization !== undefined);
}

/** What the request says of its client (RFC 6749 §2.3.1), in one way and no other. */
function readShown(authorization: string | undefined, form: URLSearchParams): Shown {
  const id = form.get('client_id') ?? undefined;
  const secret = form.get('client_secret') ?? undefined;
  if (authorization === undefined) {
    if (id === undefined) throw new OAuthError('invalid_request', 'client_id is missing.');
    return { method: secret === undefined ? 'none' : 'client_secret_post', id, secret };
  }
  const basic = readBasic(authorization);
  if (basic === undefined) throw refusal(true);
  if (secret !== undefined || (id !== undefined && id !== basic.id)) {
    throw new OAuthError('invalid_request', 'The client is named in two ways.');
  }
  return { method: 'client_secret_basic', ...basic };
}

/** Both parts are form-encoded before they are joined. */
function readBasic(authorization: string): Omit<Shown, 'method'> | undefined {
  const encoded = BASIC.exec(authorization)?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) return undefined;
  const [id, secret] = [formDecoded(text.slice(0, colon)), formDecoded(text.slice(colon + 1))];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function refusal(byHeader: boolean): OAuthError {
  const headers = byHeader ? { 'www-authenticate': 'Basic realm="sallyport"' } : {};
  return new OAuthError('invalid_client', 'The client is not known, or did not prove who it is.', {
    status: 401,
    headers,
  });
}
