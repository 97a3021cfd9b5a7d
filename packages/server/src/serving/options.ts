/** What a served server is told. Types and defaults alone; what is wrong with them is found in settle.ts. */

import type { Readable, Writable } from 'node:stream';
import type { MessageLimits } from '@sallyport/wire';
import type { Verify } from '../auth/authenticate.ts';
import type { Principal, Served } from '../exchange.ts';
import type { ListenerLimits } from '../http/listener-options.ts';
import type { HeadOverrides } from '../http/headers.ts';
import type { CorsOptions } from '../http/shield.ts';
import type { SessionStore } from '../session-store.ts';
import type { SessionLimits } from '../sessions.ts';
import type { AuthProvider } from './auth/provider.ts';
import type { Log } from './log.ts';
import type { RateOptions } from './rates.ts';
import type { Route } from './route.ts';

/** What can be served: anything with a `Served`, such as what `createServer` makes, or one itself. */
export type Servable = Served | { readonly served: Served };

export interface HttpOptions {
  /** 127.0.0.1. */
  readonly host?: string;
  /** 0: a free one. */
  readonly port?: number;
}

/** PEM, or the paths of files with it, which are read again when they change. */
export interface HttpsOptions {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  /** The authorities of client certificates; without it none are asked for. */
  readonly clientCa?: string | Buffer;
  /** The revocation lists of all of them. */
  readonly crl?: string | Buffer;
  /** TLSv1.3. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** How often files are looked at; 0: never. A minute. */
  readonly reloadMs?: number;
}

export interface StdioOptions {
  readonly input?: Readable;
  readonly output?: Writable;
  /** Who the client is. The user of this machine. */
  readonly principal?: Principal;
}

export interface LimitOptions {
  /** Of a message: the body of a POST, a WebSocket message, a line. 4 MiB. */
  readonly bodyBytes?: number;
  /** Of JSON: nesting (64), entries of a batch (50), members in all. */
  readonly message?: Partial<MessageLimits>;
  /** Headers, timeouts, connections of an address, heartbeats. */
  readonly listener?: Partial<ListenerLimits>;
  /** Streams and connections that a principal may hold open. 64. */
  readonly streamsPerPrincipal?: number;
  /** Failed attempts of an address in a minute. 60. */
  readonly failedAuthentications?: number;
  /** Requests over time; `false`: none of these limits. 1000 a minute for a principal, 3000 for an address. */
  readonly rate?: RateOptions | false;
  /** How long what is under way may take when the server closes. 10 s. */
  readonly drainMs?: number;
}

export interface SessionOptions extends Partial<SessionLimits> {
  /** Where sessions, and what their streams said, survive a restart. Memory. */
  readonly store?: SessionStore;
}

/** What `serve` and `mount` have in common. */
export interface PlaceOptions {
  /** Of the MCP endpoint. `/mcp`. */
  readonly path?: string;
  /** On the same path. */
  readonly websocket?: boolean;
  /** The transport of 2024-11-05, at `/sse` and `/messages`. */
  readonly sse?: boolean;
  /** In the order in which they are tried. `none()`: this machine alone. */
  readonly auth?: AuthProvider | Verify | readonly (AuthProvider | Verify)[];
  /** OAuth scopes that every token needs. */
  readonly scopes?: readonly string[];
  readonly sessions?: SessionOptions;
  readonly limits?: LimitOptions;
  /** Further host names that requests may be for. */
  readonly hosts?: readonly string[];
  /** Origins of web pages that may call; never `*`. */
  readonly origins?: readonly string[];
  /** The methods of `routes` are allowed besides. */
  readonly cors?: Partial<Omit<CorsOptions, 'allowedMethods'>>;
  /** Where clients reach it, when that is not its own address. */
  readonly publicUrl?: string;
  /** Addresses and networks (CIDR) of proxies whose word on their clients is taken. */
  readonly trustProxy?: readonly string[];
  /** Security headers with other values, or without (`false`). */
  readonly headers?: HeadOverrides;
  readonly routes?: readonly Route[];
  /**
   * What the query of a request to the MCP endpoint makes of it. The text becomes a part of `endpoint` behind a `?`: handlers
   * see it, and a session belongs to it as it belongs to the path. Empty: nothing. `refused`: 400, with these words for the
   * caller. Asked when there is a query, once the caller is known; absent, a query means nothing.
   */
  readonly query?: (query: URLSearchParams) => string | { readonly refused: string };
  /** A path at which anybody learns whether it serves; `false`: none. `/healthz`. */
  readonly health?: string | false;
  /** Serves strangers where no authentication is asked for. */
  readonly openToStrangers?: boolean;
  /** Lines of JSON on stderr; `false`: nothing. */
  readonly log?: Log | false;
  /** Milliseconds since 1970. Sessions, credentials and limits over time go by it, timers (heartbeats, timeouts) do not. */
  readonly now?: () => number;
}

export interface ServeOptions extends PlaceOptions {
  readonly stdio?: boolean | StdioOptions;
  readonly http?: boolean | HttpOptions;
  /** The port of `http` speaks TLS. */
  readonly https?: HttpsOptions;
  /** Speaks plain HTTP beyond loopback: a proxy in front speaks TLS. */
  readonly plainBehindProxy?: boolean;
}

/** There is no health route unless one is named: the app around it has its own. */
export interface MountOptions extends PlaceOptions {
  /**
   * The app around it listens at addresses of this machine alone, and no proxy stands before it: whoever comes is local. Without
   * it nobody is, because a proxy on this machine looks the same from here.
   */
  readonly loopback?: boolean;
}

export const BODY_BYTES: number = 4 * 1024 * 1024;
export const DRAIN_MS = 10_000;
export const FAILED_AUTHENTICATIONS = 60;
export const SSE_PATH = '/sse';
export const MESSAGES_PATH = '/messages';
