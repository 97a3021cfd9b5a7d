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
export { CONNECTIONS_PER_PRINCIPAL, ConnectionTable, type ConnectionTableOptions } from './connection/table.ts';
export { createFailureLimit, type FailureLimit } from './auth/failures.ts';
export { createKeyAuthenticate, type KeyAuthenticateOptions } from './auth/key-authenticate.ts';
export {
  createKeyTable,
  formatClientKey,
  hasKeyForm,
  KeyError,
  type ClientKey,
  type KeyErrorCode,
  type KeyStorage,
  type KeyTable,
  type KeyTableOptions,
  type NewKey,
  type StoredKey,
} from './auth/keys.ts';
export {
  createListener,
  LISTENER_LIMITS,
  type Authenticate,
  type Credentials,
  type Endpoint,
  type Listener,
  type ListenerLimits,
  type ListenerOptions,
  type Place,
  type PublicRoute,
  type Unauthenticated,
  type UpgradeEndpoint,
} from './http/listener.ts';
export type { Arrival, UpgradeArrival } from './http/arrival.ts';
export { McpEndpoint, type McpEndpointOptions } from './http/mcp-endpoint.ts';
export { createSseDoor, type SseDoor, type SseDoorOptions } from './http/sse.ts';
export { createWebSocketDoor, type WebSocketDoorOptions } from './http/web-socket.ts';
export { checkBodyHeaders, readBody, type Body } from './http/body.ts';
export { refusePlain } from './http/refuse.ts';
export { createShield, isLoopbackHost, type Shield, type ShieldOptions } from './http/shield.ts';
export { SESSION_LIMITS, SessionTable, type SessionLimits } from './sessions.ts';
export { LineReader, type LineReaderOptions } from './stdio/lines.ts';
export { openStdioDoor, type StdioDoor, type StdioDoorOptions } from './stdio/door.ts';
