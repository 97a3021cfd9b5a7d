/** The rooms together: what they are given, and what the rest of the gateway may do with them. Types, and the one fixed path. */

import type { KeyObject } from 'node:crypto';
import type { Reaper } from '@sallyport/host';
import type { Principal, Served, Session } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Call } from './call.ts';
import type { CatalogRoom } from './catalog/index.ts';
import type { Config } from './config/index.ts';
import type { Explain, ExplainOptions, Policy } from './policy/index.ts';
import type { Store } from './store/index.ts';
import type { Log } from './telemetry/index.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { UpstreamRoom } from './upstream/index.ts';

/** Where the legacy transport is found (2024-11-05, "HTTP with SSE"). */
export const SSE_PATH = '/sse';
/** And where it takes messages. */
export const MESSAGES_PATH = '/messages';

export interface RoomOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly store: Store;
  readonly log: Log;
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  readonly cursorKey: KeyObject;
  readonly handleKey: KeyObject;
  /** What clients bring back in `requestState`. */
  readonly stateKey: KeyObject;
  /** A folder with nothing in it. */
  readonly emptyFolder: string;
  readonly now: () => number;
  readonly metrics: Metrics;
  readonly reaper: Reaper;
  readonly policy: Policy;
  /** Roles of a client key by its name; undefined when there is none. */
  readonly rolesOfKey: ExplainOptions['rolesOfKey'];
  /** `WWW-Authenticate` for a token that lacks scopes. */
  readonly challenge: (call: Call, scopes: readonly string[]) => string;
}

export interface Rooms {
  readonly served: Served;
  readonly catalog: CatalogRoom;
  readonly upstreams: UpstreamRoom;
  /** Those that are open. */
  readonly sessions: Iterable<Session>;
  /** Calls that wait for their clients between two rounds. */
  readonly parkedCalls: number;
  /** The canonical name of the place at a path and query, for somebody; undefined when there is none. */
  place(path: string, query: string, principal: Principal): string | undefined;
  /** What the policy says of a call that is not made, for the user of this machine. */
  readonly explain: Explain;
  /** The configuration in force. */
  readonly config: Config;
  /**
   * Takes another configuration over: what did not change goes on, calls under way end as they began. Sessions at endpoints
   * that are no more are ended by who has them.
   */
  replace(config: Config, policy: Policy): void;
  /** From now on new calls are refused; resolves when none is under way. */
  drain(): Promise<void>;
  /** Ends what is open in order. */
  close(): Promise<void>;
  destroy(): void;
}
