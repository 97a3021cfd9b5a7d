/** What a listener is told, and what can be done with one. Types and defaults alone. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { MAX_HEADER_BYTES, type ErrorKey } from '@sallyport/wire';
import type { Authenticate } from '../auth/authenticate.ts';
import type { NotAdmitted, Principal } from '../exchange.ts';
import type { Place, PublicRoute } from './arrival.ts';
import type { RemoteClient } from './forwarded.ts';
import type { HeadTexts } from './headers.ts';
import type { CorsOptions, Shield } from './shield.ts';
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
  /** Why a request of this client is not looked at now: asked once Host and Origin are known to be good. */
  readonly admit?: ((client: RemoteClient) => NotAdmitted | undefined) | undefined;
  /** The headers that every answer has, where they are not the usual ones. */
  readonly heads?: HeadTexts | undefined;
  readonly cors?: CorsOptions | undefined;
  /** A request ended without having become a call. `address`: of the client, as far as it is known. */
  readonly onRefused?: (reason: ErrorKey, address: string | undefined) => void;
  /** Called every `sweepMs`: heartbeats, expiry. */
  readonly onSweep: () => void;
}

export interface Listener {
  /** Begins to accept. Rejects with the system's error (EADDRINUSE, EACCES …), or when what TLS needs cannot be used. */
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Sockets that are open, without those that have not spoken HTTP yet where that is told from TLS. */
  readonly sockets: number;
  /** Stops accepting and resolves when the last response is done, or after `graceMs`, when the rest is cut. Idempotent. */
  close(graceMs: number): Promise<void>;
  /** Cuts what is left: all sockets, and of those that another server has accepted the ones that wait for an answer from here. */
  cut(): void;
  /**
   * Asks again for the credential of every request that is still being answered and of every WebSocket, and cuts those
   * that would not be let in now, or as somebody else. Those at a place that is not there for them any more are cut the
   * next time, if nobody has ended them. Meant to run whenever credentials or places may have changed, and every second
   * or less, because credentials expire.
   */
  recheck(): void;
  /**
   * Loads certificates, authorities and revocation lists again, for connections to come. Those that are open stay, but
   * where other client certificates may hold now: then the ones that showed one end, after the answer that has not begun
   * yet. Throws, and leaves all as it was, when what is loaded cannot be used.
   */
  reloadTls(): void;
  /** Serves a request that another server has accepted, as if it had come here. Its answer is written by that server's response. */
  take(request: IncomingMessage, response: ServerResponse): void;
  /** The same for one that asks to become a WebSocket; `head` is what came behind it. */
  takeUpgrade(request: IncomingMessage, head: Buffer): void;
  /** Serves a connection that came over something else than a port. */
  inject(stream: Duplex): void;
}
