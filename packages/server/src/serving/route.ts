/** A path of the author's own, as it is written. Types alone. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BrowserIdentity, Html } from '../browser/types.ts';
import type { Principal } from '../exchange.ts';

/** Who asks, and how it is answered in few words. */
export interface RouteVisit {
  /** Undefined on open routes. */
  readonly principal: Principal | undefined;
  /** The client's network address, behind trusted proxies the one that they name. */
  readonly address: string | undefined;
  /** It came over TLS. */
  readonly secure: boolean;
  /** On routes for people: the hidden fields that a form of this path must have. */
  readonly fields?: Html;
  /** On routes for people: writes pages. */
  readonly browser?: BrowserIdentity;
  /** On routes for people: the form that was posted, checked to come from the page of this path. */
  readonly form?: URLSearchParams;
  /** The body as text; undefined, and answered, when it is larger or no UTF-8. */
  readonly body: (maxBytes: number) => Promise<string | undefined>;
  readonly json: (value: unknown, status?: number) => void;
}

export interface Route {
  /** As it is sent: compared whole. With `/*` at its end, all below it. The first that fits answers. */
  readonly path: string;
  /** GET and HEAD. */
  readonly methods?: readonly string[];
  /** `required`: a credential as at the MCP endpoint. `browser`: a person who has signed in. */
  readonly auth: 'none' | 'required' | 'browser';
  /** One of these. */
  readonly requireRole?: string | readonly string[];
  /** All of these. */
  readonly requireScope?: string | readonly string[];
  /** What it throws is logged, and answered with 500 and the id of the line. */
  readonly handle: (request: IncomingMessage, response: ServerResponse, visit: RouteVisit) => void | Promise<void>;
}
