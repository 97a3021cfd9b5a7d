/** Talk to any MCP server: over any transport, in both eras, started when wanted and kept alive. */

export { createUpstream } from './supervise.ts';
export type {
  Authorization,
  ChildCommand,
  GuessedTransport,
  HttpTarget,
  Launch,
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
