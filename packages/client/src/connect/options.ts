/** The settings of a client. Types only. */

import type { Era, JsonObject } from '@sallyport/wire';
import type { SetTimer } from '../clock.ts';
import type { Environment } from '../proxy.ts';
import type { OnWire } from '../upstream.ts';
import type { Handlers } from './handlers.ts';
import type { HeartbeatOptions } from './heartbeat.ts';
import type { OAuthOptions } from './login.ts';

/** All durations in milliseconds. */
export interface ConnectOptions extends Handlers {
  /** What servers are told of this program. Default: the name and version of this package. */
  readonly clientInfo?: { readonly name: string; readonly version: string; readonly title?: string };
  /** Declared beside those that the handlers stand for, as `{ sampling: { tools: {} } }`. */
  readonly capabilities?: JsonObject;
  /** Which era to speak. Default `auto`: the stateless one where the server speaks it, else the session era. */
  readonly era?: 'auto' | Era;
  /** Aborted: the server is not reached for any longer. Without effect once it was reached. */
  readonly signal?: AbortSignal;
  /** To reach the server and greet it. Default: 10 s. */
  readonly connectTimeoutMs?: number;
  /** Of a request, without an answer or progress. Default: 60 s. */
  readonly timeoutMs?: number;
  /** Of a request in all. Default: 30 minutes. */
  readonly maxMs?: number;
  /** Until a handler has answered. Default: 10 minutes. */
  readonly inputMs?: number;
  /** Default: every 30 s, 10 s for an answer. `intervalMs: 0`: none. */
  readonly heartbeat?: Partial<HeartbeatOptions>;
  /**
   * A server that went down is tried again, with growing pauses of 30 s at most, until the client is closed. Default: true;
   * false: the client is closed with it.
   */
  readonly reconnect?: boolean;
  /** Of one message of the server, in bytes. Default: 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Tokens for a server that wants them. Not together with a header `authorization`. */
  readonly oauth?: OAuthOptions;
  /** What happens beside the answers, such as what a child writes to stderr. Default: nothing is written. */
  readonly onDiagnostic?: (diagnostic: Diagnostic) => void;
  /**
   * Hears every message as it goes over the pipes of a program or over Streamable HTTP, for a wire log; not over WebSocket and
   * HTTP+SSE. Of a program `onDiagnostic` tells then, too, what it prints on standard output besides.
   */
  readonly onWire?: OnWire;
}

export interface Diagnostic {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
  readonly detail: Readonly<Record<string, unknown>> | undefined;
}

/** What tests replace. */
export interface ClientParts {
  readonly setTimer: SetTimer;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Where proxies are named, and PATH, and the few variables that a child gets. */
  readonly env: Environment;
}
