/**
 * Which era a request belongs to, and the ladder of checks on a stateless request in the order that 2026-07-28 asks
 * for: envelope, version, headers. Pure; the answer is a classification or the error to send.
 * The body decides the era, so that a proxy which drops a header cannot change it. Capabilities that a method needs,
 * and whether the method exists, are checked by who knows the method.
 */
import { wireError } from './errors.ts';
import { checkStandardHeaders, singleHeader } from './headers.ts';
import { isObject } from './json.ts';
import { isStatelessRevision, META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_LOG_LEVEL, META_PREFIX, META_PROTOCOL_VERSION, SESSION_REVISIONS, STATELESS_REVISIONS, } from './revisions.ts';
export const LOG_LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
export function isLogLevel(value) {
    return LOG_LEVELS.includes(value);
}
/** The revision that a body claims in its `_meta`, whatever it is; undefined when it makes no claim. */
export function claimedVersion(message) {
    const meta = message.params?.['_meta'];
    return isObject(meta) ? meta[META_PROTOCOL_VERSION] : undefined;
}
/**
 * Classifies a request. `headers` is absent on transports that have none.
 * A body without a claim is session-era traffic, unless its version header names a stateless revision: then the
 * envelope is missing. `initialize` is the session era's handshake unless a whole envelope of a stateless revision
 * says otherwise; under a header of the stateless era it contradicts that header.
 */
export function classifyRequest(message, headers) {
    const header = headers && singleHeader(headers, 'mcp-protocol-version');
    const claim = claimedVersion(message);
    const envelope = claim === undefined ? undefined : readEnvelope(message.params?.['_meta']);
    if (envelope === undefined || isHandshake(message, claim, envelope)) {
        if (!namesStatelessEra(header))
            return { era: 'session' };
        return refused(message.method === 'initialize' ? headerOfOtherEra() : envelopeError(META_PROTOCOL_VERSION, 'is missing'));
    }
    if ('error' in envelope)
        return refused(contradicts(header, claim, envelope) ? versionMismatch() : envelope);
    const problem = headers && checkHeaders(headers, header, message, envelope.revision);
    return problem === undefined ? { era: 'stateless', envelope } : refused(problem);
}
/** True for `initialize`, unless the envelope is whole but for a stateless revision that is not known here. */
function isHandshake(message, claim, envelope) {
    if (message.method !== 'initialize' || !('error' in envelope))
        return false;
    return envelope.key !== 'unsupported_version' || !namesStatelessEra(claim);
}
/** True for the date of a stateless revision, known or to come: no session revision will follow the first of them. */
function namesStatelessEra(version) {
    return typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version) && version >= STATELESS_REVISIONS[0];
}
function headerOfOtherEra() {
    return wireError('header_mismatch', 'The MCP-Protocol-Version header names a revision that has no initialize.');
}
function versionMismatch() {
    return wireError('header_mismatch', 'The MCP-Protocol-Version header does not name the version of the body.');
}
/** An unknown version in the body that the header does not name either is a mismatch before it is unsupported. */
function contradicts(header, claim, { key }) {
    return key === 'unsupported_version' && header !== undefined && header !== claim;
}
function checkHeaders(headers, header, message, claim) {
    if (header === undefined) {
        return wireError('header_mismatch', 'The MCP-Protocol-Version header is missing or was sent twice.');
    }
    if (header !== claim)
        return versionMismatch();
    return checkStandardHeaders(headers, message);
}
function readEnvelope(meta) {
    const revision = meta[META_PROTOCOL_VERSION];
    const capabilities = meta[META_CLIENT_CAPABILITIES];
    const info = meta[META_CLIENT_INFO];
    const level = meta[META_LOG_LEVEL];
    if (typeof revision !== 'string')
        return envelopeError(META_PROTOCOL_VERSION, 'must be a string');
    if (!isCapabilities(capabilities))
        return envelopeError(META_CLIENT_CAPABILITIES, 'must be an object of objects');
    if (info !== undefined && !isImplementation(info)) {
        return envelopeError(META_CLIENT_INFO, 'must have a name and a version');
    }
    if (level !== undefined && !isLogLevel(level))
        return envelopeError(META_LOG_LEVEL, 'must be a log level');
    if (!isProgressToken(meta['progressToken']))
        return envelopeError('progressToken', 'must be a string or an integer');
    if (!isStatelessRevision(revision))
        return unsupportedVersion(revision);
    return {
        revision,
        clientCapabilities: capabilities,
        ...(info !== undefined && { clientInfo: info }),
        ...(level !== undefined && { logLevel: level }),
    };
}
/** The capabilities that the revision defines. Others may be anything and pass through. */
const CLIENT_CAPABILITIES = ['elicitation', 'sampling', 'roots', 'extensions', 'experimental'];
function isCapabilities(value) {
    return isObject(value) && CLIENT_CAPABILITIES.every((name) => value[name] === undefined || isObject(value[name]));
}
function isProgressToken(value) {
    return value === undefined || typeof value === 'string' || Number.isSafeInteger(value);
}
function isImplementation(value) {
    return isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
}
function envelopeError(key, problem) {
    return wireError('invalid_envelope', `_meta["${key}"] ${problem}.`);
}
/** -32022 with what is supported. */
export function unsupportedVersion(requested) {
    return wireError('unsupported_version', undefined, {
        supported: [...STATELESS_REVISIONS, ...SESSION_REVISIONS.toReversed()],
        requested,
    });
}
function refused(error) {
    return { era: 'refused', error };
}
/** `_meta` of a request that crosses into the session era: without the keys of the stateless envelope. */
export function withoutEnvelope(meta) {
    return Object.fromEntries(Object.entries(meta).filter(([key]) => !key.startsWith(META_PREFIX)));
}
