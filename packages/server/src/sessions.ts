/**
 * Sessions of the session era over HTTP: created by `initialize`, bound to one principal and one endpoint, ended by
 * DELETE, by idleness or by age (2025-11-25, transports, "Session management"). A session is one record and one map
 * entry; it is not a server and not a transport. Streams and event ids are looked up inside a session only, so they
 * are bound to its principal and endpoint with it (see outbox.ts).
 */

import { randomUUID } from 'node:crypto';
import {
  sseEvent,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type LogLevel,
  type RequestId,
  type SessionRevision,
} from '@sallyport/wire';
import { Asks } from './asks.ts';
import { principalKey, type ClientFacts, type Principal, type Session, type Visitor } from './exchange.ts';
import { Outbox, parseEventId } from './outbox.ts';
import { ShortMap } from './under-way.ts';

export interface SessionLimits {
  /** Sessions at the same time. */
  readonly max: number;
  readonly idleMs: number;
  readonly absoluteMs: number;
  /** How long a broken stream waits for its client to come back. */
  readonly resumeMs: number;
}

export const SESSION_LIMITS: SessionLimits = {
  max: 1000,
  idleMs: 30 * 60_000,
  absoluteMs: 24 * 60 * 60_000,
  resumeMs: 60_000,
};

/** After so long a client may come back to a stream that broke. */
const RETRY_MS = 1000;
const OWN_STREAM = { events: 64, bytes: 256 * 1024 };
const CALL_STREAM = { events: 256, bytes: 1024 * 1024 };
/** Streams of calls that are kept at the same time, those in case the client missed the end included. */
const MAX_STREAMS = 64;

/** A call of a session that is under way. */
export interface OpenCall {
  /** Its client wants no answer any more. */
  cancel(): void;
  /** Its session has ended: it is answered with that. */
  cut(): void;
}

export interface SessionSeed {
  readonly endpoint: string;
  readonly principal: Principal;
  readonly revision: SessionRevision;
  readonly client: ClientFacts;
}

interface CallStream {
  readonly stream: Outbox;
  /** When it was first seen to have ended. */
  endedMs: number | undefined;
}

/** A stream, and the event of it that the client has seen last. */
export interface Resumption {
  readonly stream: Outbox;
  readonly sequence: number | undefined;
}

export class HttpSession implements Session {
  readonly transport = 'http' as const;
  readonly id: string;
  readonly endpoint: string;
  principal: Principal;
  readonly revision: SessionRevision;
  readonly client: ClientFacts;
  /** The key of its principal. */
  readonly owner: string;
  readonly asks: Asks = new Asks();
  /** Requests under way, by the client's id. */
  readonly calls: ShortMap<RequestId, OpenCall> = new ShortMap();
  logLevel: LogLevel | undefined = undefined;
  lastUsedMs: number;
  readonly createdMs: number;
  #own: Outbox | undefined;
  #streams: Map<string, CallStream> | undefined;
  #nextStream = 0;

  constructor(seed: SessionSeed, nowMs: number) {
    this.id = randomUUID();
    this.endpoint = seed.endpoint;
    this.principal = seed.principal;
    this.revision = seed.revision;
    this.client = seed.client;
    this.owner = principalKey(seed.principal);
    this.createdMs = nowMs;
    this.lastUsedMs = nowMs;
  }

  /** The stream of messages that belong to no request. */
  get own(): Outbox {
    this.#own ??= this.#outbox(OWN_STREAM);
    return this.#own;
  }

  notify(message: JsonRpcNotification | JsonRpcRequest): void {
    this.own.send(JSON.stringify(message));
  }

