/**
 * The one table of errors that leave on a protocol path: stable key, JSON-RPC code, HTTP status, text for a stranger.
 * Details never stand here; they go to the log under the id that travels in `data.id`.
 * Codes: JSON-RPC 2.0 §5.1; -32020…-32022 of 2026-07-28; -32002 and -32042 of the session era; -31001…-31005 are
 * Sallyport's own, outside the range that JSON-RPC reserves.
 */

import { isObject, type JsonObject, type JsonValue } from './json.ts';
import type { Era } from './revisions.ts';

/** The `error` member of a response (JSON-RPC 2.0 §5.1). */
export interface JsonRpcErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: JsonValue;
}

export interface ErrorRow {
  readonly code: number;
  /** Status on HTTP. A request that was understood is answered with 200 in both eras unless the revision says otherwise. */
  readonly status: number;
  readonly message: string;
}

/** The stable string code of an error, as it stands in `data.code`. */
export type ErrorKey =
  | 'parse'
  | 'invalid_request'
  | 'method_not_found'
  | 'invalid_params'
  | 'invalid_envelope'
  | 'internal'
  | 'resource_not_found'
  | 'header_mismatch'
  | 'missing_capability'
  | 'unsupported_version'
  | 'unauthenticated'
  | 'forbidden_origin'
  | 'no_such_path'
  | 'no_session'
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'timeout_body'
  | 'too_large'
  | 'unsupported_media_type'
  | 'headers_too_large'
  | 'shutting_down'
  | 'unavailable'
  | 'upstream_timeout'
  | 'refused'
  | 'insufficient_scope'
  | 'cannot_authenticate'
  | 'rate_limited'
  | 'needs_login'
  | 'url_elicitation_required';

/** Every key with its row. */
export const ERRORS: Readonly<Record<ErrorKey, ErrorRow>> = {
  parse: { code: -32700, status: 400, message: 'The message is not valid JSON.' },
  invalid_request: { code: -32600, status: 400, message: 'The message is not a valid request.' },
  method_not_found: { code: -32601, status: 404, message: 'Unknown method.' },
  invalid_params: { code: -32602, status: 200, message: 'The parameters are not valid.' },
  invalid_envelope: { code: -32602, status: 400, message: 'The request lacks its required _meta.' },
  internal: { code: -32603, status: 200, message: 'An internal error occurred.' },
  resource_not_found: { code: -32002, status: 200, message: 'Resource not found.' },
  header_mismatch: { code: -32020, status: 400, message: 'A header and the body do not agree.' },
  missing_capability: { code: -32021, status: 400, message: 'The request needs a capability that was not declared.' },
  unsupported_version: { code: -32022, status: 400, message: 'The protocol version is not supported.' },
  unauthenticated: { code: -32600, status: 401, message: 'A valid credential is required.' },
  forbidden_origin: { code: -32600, status: 403, message: 'This host or origin is not allowed.' },
  no_such_path: { code: -32600, status: 404, message: 'There is nothing here.' },
  no_session: { code: -32600, status: 404, message: 'The session does not exist or has ended.' },
  method_not_allowed: { code: -32600, status: 405, message: 'This HTTP method is not allowed here.' },
  not_acceptable: { code: -32600, status: 406, message: 'The client must accept what this endpoint answers.' },
  timeout_body: { code: -32600, status: 408, message: 'The request took too long to arrive.' },
  too_large: { code: -32600, status: 413, message: 'The request is too large.' },
  unsupported_media_type: { code: -32600, status: 415, message: 'The body must be uncompressed JSON in UTF-8.' },
  headers_too_large: { code: -32600, status: 431, message: 'The header lines are too large.' },
  shutting_down: { code: -31001, status: 503, message: 'The gateway is shutting down.' },
  unavailable: { code: -31001, status: 200, message: 'The server is not available.' },
  upstream_timeout: { code: -31002, status: 200, message: 'The server did not answer in time.' },
  refused: { code: -31003, status: 200, message: 'The call was refused.' },
  cannot_authenticate: { code: -31001, status: 503, message: 'Credentials cannot be checked at the moment.' },
  insufficient_scope: { code: -31003, status: 403, message: 'The access token lacks a scope.' },
  rate_limited: { code: -31004, status: 429, message: 'Too many requests.' },
  needs_login: { code: -31005, status: 200, message: 'This server needs a login first.' },
  url_elicitation_required: { code: -32042, status: 200, message: 'A page must be opened first.' },
};

/** An error that may leave on the wire: everything in it is fit for a stranger. */
export interface WireError {
  readonly key: ErrorKey;
  readonly error: JsonRpcErrorObject;
}

/** Builds a row's error. `message` replaces the row's text; `data` is merged with the stable code. */
export function wireError(key: ErrorKey, message?: string, data?: JsonObject): WireError {
  return {
    key,
    error: { code: ERRORS[key].code, message: message ?? ERRORS[key].message, data: { ...data, code: key } },
  };
}

/** The HTTP status of an error. In the session era 404 means "no such session or path", so an unknown method is 200. */
export function statusOf(key: ErrorKey, era: Era): number {
  return key === 'method_not_found' && era === 'session' ? 200 : ERRORS[key].status;
}

/**
 * The same error with `id` of the log line in `data.id`. An object in `data` keeps its other members; `data` that is
 * no object is another server's own and stays as it is.
 */
export function withLogId(error: JsonRpcErrorObject, logId: string): JsonRpcErrorObject {
  const { data } = error;
  if (data !== undefined && !isObject(data)) return error;
  return { ...error, data: { ...data, id: logId } };
}
