/** What the listener hands to an endpoint, and what an endpoint is. Types alone. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorKey } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';
import type { RemoteClient } from './forwarded.ts';

/** A request whose caller is known. */
export interface Arrival extends RemoteClient {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly principal: Principal;
  /** The name of the place that was asked. */
  readonly endpoint: string;
  /** CORS and the like, for every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** It ends without having become a call. */
  readonly onRefused: ((reason: ErrorKey, address: string | undefined) => void) | undefined;
}

/** One that asks to become a WebSocket. `response` stands for its refusal until the socket is taken. */
export interface UpgradeArrival extends Arrival {
  /** What came right behind the request. */
  readonly head: Buffer;
}

/** Something that is served, under the name that its sessions and calls carry. Several may share an endpoint. */
export interface Place {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Without it a request to upgrade is answered like any other (RFC 9110 §7.8). */
  readonly webSocket?: UpgradeEndpoint | undefined;
}

/** What answers at a path once the caller is known. */
export interface Endpoint {
  handle(arrival: Arrival): void;
}

/** What takes over the sockets of requests that become WebSockets. */
export interface UpgradeEndpoint {
  upgrade(arrival: UpgradeArrival): void;
}

/** What answers at a path that needs no credential: health, well-known documents, signing in. */
export interface PublicRoute {
  readonly handle: (request: IncomingMessage, response: ServerResponse, client: RemoteClient) => void;
  /** It is answered whatever the Host header says. */
  readonly hostExempt: boolean;
}
