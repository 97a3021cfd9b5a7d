/** JSON-RPC and the revisions of the Model Context Protocol. No input or output happens here. */
export { MAX_BATCH, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_ID_LENGTH, MAX_JSON_DEPTH, MAX_JSON_MEMBERS, MAX_METHOD_LENGTH, MAX_UPSTREAM_BYTES, } from './limits.ts';
export { atLeast, BATCH_REVISION, eraOf, isSessionRevision, isStatelessRevision, LATEST_SESSION, LATEST_STATELESS, META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_LOG_LEVEL, META_PREFIX, META_PROTOCOL_VERSION, META_SERVER_INFO, META_SUBSCRIPTION_ID, negotiateSession, SESSION_REVISIONS, STATELESS_REVISIONS, UNSTATED_REVISION, } from './revisions.ts';
export { ERRORS, statusOf, wireError, withLogId, } from './errors.ts';
export { isObject, mergeObjects } from './json.ts';
export { classify, failure, isErrorObject, isRequestId, MESSAGE_LIMITS, readMessage, } from './message.ts';
export { applyEdits, exceedsShape, members } from './json-text.ts';
export { resultBytes, resultHead } from './response-bytes.ts';
export { checkParamHeaders, checkStandardHeaders, decodeHeaderValue, encodeHeaderValue, mirrorParams, nameOf, PARAM_HEADER_PREFIX, paramHeaders, singleHeader, standardHeaders, } from './headers.ts';
export { claimedVersion, classifyRequest, isLogLevel, LOG_LEVELS, unsupportedVersion, withoutEnvelope, } from './envelope.ts';
export { createSseReader, isSingleLine, SSE_HEARTBEAT, sseEvent, sseHead, } from './sse.ts';
