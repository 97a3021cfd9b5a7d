/** What a handler is told of the call that it answers, and how it talks to the client of that call. Types only. */

import type { Era, HeaderBag, JsonObject, JsonValue, LogLevel, RequestId, Revision } from '@sallyport/wire';
import type { ClientFacts, Principal, Session } from '../exchange.ts';
import type { AnySchema, OutputOf } from './standard-schema.ts';

/** Who calls, as far as the credential says. Never what a client says of itself. */
export interface User {
  /** The principal's subject: unique with its issuer. */
  readonly id: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  /** Empty where the credential knows none. */
  readonly scopes: readonly string[];
  readonly claims: JsonObject;
}

/** Facts about a client that hold for all that it asks. */
export interface Viewer {
  readonly principal: Principal;
  readonly user: User;
  readonly transport: 'http' | 'stdio' | 'ws' | 'sse';
  /** The name of the place that was asked: a path, with what the option `query` of `serve` made of its query, or `stdio`. */
  readonly endpoint: string;
  /** What it says of itself, and can do. */
  readonly client: ClientFacts;
  readonly session: Session | undefined;
}

/** W3C Trace Context. */
export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Of the caller, or made here. To be handed on with requests that the handler makes. */
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

/** Asks for a form to be filled in. A Standard Schema or the restricted JSON Schema of the specification. */
export interface FormQuestion<S extends AnySchema = AnySchema> {
  readonly message: string;
  readonly requestedSchema: S;
  /** The name under which a stateless client sees the question; unique within the call. */
  readonly key?: string;
}

/** Asks for a page to be opened. `accept` says that the user agreed, not that the page is done. */
export interface UrlQuestion {
  readonly mode: 'url';
  readonly message: string;
  readonly url: string;
  readonly key?: string;
}

/** `content` is there when it was accepted, and fits the schema. */
export type Elicited<T> =
  | { readonly action: 'accept'; readonly content: T }
  | { readonly action: 'decline' | 'cancel'; readonly content?: undefined };

export interface SampleQuestion {
  /** `{ role, content }` each, as `sampling/createMessage` has them. A text alone is one message of the user. */
  readonly messages: string | readonly JsonObject[];
  readonly maxTokens: number;
  readonly systemPrompt?: string;
  readonly modelPreferences?: JsonObject;
  readonly temperature?: number;
  readonly stopSequences?: readonly string[];
  readonly tools?: readonly JsonObject[];
  readonly toolChoice?: JsonObject;
  readonly metadata?: JsonObject;
  readonly key?: string;
}

export interface Sampled {
  readonly role: string;
  readonly model: string;
  readonly content: JsonValue;
  readonly stopReason?: string;
}

export interface Root {
  readonly uri: string;
  readonly name?: string;
}

export interface Elicit {
  /**
   * Waits for the user. Rejects with `MissingCapabilityError` where the client cannot, and with `NotAnsweredError` where it
   * answers with an error, not in time, or with what does not fit.
   */
  <S extends AnySchema>(question: FormQuestion<S>): Promise<Elicited<OutputOf<S>>>;
  (question: UrlQuestion): Promise<Elicited<undefined>>;
}

/**
 * One call. It lives as long as its handler and belongs to nobody else; its functions may be taken out of it. What is sent after
 * the answer is lost.
 */
export interface Context extends Viewer {
  /** The client's id of the request. */
  readonly requestId: RequestId;
  readonly trace: Trace;
  readonly era: Era;
  readonly revision: Revision;
  /** Of the HTTP request, without its credentials. */
  readonly headers: HeaderBag | undefined;
  /** The client's network address, where it has one. */
  readonly address: string | undefined;
  /** Aborted when the client cancels or goes. */
  readonly signal: AbortSignal;
  /** Tells how far it is, where the client asked for that. `done` must grow. */
  readonly progress: (done: number, total?: number, message?: string) => void;
  /** A log message to this client, where it wants that level. In 2026-07-28 only where the request names one. */
  readonly log: (level: LogLevel, data: JsonValue, logger?: string) => void;
  /** Any notification on the stream of this call. */
  readonly notify: (method: string, params?: JsonObject) => void;
  /** The answer will take long: over HTTP a client of the session era can leave now and come back for it. */
  readonly hold: () => void;
  readonly elicit: Elicit;
  /** Has the client's model write something. Rejects as `elicit` does. */
  readonly sample: (question: SampleQuestion) => Promise<Sampled>;
  /** The folders that the client works in. Rejects as `elicit` does. */
  readonly roots: (question?: { readonly key?: string }) => Promise<readonly Root[]>;
}
