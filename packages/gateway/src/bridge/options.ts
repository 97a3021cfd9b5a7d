/** What the bridge is given of the other rooms and of the process. Types only. */

import type { Leg, Outgoing, ServerRequestAnswer, UpstreamAnswer } from '@sallyport/client';
import type { JsonObject, LogLevel } from '@sallyport/wire';
import type { Call } from '../call.ts';

/** Calls `fire` once after `ms`; returns what takes it back. */
export type SetTimer = (fire: () => void, ms: number) => () => void;

/**
 * What a server is answered without asking the client of the call, in either era: an error for what the client did not
 * declare, or what the gateway itself knows. Undefined: the client is asked.
 */
export type Unasked = (call: Call, method: string, params: JsonObject | undefined) => ServerRequestAnswer | undefined;

/** JSON text by member of the parameters; undefined removes one. */
export type Changes = Readonly<Record<string, string | undefined>>;
export type Compose = (changes: Changes) => Outgoing;

/** What carries calls in one era: a leg to a server, or what does as if. */
export type Carrier = Pick<Leg, 'era' | 'revision' | 'server' | 'request'>;

export interface BridgeOptions {
  /** `_meta` as text, with the progress token left open. */
  readonly metaText: (meta: JsonObject) => string;
  /** Asks the session-era client of the call. Never rejects: an error is an answer. */
  readonly ask: (call: Call, method: string, params: JsonObject | undefined) => Promise<ServerRequestAnswer>;
  readonly unasked: Unasked;
  /** Lets a session-era server send the log messages that a stateless call wants. */
  readonly needLevel: (leg: Carrier, level: LogLevel) => Promise<void>;
  /** The HTTP status of a server's error for a stateless client. */
  readonly statusFor: (answer: UpstreamAnswer & { kind: 'error' }) => number;
  /** Authenticated encryption for `requestState`. */
  readonly seal: (plain: string, bound: string) => string;
  /** Undefined for what was not sealed with the same key and `bound`. */
  readonly unseal: (sealed: string, bound: string) => string | undefined;
  /** Milliseconds that a call waits for its client between two rounds. */
  readonly requestStateMs: number;
  /** Text that nobody can guess: 128 random bits at least. */
  readonly randomId: () => string;
  /** Milliseconds. */
  readonly now: () => number;
  /** For tests; a timer that does not keep the process alive without it. */
  readonly setTimer?: SetTimer;
}
