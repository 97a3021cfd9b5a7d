/**
 * A leg: one live connection to one MCP server in one era, whatever the transport. Types only.
 * A leg allocates ids, matches answers, keeps the clock of each request and hands what the server says meanwhile to
 * the request that caused it. It does not decide which server to call, and it does not look into results.
 */

import type {
  Era,
  JsonObject,
  JsonRpcErrorObject,
  JsonRpcNotification,
  JsonRpcRequest,
  Revision,
} from '@sallyport/wire';
import type { LoginNeeded } from './oauth/login.ts';

/** What a server said of itself in `initialize` or `server/discover`. Unknown members are kept. */
export interface ServerFacts {
  readonly info: JsonObject;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  /** Every revision the server is known to speak; from `server/discover`, else the negotiated one. */
  readonly revisions: readonly string[];
}

/** Who gets what the server says while a request is under way. */
export interface Cause {
  /**
   * Who may be asked what an earlier request of the same owner, given up since, may have caused: one conversation with one
   * client. Absent: nobody, as long as such a request may still run.
   */
  owner?(): string;
  /** Nobody is there to be asked for now, though the request is under way. Absent: somebody always is. */
  isAway?(): boolean;
  /** Progress and log messages of this request. `params` is the notification's, with the upstream's token in it. */
  notify(message: JsonRpcNotification): void;
  /** A request of the server (sampling, elicitation, roots), session era only. Rejects never: an error is an answer. */
  ask(message: JsonRpcRequest): Promise<ServerRequestAnswer>;
  /** The id of the request's cause in the log. */
  logId?(): string;
  /** The server has put its answer off: it closed the stream and will be asked again for it (2025-11-25). */
  deferred?(): void;
}

export type ServerRequestAnswer = { readonly result: JsonObject } | { readonly error: JsonRpcErrorObject };

export interface Outgoing {
  readonly method: string;
  /** What `Mcp-Name` carries in the stateless era over HTTP. */
  readonly name?: string | undefined;
  /** `Mcp-Param-*` headers, lower case, encoded. */
  readonly paramHeaders?: Readonly<Record<string, string>> | undefined;
  /** The whole message with `id` put in place, and put in as the progress token where one is wanted. */
  readonly text: (id: number) => string;
  /** Milliseconds without an answer or progress; progress renews it. */
  readonly timeoutMs: number;
  /** Milliseconds in all; progress does not move it. Both clocks stand still while `Cause.ask` is unanswered. */
  readonly maxMs: number;
  /** Absent for requests that the gateway makes for itself. */
  readonly cause?: Cause;
}

/** A successful response cut at its id: `before` + id + `after` + what `rest` still brings. */
export interface ResultAnswer {
  readonly kind: 'result';
  readonly before: Buffer;
  readonly after: Buffer;
  /** The part of a large body that has not arrived yet. */
  readonly rest?: BodyRest;
}

/** An error response of the server, as it came. `status` is the HTTP status it came with, where there was one. */
export interface ErrorAnswer {
  readonly kind: 'error';
  readonly error: JsonRpcErrorObject;
  readonly status?: number;
}

export type UpstreamAnswer = ResultAnswer | ErrorAnswer;

/** Where the rest of a large body goes. */
export interface BodySink {
  /** False asks for a pause until `BodyRest.resume` is called. */
  write(chunk: Buffer): boolean;
  end(): void;
  /** The body broke off. */
  fail(error: Error): void;
}

export interface BodyRest {
  /** Bytes still to come, exactly. */
  readonly bytes: number;
  /** Starts the flow, once. Chunks that came meanwhile are written at once. */
  pipe(sink: BodySink): void;
  resume(): void;
  /** Gives the rest up and frees the connection. */
  cancel(): void;
}

/** A request under way. */
export interface Pending {
  /** Rejects with `UpstreamError` alone. */
  readonly answer: Promise<UpstreamAnswer>;
  /** Tells the server (`notifications/cancelled`, or by closing the stream) and rejects `answer` with `cancelled`. */
  cancel(reason?: string): void;
}

export interface Leg {
  readonly era: Era;
  readonly revision: Revision;
  readonly server: ServerFacts;
  /** `_meta` of requests that the gateway makes for itself: the envelope of the stateless era, undefined in the session era. */
  readonly ownMeta: JsonObject | undefined;
  /** Requests with a cause that are under way. */
  readonly inFlight: number;
  request(outgoing: Outgoing): Pending;
  /** Sends a notification. Never throws; what cannot be sent is logged. */
  notify(method: string, params?: JsonObject): void;
  /**
   * Replaces the set of resources whose updates are wanted. Session era: `resources/subscribe` and `unsubscribe` for the
   * difference; stateless era: the one `subscriptions/listen` is renewed. What the server refuses is logged.
   */
  setSubscriptions(uris: readonly string[]): void;
  /** Replaces the set of tasks whose news are wanted (2026-07-28, tasks extension). Absent: this leg has none of these. */
  setTasks?(taskIds: readonly string[]): void;
  /** How many resources and tasks are in these sets. */
  readonly subscriptions: number;
  /** Ends the leg in order: the session is deleted, the child is given its time. Idempotent. */
  close(): Promise<void>;
  /** Ends it now. Requests under way fail with `down`. Idempotent. */
  destroy(): void;
}

/** What happens on a leg outside of any request. */
export interface LegEvents {
  /** A notification that no request caused: list_changed, resource updates, log messages without an owner. */
  onNotification(message: JsonRpcNotification): void;
  /**
   * A request of the server that cannot be attributed to exactly one call. The answer goes back as it is. While a promise is
   * awaited the clocks of the calls under way stand still, since one of them may have caused it.
   */
  onUnattributed(message: JsonRpcRequest): ServerRequestAnswer | Promise<ServerRequestAnswer>;
  /** The leg is gone without having been asked to go. Called once. */
  onDown(error: UpstreamError): void;
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string, detail?: Readonly<Record<string, unknown>>): void;
}

/** Why an upstream gave no answer. */
export type UpstreamReason =
  /** It cannot be started, reached, or went away. */
  | 'down'
  /** It failed too often and is left alone for a while. */
  | 'breaker'
  /** The call's clock ran out. */
  | 'timeout'
  /** A message of it was larger than the limit. */
  | 'too_large'
  /** It did not speak the protocol. */
  | 'protocol'
  /** It asked for a credential. */
  | 'unauthorized'
  /** The caller gave up. */
  | 'cancelled';

/** The one error of this package. `message` is for the operator's log, never for a stranger. */
export class UpstreamError extends Error {
  readonly reason: UpstreamReason;
  /** HTTP status, where there was one. */
  readonly status: number | undefined;
  /** With `unauthorized`: a person must log in first. */
  readonly login: LoginNeeded | undefined;

  constructor(
    reason: UpstreamReason,
    message: string,
    options?: { status?: number; cause?: unknown; login?: LoginNeeded },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UpstreamError';
    this.reason = reason;
    this.status = options?.status;
    this.login = options?.login;
  }
}

/** It is over for want of a token, and trying again is of no use until somebody has logged in. */
export function isUnauthorized(error: unknown): boolean {
  return error instanceof UpstreamError && error.reason === 'unauthorized';
}