  /** A stream for the messages of one POST. */
  openStream(): Outbox {
    const stream = this.#outbox(CALL_STREAM);
    this.#streams ??= new Map();
    if (this.#streams.size >= MAX_STREAMS) this.#dropFinished(() => true);
    this.#streams.set(stream.name, { stream, endedMs: undefined });
    return stream;
  }

  /** Forgets streams that ended `keepMs` ago: their clients do not come back. */
  prune(nowMs: number, keepMs: number): void {
    this.#dropFinished((entry) => {
      entry.endedMs ??= nowMs;
      return nowMs - entry.endedMs >= keepMs;
    });
  }

  #dropFinished(drop: (entry: CallStream) => boolean): void {
    for (const [name, entry] of this.#streams ?? []) if (entry.stream.ended && drop(entry)) this.#streams?.delete(name);
  }

  /** Where an event id leaves off; undefined when it is unknown, or what came after it is not kept. */
  streamOf(eventId: string): Resumption | undefined {
    const parsed = parseEventId(eventId);
    if (parsed === undefined) return undefined;
    const stream = this.#own?.name === parsed.name ? this.#own : this.#streams?.get(parsed.name)?.stream;
    return stream?.holds(parsed.sequence) ? { stream, sequence: parsed.sequence } : undefined;
  }

  /** True while a client is connected to it or waits for an answer. */
  get busy(): boolean {
    return this.calls.size > 0 || (this.#own?.connected ?? false);
  }

  end(): void {
    for (const call of this.calls.values()) call.cut();
    this.asks.close();
    this.#own?.end();
    for (const { stream } of this.#streams?.values() ?? []) stream.end();
  }

  #outbox(limits: { events: number; bytes: number }): Outbox {
    // The empty event that opens a stream also says when to come back for the rest.
    return new Outbox((this.#nextStream++).toString(36), limits, (data, id) =>
      sseEvent(data, data === '' ? { id, retry: RETRY_MS } : { id }),
    );
  }
}

export interface SessionEvents {
  opened(session: Session): void;
  changed(session: Session, before: Principal): void;
  closed(session: Session): void;
}

export class SessionTable {
  readonly #sessions: Map<string, HttpSession> = new Map();
  /** The same sessions by principal. */
  readonly #owners: Map<string, Set<HttpSession>> = new Map();
  readonly #limits: SessionLimits;
  readonly #events: SessionEvents;
  readonly now: () => number;

  constructor(limits: SessionLimits, events: SessionEvents, now: () => number) {
    this.#limits = limits;
    this.#events = events;
    this.now = now;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Undefined when the table is full and nobody's session may give way. */
  open(seed: SessionSeed): HttpSession | undefined {
    if (this.#sessions.size >= this.#limits.max && !this.#evict()) return undefined;
    const session = new HttpSession(seed, this.now());
    this.#sessions.set(session.id, session);
    const owned = this.#owners.get(session.owner);
    if (owned === undefined) this.#owners.set(session.owner, new Set([session]));
    else owned.add(session);
    this.#events.opened(session);
    return session;
  }

  /** A session of this principal at this endpoint. Another principal's is as unknown as none. */
  find(id: string, endpoint: string, principal: Principal): HttpSession | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined || session.endpoint !== endpoint) return undefined;
    if (session.principal !== principal && session.owner !== principalKey(principal)) return undefined;
    const now = this.now();
    if (this.#expired(session, now)) {
      this.end(session);
      return undefined;
    }
    session.lastUsedMs = now;
    const before = session.principal;
    session.principal = principal;
    if (before !== principal) this.#events.changed(session, before);
    return session;
  }

  /** A call or stream of the session is over: it was in use until now. */
  touch(session: HttpSession): void {
    session.lastUsedMs = this.now();
  }

  end(session: HttpSession): void {
    if (!this.#sessions.delete(session.id)) return;
    const owned = this.#owners.get(session.owner);
    owned?.delete(session);
    if (owned?.size === 0) this.#owners.delete(session.owner);
    session.end();
    this.#events.closed(session);
  }

  /** Ends what has expired. */
  sweep(): void {
    const now = this.now();
    for (const session of this.#sessions.values()) {
      if (this.#expired(session, now)) this.end(session);
      else session.prune(now, this.#limits.resumeMs);
    }
  }

  /** Ends those at places that are no more, for their principal or for anybody. */
  endWhere(isGone: (visitor: Visitor) => boolean): void {
    for (const session of this.#sessions.values()) if (isGone(session)) this.end(session);
  }

  close(): void {
    for (const session of this.#sessions.values()) this.end(session);
  }

  #expired(session: HttpSession, now: number): boolean {
    if (now - session.createdMs > this.#limits.absoluteMs) return true;
    return !session.busy && now - session.lastUsedMs > this.#limits.idleMs;
  }

  /**
   * Room is made by the principal that has the most sessions: the one unused for longest goes, if any is unused. Who
   * opens sessions without end loses only their own.
   */
  #evict(): boolean {
    let largest: ReadonlySet<HttpSession> = new Set();
    for (const owned of this.#owners.values()) if (owned.size > largest.size) largest = owned;
    let oldest: HttpSession | undefined;
    for (const session of largest) {
      if (!session.busy && (oldest === undefined || session.lastUsedMs < oldest.lastUsedMs)) oldest = session;
    }
    if (oldest === undefined) return false;
    this.end(oldest);
    return true;
  }
}
