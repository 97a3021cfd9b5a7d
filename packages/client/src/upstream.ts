/**
 * An upstream: one configured server, kept alive. It starts legs when they are wanted, decides the era, restarts with
 * back-off, opens a breaker, and stops what has been idle. Types only for now.
 */

import type { Reaper } from '@sallyport/host';
import type { Era, JsonObject, JsonRpcNotification, JsonRpcRequest } from '@sallyport/wire';
import type { Leg, LegEvents, ServerRequestAnswer, UpstreamError } from './leg.ts';
import type { UpstreamAuthorization } from './oauth/authorization.ts';

export interface StdioTarget {
  readonly kind: 'stdio';
  readonly command: string;
  readonly args: readonly string[];
  /** What the configuration adds to the child's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Where a server is reached over the network. */
interface RemoteTarget {
  readonly url: URL;
  /** Sent to this origin alone; lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: TlsFiles;
}

/** Certificates for one server: PEM texts. */
export interface TlsFiles {
  /** Authorities that are trusted instead of the system's. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** SHA-256 of the server's public key (SPKI), base64, after `sha256/`. */
  readonly pin?: string;
}

/** How a remote server is given the tokens that it asks for; see the entry `oauth` of this package. */
export interface Authorization {
  /**
   * To be sent now; undefined: none. Without a promise where nothing must be looked up: it is asked for every request. It
   * may reject, and never throws.
   */
  token(): string | undefined | Promise<string | undefined>;
  /** As `UpstreamAuthorization.challenged`. */
  challenged: UpstreamAuthorization['challenged'];
}

/** Streamable HTTP. */
export interface HttpTarget extends RemoteTarget {
  readonly kind: 'http';
  /** Which of the two transports over HTTP it is was not configured: legacy HTTP+SSE is tried where this one fails. */
  readonly guess?: boolean;
}

/** The transport of 2024-11-05: an event stream, and a POST for each message. Session era alone. */
export interface SseTarget extends RemoteTarget {
  readonly kind: 'sse';
}

/** stdio's framing in text frames. `url` is `ws:` or `wss:`. */
export interface WsTarget extends RemoteTarget {
  readonly kind: 'ws';
}

/** What is started or reached. */
export type OutsideTarget = StdioTarget | HttpTarget | SseTarget | WsTarget;

/** This process is the server itself. */
export interface InProcessTarget {
  readonly kind: 'in-process';
  /** Rejects with `UpstreamError`, with the signal's reason too. */
  connect(events: LegEvents, signal: AbortSignal): Promise<Leg>;
}

export type Target = OutsideTarget | InProcessTarget;

export interface UpstreamOptions {
  readonly name: string;
  readonly target: Target;
  readonly era: 'auto' | Era;
  readonly connectTimeoutMs: number;
  /** 0 = never. */
  readonly idleMs: number;
  /** What is told to every server: the name and version of this program. */
  readonly clientInfo: JsonObject;
  /** The full set of client capabilities, told to shared session-era servers. */
  readonly clientCapabilities: JsonObject;
  readonly maxMessageBytes: number;
  readonly verdicts: VerdictStore;
  readonly events: UpstreamEvents;
  /** The gateway's environment: proxies, PATH, the allow-list of what a child gets. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  /**
   * Of a remote server whose `headers` hold no `authorization`; absent: one that asks for a token is refused with
   * `unauthorized`.
   */
  readonly authorization?: Authorization;
  /** Ends the children when this process is killed. Without one they go on. */
  readonly reaper?: Reaper;
  /** What is started instead of a child's own command; absent: that command. */
  readonly launch?: Launch;
  /** Hears every message of a child, as it goes over the pipes, or of a server over Streamable HTTP. */
  readonly onWire?: OnWire;
}

/** `bytes` is one message, on loan until it returns. Must not throw. */
export type OnWire = (direction: 'in' | 'out', bytes: Buffer) => void;

/** A child's command as it is to be started. */
export interface ChildCommand {
  /** Absolute path. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Complete: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
}

export interface PreparedChild extends ChildCommand {
  /** Called once, when the child has ended or was not started. Should not reject. */
  readonly release: () => Promise<void>;
}

/** Asked at every start of a child, as by who cages it. Rejects with an Error for a person when it must not be started. */
export type Launch = (child: ChildCommand) => Promise<PreparedChild>;

export type GuessedTransport = 'http' | 'sse';

/** The eras that a server was found to speak, and when. Kept across restarts of the gateway. */
export interface Verdict {
  readonly eras: readonly Era[];
  readonly atMs: number;
  /** Which transport it was found with, where that was guessed. Stored with the rest. */
  readonly transport?: GuessedTransport;
}

export interface VerdictStore {
  get(key: string): Promise<Verdict | undefined>;
  put(key: string, verdict: Verdict): Promise<void>;
}

export interface UpstreamEvents {
  /** It is started or reached for, for the first time or again. */
  onStart?(isAgain: boolean): void;
  /** That failed, and it counts: not when it only asks for a credential or is closed meanwhile. */
  onFailedStart?(error: UpstreamError): void;
  /** It failed so often in a row that it is left alone for a while. */
  onBroken?(): void;
  /** A leg is up: the catalogue may be read, subscriptions renewed. */
  onUp(leg: Leg): void;
  onDown(error: UpstreamError): void;
  onNotification(leg: Leg, message: JsonRpcNotification): void;
  onUnattributed(leg: Leg, message: JsonRpcRequest): ServerRequestAnswer;
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string, detail?: Readonly<Record<string, unknown>>): void;
}

export type UpstreamState = 'idle' | 'starting' | 'up' | 'failed' | 'closed';

export interface UpstreamStatus {
  readonly state: UpstreamState;
  readonly eras: readonly Era[];
  /** Of the leg that is up, or of the last one. */
  readonly revision: string | undefined;
  readonly pid: number | undefined;
  readonly lastError: string | undefined;
  /** Milliseconds until it may be tried again; 0 when it may be tried now. */
  readonly retryInMs: number;
  readonly restarts: number;
  readonly noiseLines: number;
}

export interface Upstream {
  readonly name: string;
  /**
   * A leg to send a request on, in the preferred era when the server speaks it, else in the other. Starts it when
   * there is none; callers that come meanwhile share the start. Rejects at once while a back-off or the breaker holds.
   */
  leg(preferred: Era): Promise<Leg>;
  /** The leg that `leg(preferred)` would give, if it is up: the hot path needs no promise. */
  ready(preferred: Era): Leg | undefined;
  /** Those that are up now. */
  readonly legs: readonly Leg[];
  status(): UpstreamStatus;
  /**
   * It is in use though no request is under way, as by a task that the server works on: it is not stopped for idleness
   * until what is returned was called. A server that goes down is restarted as ever. Each hold counts; release it once.
   */
  hold(): () => void;
  close(): Promise<void>;
  destroy(): void;
}
