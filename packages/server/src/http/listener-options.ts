/** What a listener is told. Types and defaults alone. */

import { MAX_HEADER_BYTES, type ErrorKey } from '@sallyport/wire';
import type { Authenticate } from '../auth/authenticate.ts';
import type { Principal } from '../exchange.ts';
import type { Place, PublicRoute } from './arrival.ts';
import type { Shield } from './shield.ts';
import type { TlsOptions } from './tls-options.ts';

export interface ListenerLimits {
  readonly headerBytes: number;
  /** Also for what comes before the first request: a handshake. */
  readonly headerTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** Sockets of one address at a time; trusted proxies may have any number. */
  readonly connectionsPerAddress: number;
  /** How often heartbeats go out and dead peers are looked for. */
  readonly sweepMs: number;
}

export const LISTENER_LIMITS: ListenerLimits = {
  headerBytes: MAX_HEADER_BYTES,
  headerTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  connectionsPerAddress: 256,
  sweepMs: 15_000,
};

export interface ListenerOptions {
  readonly shield: Shield;
  /** A rejection is answered as an error of ours, without a word on why. It has no time limit but its own. */
  readonly authenticate: Authenticate;
  /** What stands at a path for somebody; undefined when there is nothing. `query` is without its `?`. */
  readonly endpoint: (path: string, query: string, principal: Principal) => Place | undefined;
  /** Another value as soon as another thing may stand at a path for somebody who is the same as before. */
  readonly edition: () => unknown;
  /** Whether a WebSocket may be opened at paths of this form, whatever stands there: asked before anybody is known. */
  readonly opensWebSocket: (path: string) => boolean;
  /** Paths on which errors are JSON-RPC errors. */
  readonly isMcpPath: (path: string) => boolean;
  /** What stands at a path without any credential. */
  readonly route: (path: string) => PublicRoute | undefined;
  /** Speaks TLS. A plain request is sent to the same place by https, and nothing of it is looked at but that place. */
  readonly tls?: TlsOptions | undefined;
  readonly limits: ListenerLimits;
  /** A request ended without having become a call. `address`: of the client, as far as it is known. */
  readonly onRefused?: (reason: ErrorKey, address: string | undefined) => void;
  /** Called every `sweepMs`: heartbeats, expiry. */
  readonly onSweep: () => void;
}
