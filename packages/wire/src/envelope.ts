/**
 * Which era a request belongs to, and the ladder of checks on a stateless request in the order that 2026-07-28 asks
 * for: envelope, version, headers. Pure; the answer is a classification or the error to send.
 * The body decides the era, so that a proxy which drops a header cannot change it. Capabilities that a method needs,
 * and whether the method exists, are checked by who knows the method.
 */

import { wireError, type WireError } from './errors.ts';
import { checkStandardHeaders, singleHeader, type HeaderBag } from './headers.ts';
import { isObject, type JsonObject } from './json.ts';
import type { JsonRpcRequest } from './message.ts';
import {
  isStatelessRevision,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PREFIX,
  META_PROTOCOL_VERSION,
  SESSION_REVISIONS,
  STATELESS_REVISIONS,
  type StatelessRevision,
} from './revisions.ts';

export const LOG_LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function isLogLevel(value: unknown): value is LogLevel {
  return (LOG_LEVELS as readonly unknown[]).includes(value);
}

/** What a stateless request says about its client, in `params._meta`. */
export interface Envelope {
  readonly revision: StatelessRevision;
  readonly clientCapabilities: JsonObject;
  readonly clientInfo?: JsonObject;
  readonly logLevel?: LogLevel;
}

export type Classified =
  | { readonly era: 'session' }
  | { readonly era: 'stateless'; readonly envelope: Envelope }
  | { readonly era: 'refused'; readonly error: WireError };

/** The revision that a body claims in its `_meta`, whatever it is; undefined when it makes no claim. */
export function claimedVersion(message: { readonly params?: JsonObject }): unknown {
  const meta = message.params?.['_meta'];
  return isObject(meta) ? meta[META_PROTOCOL_VERSION] : undefined;
}

/**
 * Classifies a request. `headers` is absent on transports that have none.
 * A body without a claim is session-era traffic, unless its version header names a stateless revision: then the
 * envelope is missing. `initialize` is the session era's handshake unless a whole envelope of a stateless revision
 * says otherwise; under a header of the stateless era it contradicts that header.
 */
export function classifyRequest(message: JsonRpcRequest, headers?: HeaderBag): Classified {
  const header = headers && singleHeader(headers, 'mcp-protocol-version');
  const claim = claimedVersion(message);
  const envelope = claim === undefined ? undefined : readEnvelope(message.params?.['_meta'] as JsonObject);
  if (envelope === undefined || isHandshake(message, claim, envelope)) {
    if (!namesStatelessEra(header)) return { era: 'session' };
    return refused(
      message.method === 'initialize' ? headerOfOtherEra() : envelopeError(META_PROTOCOL_VERSION, 'is missing'),
    );
  }
  if ('error' in envelope) return refused(contradicts(header, claim, envelope) ? versionMismatch() : envelope);
  const problem = headers && checkHeaders(headers, header, message, envelope.revision);
  return problem === undefined ? { era: 'stateless', envelope } : refused(problem);
}

/** True for `initialize`, unless the envelope is whole but for a stateless revision that is not known here. */
function isHandshake(message: JsonRpcRequest, claim: unknown, envelope: Envelope | WireError): boolean {
  if (message.method !== 'initialize' || !('error' in envelope)) return false;
  return envelope.key !== 'unsupported_version' || !namesStatelessEra(claim);
}

/** True for the date of a stateless revision, known or to come: no session revision will follow the first of them. */
function namesStatelessEra(version: unknown): boolean {
  return typeof version === 'string' && version >= STATELESS_REVISIONS[0] && /^\d{4}-\d\d-\d\d$/.test(version);
}

function headerOfOtherEra(): WireError {
  return wireError('header_mismatch', 'The MCP-Protocol-Version header names a revision that has no initialize.');
}

function versionMismatch(): WireError {
  return wireError('header_mismatch', 'The MCP-Protocol-Version header does not name the version of the body.');
}

/** An unknown version in the body that the header does not name either is a mismatch before it is unsupported. */
function contradicts(header: string | undefined, claim: unknown, { key }: WireError): boolean {
  return key === 'unsupported_version' && header !== undefined && header !== claim;
}

function checkHeaders(
  headers: HeaderBag,
  header: string | undefined,
  message: JsonRpcRequest,
  claim: string,
): WireError | undefined {
  if (header === undefined) {
    return wireError('header_mismatch', 'The MCP-Protocol-Version header is missing or was sent twice.');
  }
  if (header !== claim) return versionMismatch();
  return checkStandardHeaders(headers, message);
}

function readEnvelope(meta: JsonObject): Envelope | WireError {
  const revision = meta[META_PROTOCOL_VERSION];
  const capabilities = meta[META_CLIENT_CAPABILITIES];
  const info = meta[META_CLIENT_INFO];
  const level = meta[META_LOG_LEVEL];
  if (typeof revision !== 'string') return envelopeError(META_PROTOCOL_VERSION, 'must be a string');
  if (!isCapabilities(capabilities)) return envelopeError(META_CLIENT_CAPABILITIES, 'must be an object of objects');
  if (info !== undefined && !isImplementation(info)) {
    return envelopeError(META_CLIENT_INFO, 'must have a name and a version');
  }
  if (level !== undefined && !isLogLevel(level)) return envelopeError(META_LOG_LEVEL, 'must be a log level');
  if (!isProgressToken(meta['progressToken'])) return envelopeError('progressToken', 'must be a string or an integer');
  if (!isStatelessRevision(revision)) return unsupportedVersion(revision);
  return {
    revision,
    clientCapabilities: capabilities,
    ...(info !== undefined && { clientInfo: info }),
    ...(level !== undefined && { logLevel: level }),
  };
}

/** The capabilities that the revision defines. Others may be anything and pass through. */
const CLIENT_CAPABILITIES = ['elicitation', 'sampling', 'roots', 'extensions', 'experimental'] as const;

function isCapabilities(value: unknown): value is JsonObject {
  return isObject(value) && CLIENT_CAPABILITIES.every((name) => value[name] === undefined || isObject(value[name]));
}

function isProgressToken(value: unknown): boolean {
  return value === undefined || typeof value === 'string' || Number.isSafeInteger(value);
}

function isImplementation(value: unknown): value is JsonObject {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
}

function envelopeError(key: string, problem: string): WireError {
  return wireError('invalid_envelope', `_meta["${key}"] ${problem}.`);
}

/** -32022 with what is supported. */
export function unsupportedVersion(requested: string): WireError {
  return wireError('unsupported_version', undefined, {
    supported: [...STATELESS_REVISIONS, ...SESSION_REVISIONS.toReversed()],
    requested,
  });
}

function refused(error: WireError): Classified {
  return { era: 'refused', error };
}

/** `_meta` of a request that crosses into the session era: without the keys of the stateless envelope. */
export function withoutEnvelope(meta: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(meta).filter(([key]) => !key.startsWith(META_PREFIX)));
}
