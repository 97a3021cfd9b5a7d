/** JSON-RPC and the revisions of the Model Context Protocol. No input or output happens here. */

export {
  MAX_BATCH,
  MAX_BODY_BYTES,
  MAX_HEADER_BYTES,
  MAX_ID_LENGTH,
  MAX_JSON_DEPTH,
  MAX_JSON_MEMBERS,
  MAX_METHOD_LENGTH,
  MAX_UPSTREAM_BYTES,
} from './limits.ts';
export {
  atLeast,
  BATCH_REVISION,
  eraOf,
  isSessionRevision,
  isStatelessRevision,
  LATEST_SESSION,
  LATEST_STATELESS,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PREFIX,
  META_PROTOCOL_VERSION,
  META_SERVER_INFO,
  META_SUBSCRIPTION_ID,
  negotiateSession,
  SESSION_REVISIONS,
  STATELESS_REVISIONS,
  UNSTATED_REVISION,
  type Era,
  type Revision,
  type SessionRevision,
  type StatelessRevision,
} from './revisions.ts';
export {
  ERRORS,
  statusOf,
  wireError,
  withLogId,
  type ErrorKey,
  type ErrorRow,
  type JsonRpcErrorObject,
  type WireError,
} from './errors.ts';
export { isObject, mergeObjects, type JsonObject, type JsonValue } from './json.ts';
export { canonicalId } from './naming.ts';
export { compileSchema, type SchemaCheck } from './schema/compile.ts';
export type { CompilePattern, Pattern } from './schema/making.ts';
export type { Schema } from './schema/names.ts';
export { canonicalJson, SchemaError, TooCostly, type Problem } from './schema/run.ts';
export {
  classify,
  failure,
  isErrorObject,
  isRequestId,
  MESSAGE_LIMITS,
  readMessage,
  type Incoming,
  type JsonRpcFailure,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type JsonRpcResult,
  type MessageLimits,
  type RequestId,
} from './message.ts';
export {
  applyEdits,
  exceedsShape,
  members,
  nestedMembers,
  type Edit,
  type Members,
  type NestedMembers,
  type Span,
} from './json-text.ts';
export {
  membersOfBytes,
  resultBytes,
  resultHead,
  scanResult,
  type ResultBytes,
  type ResultScan,
} from './response-bytes.ts';
export {
  checkParamHeaders,
  checkStandardHeaders,
  decodeHeaderValue,
  encodeHeaderValue,
  mirrorParams,
  nameOf,
  PARAM_HEADER_PREFIX,
  paramHeaders,
  singleHeader,
  standardHeaders,
  type HeaderBag,
  type ParamHeader,
  type ParamHeaders,
} from './headers.ts';
export {
  claimedVersion,
  classifyRequest,
  isLogLevel,
  LOG_LEVELS,
  unsupportedVersion,
  withoutEnvelope,
  type Classified,
  type Envelope,
  type LogLevel,
} from './envelope.ts';
export {
  createSseReader,
  isSingleLine,
  SSE_HEARTBEAT,
  sseEvent,
  sseHead,
  type SseEvent,
  type SseFields,
  type SseReader,
  type SseReaderOptions,
} from './sse.ts';
