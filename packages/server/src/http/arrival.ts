/** What the listener hands to an endpoint. Types alone. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorKey } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';

/** A request whose caller is known. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly principal: Principal;
  /** The name of the place that was asked. */
  readonly endpoint: string;
  /** CORS and the like, for every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** It ends without having become a call. */
  readonly onRefused: ((reason: ErrorKey) => void) | undefined;
}

/** One that asks to become a WebSocket. `response` stands for its refusal until the socket is taken. */
export interface UpgradeArrival extends Arrival {
  /** What came right behind the request. */
  readonly head: Buffer;
}
