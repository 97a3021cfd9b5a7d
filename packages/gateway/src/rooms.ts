/** The rooms together: what they are given, and what the rest of the gateway may do with them. Types, and the one fixed path. */

import type { KeyObject } from 'node:crypto';
import type { Reaper } from '@sallyport/host';
import type { Principal, Served, Session } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Audit } from './audit/index.ts';
import type { Call } from './call.ts';
import type { CatalogRoom } from './catalog/index.ts';
import type { Config } from './config/index.ts';
import type { EgressRoom } from './egress/index.ts';
import type { Guard } from './guard/index.ts';
import type { Interceptors } from './interceptors/index.ts';
import type { ProgramStatus } from './installs/index.ts';
import type { OpenBrowser } from './logins/browser.ts';
import type { LoginActs } from './logins/acts.ts';
import type { Logins } from './logins/index.ts';
import type { OutboundFetch } from './wiring/outbound.ts';
import type { PinsRoom } from './pins/index.ts';
import type { Explain, ExplainOptions, Policy } from './policy/index.ts';
import type { SandboxRoom, SandboxStatus } from './sandbox/index.ts';
import type { Sealing } from './round.ts';
import type { Store } from './store/index.ts';
import type { Log } from './telemetry/index.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { UpstreamRoom } from './upstream/index.ts';
import type { Renewal } from './upstream/renewal.ts';

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
  /** Results that are kept for their callers. */
  readonly resultKey: KeyObject;
  /** For them, of this process alone; undefined: they stay in memory. */
  readonly resultsFolder: string | undefined;
  /** A folder with nothing in it. */
  readonly emptyFolder: string;
  /** To addresses that the operator wrote. */
  readonly fetch: OutboundFetch;
  readonly now: () => number;
  readonly metrics: Metrics;
  readonly audit: Audit;
  readonly reaper: Reaper;
  readonly sandboxes: SandboxRoom;
  /** What is done about credentials that servers refused. */
  readonly renewal: Renewal;
  readonly egress: EgressRoom;
  /** Where packages are installed that servers would fetch; undefined: nowhere. */
  readonly installsBase: string | undefined;
  readonly policy: Policy;
  /** Roles of a client key by its name; undefined when there is none. */
  readonly rolesOfKey: ExplainOptions['rolesOfKey'];
  /** `WWW-Authenticate` for a token that lacks scopes. */
  readonly challenge: (call: Call, scopes: readonly string[]) => string;
  readonly logins: Logins;
  /** Opened: what is pinned is known. */
  readonly pins: PinsRoom;
  readonly guard: Guard;
  /** Tells the guard the credentials of a configuration. */
  readonly learnOwn: (config: Config) => void;
  /** Opens an address for this machine's user; undefined where no program for it is named. */
  readonly openBrowser: OpenBrowser | undefined;
  /** The URL of a page at which a principal agrees to a login; undefined where there is none for it now. */
  readonly loginLink: (principal: Principal, payload: JsonObject) => Promise<string | undefined>;
  /** For what pages carry. */
  readonly linkSealing: Sealing;
}

export interface Rooms {
  readonly served: Served;
  readonly catalog: CatalogRoom;
  readonly upstreams: UpstreamRoom;
  /** How the children of a server are caged; undefined: none was started yet. */
  sandbox(server: string): SandboxStatus | undefined;
  /** What a server was kept from, in sentences with the command that opens it. */
  blocked(server: string): readonly string[];
  /** What is known of the program of a server, as of its last start. */
  program(server: string): ProgramStatus;
  /** Those that are open. */
  readonly sessions: Iterable<Session>;
  /** Calls that wait for their clients between two rounds. */
  readonly parkedCalls: number;
  /** The canonical name of the place at a path and query, for somebody; undefined when there is none. */
  place(path: string, query: string, principal: Principal): string | undefined;
  /** By the policy in force. */
  rolesOf(principal: Principal): ReadonlySet<string>;
  /** What the policy says of a call that is not made, for the user of this machine. */
  readonly explain: Explain;
  /** What this machine's user does about logins at servers. */
  readonly logins: LoginActs & {
    /** Whether a server waits for a login of that user, or of the gateway where one serves all. */
    waitsForUser(server: string): boolean;
  };
  /** Tools that are not as they were pinned, a sentence for each server. */
  pinNotes(): readonly string[];
  /** Asks the servers that are up for their lists anew; gives their names. */
  relist(): readonly string[];
  readonly interceptors: Pick<Interceptors, 'counts' | 'cut' | 'notes' | 'warm'>;
  /** What is wrong with the audit trail, a sentence each. */
  auditNotes(): readonly string[];
  /** The configuration in force. */
  readonly config: Config;
  /**
   * Takes another configuration over: what did not change goes on, calls under way end as they began. Sessions at endpoints
   * that are no more are ended by who has them.
   */
  replace(config: Config, policy: Policy): void;
  /** Ends what a principal (`principalKey`) has of servers for itself, and drops what they said to it alone. */
  forget(owner: string): void;
  /** Drops the results that are kept for principals of whom it is said that they are out. */
  dropResults(isOut: (owner: string) => Promise<boolean>): Promise<void>;
  /** From now on new calls are refused; resolves when none is under way. */
  drain(): Promise<void>;
  /** Ends what is open in order. */
  close(): Promise<void>;
  destroy(): void;
}
