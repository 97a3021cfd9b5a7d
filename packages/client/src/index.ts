/** Talk to any MCP server: over any transport, in both eras, started when wanted and kept alive. */

export { createUpstream } from './supervise.ts';
export type {
  Authorization,
  ChildCommand,
  GuessedTransport,
  HttpTarget,
  InProcessTarget,
  Launch,
  OnWire,
  OutsideTarget,
  PreparedChild,
  SseTarget,
  StdioTarget,
  Target,
  TlsFiles,
  Upstream,
  UpstreamEvents,
  UpstreamOptions,
  UpstreamState,
  UpstreamStatus,
  Verdict,
  VerdictStore,
  WsTarget,
} from './upstream.ts';
export { UpstreamError } from './leg.ts';
export type {
  BodyRest,
  BodySink,
  Cause,
  ErrorAnswer,
  Leg,
  LegEvents,
  Outgoing,
  Pending,
  ResultAnswer,
  ServerFacts,
  ServerRequestAnswer,
  UpstreamAnswer,
  UpstreamReason,
} from './leg.ts';
export { ask, askAllPages, errorOf, type AskOptions, type Pages } from './ask.ts';
export { openHttpSession } from './http/open.ts';
export type { HttpOptions } from './http/options.ts';
export { HASH_LENGTHS, shownName, type Naming } from './naming.ts';
export { connect } from './connect/connect.ts';
export { createMultiClient } from './connect/multi.ts';
export type {
  MergedList,
  MultiClient,
  MultiClientEvents,
  MultiClientOptions,
  MultiServer,
  Owned,
} from './connect/multi.ts';
export type { Client, ClientEvents, ClientState, ClientStats } from './connect/api.ts';
export type { RequestOptions } from './connect/call.ts';
export { ClientError, type ClientErrorCode } from './connect/error.ts';
export {
  checkForm,
  readForm,
  type BooleanField,
  type CheckedForm,
  type ChoiceField,
  type ChoicesField,
  type FormContent,
  type FormField,
  type FormFormat,
  type FormOption,
  type FormProblem,
  type FormProblemCode,
  type FormValue,
  type NumberField,
  type TextField,
} from './connect/form.ts';
export type {
  Declined,
  ElicitationHandlers,
  FormAnswer,
  FormRequest,
  Handlers,
  Root,
  SamplingHandler,
  SamplingRequest,
  SamplingResult,
  UrlAnswer,
  UrlRequest,
} from './connect/handlers.ts';
export type { HeartbeatOptions } from './connect/heartbeat.ts';
export type { BrowserOAuth, MachineOAuth, OAuthOptions, OwnRedirect } from './connect/login.ts';
export type { ConnectOptions, Diagnostic } from './connect/options.ts';
export type { CommandTarget, ConnectTarget, UrlTarget } from './connect/target.ts';
export type {
  CallToolResult,
  Completion,
  CompletionReference,
  ContentBlock,
  GetPromptResult,
  Icon,
  Progress,
  Prompt,
  PromptArgument,
  PromptMessage,
  ReadResourceResult,
  Resource,
  ResourceContents,
  ResourceTemplate,
  ServerDescription,
  Tool,
  ToolAnnotations,
} from './connect/types.ts';
