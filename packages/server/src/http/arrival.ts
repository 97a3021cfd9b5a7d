/** What the listener hands to an endpoint. Types alone. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../exchange.ts';

/** A request whose caller is known. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly principal: Principal;
  /** CORS and the like, for every answer. */
  readonly headers: Readonly<Record<string, string>>;
}
