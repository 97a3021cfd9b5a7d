/**
 * What a transport hands to whoever serves: one request with every fact about its caller, and a way to talk to that
 * caller until the request is answered. Types and small constructors; no transport is known here.
 */

import {
  wireError,
  type Era,
  type ErrorKey,
  type HeaderBag,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type LogLevel,
  type Revision,
  type WireError,
  statusOf,
} from '@sallyport/wire';

/** Who calls: never the bytes of a credential, which `subjectTokenOf` alone may know. */
export interface Principal {
  readonly issuer: string;
  readonly subject: string;
  /** As its credential states them: those of a key, or of the claim for roles. */
  readonly roles: readonly string[];
  /** As its credential states them. */
  readonly groups?: readonly string[];
  /** OAuth scopes; absent: the credential knows none, as a client key, and is not limited by them. */
  readonly scopes?: readonly string[];
  /** What a token says of it, verified. */
  readonly claims?: JsonObject;
}

/** The key under which everything that belongs to a principal hangs. */
export function principalKey(principal: Principal): string {
  const known = KEYS.get(principal);
  if (known !== undefined) return known;
  const key = JSON.stringify([principal.issuer, principal.subject]);
  KEYS.set(principal, key);
  return key;
}

/** It is asked several times for each call, and a principal is the same object for all that one credential asks. */
const KEYS: WeakMap<Principal, string> = new WeakMap();

/** What a client says of itself. Never an input to a decision. */
export interface ClientFacts {
  readonly info: JsonObject | undefined;
  readonly capabilities: JsonObject;
}

/** The rest of a large body: starts to flow when it is piped. */
export interface AnswerRest {
  /** Bytes still to come, exactly. */
  readonly bytes: number;
  pipe(sink: AnswerSink): void;
  resume(): void;
  cancel(): void;
}

export interface AnswerSink {
  /** False asks for a pause until `AnswerRest.resume`. */
  write(chunk: Buffer): boolean;
  end(): void;
  fail(error: Error): void;
}

/** How a request is answered. */
export type Answer =
  /** A response as bytes, cut at its id: `before` + id + `after` + `rest`. */
  | { readonly kind: 'result'; readonly before: Buffer; readonly after: Buffer; readonly rest?: AnswerRest }
  /** A result still to be serialised. */
  | { readonly kind: 'value'; readonly result: JsonObject }
  /** `status` is used on HTTP as long as nothing was sent. */
  | {
      readonly kind: 'error';
      readonly error: JsonRpcErrorObject;
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
    };

const RESULT_START: Buffer = Buffer.from('{"jsonrpc":"2.0","id":');

/** A result that was serialised before: the text of the result object, made once and used for many answers. */
export function preparedResult(result: string): Answer {
  return { kind: 'result', before: RESULT_START, after: Buffer.from(`,"result":${result}}`) };
}

/** An error of the table as an answer. */
export function errorAnswer(key: ErrorKey, era: Era, message?: string, data?: JsonObject): Answer {
  return { kind: 'error', error: wireError(key, message, data).error, status: statusOf(key, era) };
}

/** The same with what `Served.admit` says. */
export function refusedAnswer({ error, headers }: NotAdmitted, era: Era): Answer {
  return { kind: 'error', error: error.error, status: statusOf(error.key, era), headers };
}

/** What a client answered to a request of the server. */
export type ClientReply = { readonly result: JsonObject } | { readonly error: JsonRpcErrorObject };

/** A session of the session era, as the one who serves sees it. */
export interface Session {
  readonly id: string;
  readonly transport: 'http' | 'stdio' | 'ws' | 'sse';
  readonly endpoint: string;
  /** As its last request showed it; who it is stays the same. */
  readonly principal: Principal;
  readonly revision: Revision;
  readonly client: ClientFacts;
  /** The level of `logging/setLevel`; undefined until it is set. */
  logLevel: LogLevel | undefined;
  /** A message that belongs to no request, on the session's own stream. Kept, within bounds, until one is open. */
  notify(message: JsonRpcNotification): void;
}

/** A client on this machine. */
export interface LocalClient {
  /** The folder it works in, as far as its door knows it. */
  readonly folder: string | undefined;
}

export interface Exchange {
  readonly message: JsonRpcRequest;
  /** The message as it was written, so that numbers and unknown members can be forwarded untouched. */
  readonly text: string;
  readonly era: Era;
  readonly revision: Revision;
  readonly transport: 'http' | 'stdio' | 'ws' | 'sse';
  /** The name of the place that was asked: a path, with what narrows it, or `stdio`. */
  readonly endpoint: string;
  /** Undefined for a client on another machine, or behind a proxy. */
  readonly local: LocalClient | undefined;
  /** The client's network address, behind trusted proxies the one that they name; undefined over stdio. */
  readonly address: string | undefined;
  readonly principal: Principal;
  readonly client: ClientFacts;
  /** Log messages of this level and above are wanted; undefined: none, in the stateless era. */
  readonly logLevel: LogLevel | undefined;
  readonly session: Session | undefined;
  readonly headers: HeaderBag | undefined;
  /** True once the client has cancelled or gone; nothing that is sent then arrives. */
  readonly cancelled: boolean;
  /** Called at most once, also at once when it is already cancelled. */
  onCancel(listener: () => void): void;
  /** The answer will take a while: a client that can leave and come back for it is given the means now. */
  hold(): void;
  /** A notification on this request's own stream, before its answer. */
  notify(message: JsonRpcNotification): void;
  /** A request to the client on this request's own stream. Session era only. An error is an answer too. */
  ask(method: string, params: JsonObject | undefined): Promise<ClientReply>;
}

/** What `initialize` and `server/discover` answer with. */
export interface ServerDescription {
  readonly info: JsonObject;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}

/** Facts about a caller before any message of it is read. */
export interface Visitor {
  readonly endpoint: string;
  readonly principal: Principal;
}

/** Why something is not answered now, and what its answer says besides. */
export interface NotAdmitted {
  readonly error: WireError;
  readonly headers: Readonly<Record<string, string>>;
}

/** Whoever serves MCP behind the transports. */
export interface Served {
  /** Whether `initialize`, `ping` and `server/discover` are answered, which nobody else counts. Absent: always. */
  admit?(
    caller: Pick<Exchange, 'address' | 'headers' | 'local' | 'message' | 'principal' | 'session' | 'transport'>,
  ): NotAdmitted | undefined;
  describe(visitor: Visitor, era: Era): ServerDescription | Promise<ServerDescription>;
  /** Answers one request. Must not reject. `initialize`, `ping` and `server/discover` do not come here. */
  handle(exchange: Exchange): Promise<Answer>;
  /** A notification of the client that is neither `initialized` nor `cancelled`. */
  notified(message: JsonRpcNotification, session: Session | undefined): void;
  sessionOpened(session: Session): void;
  /**
   * Who carries some requests takes no more: what waits without an end of its own, a `subscriptions/listen`, is answered now.
   * Absent: nothing waits so.
   */
  drain?(concerns: (exchange: Exchange) => boolean): void;
  /** Its principal has shown another credential, which may say something else of it than the one before. */
  sessionChanged(session: Session, before: Principal): void;
  sessionClosed(session: Session): void;
}
