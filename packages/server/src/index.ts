/** Serve MCP over any transport: listeners, sessions, limits. What is served stands behind `Served`. */

export {
  errorAnswer,
  preparedResult,
  principalKey,
  type Answer,
  type AnswerRest,
  type AnswerSink,
  type ClientFacts,
  type ClientReply,
  type Exchange,
  type LocalClient,
  type Principal,
  type ServerDescription,
  type Served,
  type Session,
  type Visitor,
} from './exchange.ts';
export { CONNECTIONS_PER_PRINCIPAL, createSeats, type Seats } from './connection/seats.ts';
export { ConnectionTable, type ConnectionTableOptions } from './connection/table.ts';
export type {
  Authenticate,
  Authenticated,
  ClientCertificate,
  Credentials,
  Rejected,
  Unauthenticated,
  Verified,
  Verify,
} from './auth/authenticate.ts';
export type { Records, StoredRecord } from './records.ts';
export { createFailureLimit, type FailureLimit } from './auth/failures.ts';
export { bearerOf } from './auth/bearer.ts';
export { createAuthenticate, type ChainOptions } from './auth/chain.ts';
export { createChallenge, type Asked, type Challenge, type ChallengeOptions } from './auth/challenge.ts';
export { CERTIFICATE_ISSUER, createCertificateVerify } from './auth/certificate-verify.ts';
export { createConfiguredKeys, type ConfiguredKeysOptions } from './auth/configured-keys.ts';
export { configuredKeyProblems, keyTextProblem, type ConfiguredKey } from './auth/configured-key-check.ts';
export { createKeyVerify, type KeyVerifyOptions } from './auth/key-verify.ts';
export { loadBcrypt, type Bcrypt } from './auth/bcrypt.ts';
export type { Proof, Prove, Proved } from './auth/proof.ts';
export { keepSubjectToken, subjectTokenOf, type SubjectToken } from './auth/subject-tokens.ts';
export {
  createProtectedResources,
  type ProtectedResourceMetadata,
  type ProtectedResources,
  type ProtectedResourcesOptions,
} from './auth/protected-resource.ts';
export {
  createKeyTable,
  formatClientKey,
  hasKeyForm,
  KeyError,
  type ClientKey,
  type IssuedKey,
  type KeyErrorCode,
  type KeyRecord,
  type KeyStorage,
  type KeyTable,
  type KeyTableOptions,
  type NewKey,
  type Rotation,
  type StoredKey,
} from './auth/keys.ts';
export { createListener } from './http/listener.ts';
export { LISTENER_LIMITS, type Listener, type ListenerLimits, type ListenerOptions } from './http/listener-options.ts';
export type { Arrival, Endpoint, Place, PublicRoute, UpgradeArrival, UpgradeEndpoint } from './http/arrival.ts';
export type { RemoteClient } from './http/forwarded.ts';
export { networkOf } from './network.ts';
export { TLS_CIPHER_SUITES, type TlsMaterial, type TlsOptions } from './http/tls-options.ts';
export { McpEndpoint, type McpEndpointOptions } from './http/mcp-endpoint.ts';
export { createSseDoor, type SseDoor, type SseDoorOptions } from './http/sse.ts';
export { createWebSocketDoor, type WebSocketDoorOptions } from './http/web-socket.ts';
export { checkBodyHeaders, readBody, type Body } from './http/body.ts';
export { refusePlain } from './http/refuse.ts';
export { createShield, isLoopbackHost, type PeerFacts, type Shield, type ShieldOptions } from './http/shield.ts';
export { SESSION_LIMITS, SessionTable, type SessionLimits } from './sessions.ts';
export { LineReader, type LineReaderOptions } from './stdio/lines.ts';
export { openStdioDoor, type StdioDoor, type StdioDoorOptions } from './stdio/door.ts';
export { SERVE_ERRORS, ServeError, type ServeErrorCode } from './serving/errors.ts';
export { createLog, redact, redactText, type Log, type LogOptions } from './serving/log.ts';
export type { FetchClient } from './serving/fetch-bridge.ts';
export { mount, type FastifyLike, type HonoContext, type Mounted } from './serving/mount.ts';
export type {
  HttpOptions,
  HttpsOptions,
  LimitOptions,
  MountOptions,
  PlaceOptions,
  Servable,
  ServeOptions,
  SessionOptions,
  StdioOptions,
} from './serving/options.ts';
export type { LimitReached, RateCaller, RateLimitName, RateOptions, RateText } from './serving/rates.ts';
export type { Route, RouteVisit } from './serving/route.ts';
export type { ConnectionInfo, ServingStats } from './serving/facts.ts';
export { serve, type Serving } from './serving/serve.ts';
export type { SessionStore, StoredEvent, StoredSession } from './session-store.ts';
export { createServer, type Clock, type McpServer, type ServerOptions } from './framework/server.ts';
export { MissingCapabilityError, NotAnsweredError, ResourceNotFoundError, ToolError } from './framework/errors.ts';
export type {
  Context,
  Elicit,
  Elicited,
  FormQuestion,
  Root,
  Sampled,
  SampleQuestion,
  Trace,
  UrlQuestion,
  User,
  Viewer,
} from './framework/context.ts';
export type {
  CallResult,
  Completer,
  Content,
  Given,
  ListedResource,
  PromptArgs,
  PromptArgument,
  PromptDefinition,
  PromptHandler,
  PromptMessage,
  PromptResult,
  Registered,
  ResourceContents,
  ResourceDefinition,
  ResourceHandler,
  ResourceResult,
  Restriction,
  TemplateDefinition,
  TemplateHandler,
  ToolAnnotations,
  ToolDefinition,
  ToolHandler,
  ToolParams,
  ToolResult,
  Variables,
} from './framework/definitions.ts';
export type { AnySchema, InputOf, OutputOf, StandardSchema } from './framework/standard-schema.ts';
export { createUriTemplate, type TemplateValue, type UriTemplate } from './framework/uri-template.ts';
