/**
 * Sessions of the session era over HTTP: created by `initialize`, bound to one principal and one endpoint, ended by
 * DELETE, by idleness or by age (2025-11-25, transports, "Session management"). A session is one record and one map
 * entry; it is not a server and not a transport. Streams and event ids are looked up inside a session only, so they
 * are bound to its principal and endpoint with it (see outbox.ts).
 */

import { hash, randomUUID } from 'node:crypto';
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
import type { SessionStore, StoredSession } from './session-store.ts';
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
/** The name of the own stream of a session that is kept, by which its client finds it again. Others have numbers. */
const OWN_NAME = 'own';
/** How often at most is written down that a session is in use. */
const SAVE_MS = 5000;
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
  savedMs = 0;
  readonly #kept: KeptSession | undefined;
  #own: Outbox | undefined;
  #streams: Map<string, CallStream> | undefined;
  #nextStream = 0;

  /** `kept`: where it is kept besides; with `before` it is one that was kept there. */
  constructor(seed: SessionSeed, nowMs: number, kept?: KeptSession) {
    this.id = kept?.id ?? randomUUID();
    this.#kept = kept;
    this.endpoint = seed.endpoint;
    this.principal = seed.principal;
    this.revision = seed.revision;
    this.client = seed.client;
    this.owner = principalKey(seed.principal);
    this.createdMs = kept?.before?.createdMs ?? nowMs;
    this.lastUsedMs = nowMs;
    this.logLevel = kept?.before?.logLevel;
    // Streams of calls from before have names of their own.
    if (kept?.before !== undefined) this.#nextStream = nowMs;
  }

  /** The stream of messages that belong to no request. */
  get own(): Outbox {
    if (this.#own !== undefined) return this.#own;
    this.#own = this.#outbox(this.#kept === undefined ? this.#nextName() : OWN_NAME, OWN_STREAM);
    if (this.#kept?.before !== undefined) this.#own.restore(this.#kept.store.events(this.#kept.key, OWN_NAME));
    return this.#own;
  }

  notify(message: JsonRpcNotification | JsonRpcRequest): void {
    this.own.send(JSON.stringify(message));
  }

  /** A stream for the messages of one POST. */
  openStream(): Outbox {
    const stream = this.#outbox(this.#nextName(), CALL_STREAM);
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
    for (const [name, entry] of this.#streams ?? []) {
      if (!entry.stream.ended || !drop(entry)) continue;
      this.#streams?.delete(name);
      this.#kept?.store.dropEvents(this.#kept.key, name, Infinity);
    }
  }

  /** Where an event id leaves off; undefined when it is unknown, or what came after it is not kept. */
  streamOf(eventId: string): Resumption | undefined {
    const parsed = parseEventId(eventId);
    if (parsed === undefined) return undefined;
    const isOwn = parsed.name === OWN_NAME ? this.#kept !== undefined : this.#own?.name === parsed.name;
    const stream = isOwn ? this.own : this.#callStream(parsed.name);
    return stream?.holds(parsed.sequence) ? { stream, sequence: parsed.sequence } : undefined;
  }

  #nextName(): string {
    return String(this.#nextStream++);
  }

  /** One that was broken off by the end of the process before has said what it could. */
  #callStream(name: string): Outbox | undefined {
    const known = this.#streams?.get(name)?.stream;
    if (known !== undefined || this.#kept?.before === undefined) return known;
    const events = this.#kept.store.events(this.#kept.key, name);
    if (events.length === 0) return undefined;
    const stream = this.#outbox(name, CALL_STREAM);
    stream.restore(events);
    stream.end();
    return stream;
  }

  /** As it is filed. */
  stored(): StoredSession {
    const { client, createdMs, endpoint, lastUsedMs, logLevel, owner, revision } = this;
    return { client, createdMs, endpoint, lastUsedMs, logLevel, owner, revision };
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

  #outbox(name: string, limits: { events: number; bytes: number }): Outbox {
    const kept = this.#kept;
    // The empty event that opens a stream also says when to come back for the rest.
    return new Outbox(
      name,
      limits,
      (data, id) => sseEvent(data, data === '' ? { id, retry: RETRY_MS } : { id }),
      kept && {
        kept: (sequence, data) => kept.store.addEvent(kept.key, name, { sequence, data }),
        dropped: (sequence) => kept.store.dropEvents(kept.key, name, sequence),
      },
    );
  }
}

/** A session in a store, and how it was there before this process began. */
interface KeptSession {
  readonly store: SessionStore;
  readonly id: string;
  readonly key: string;
  readonly before?: StoredSession;
}

export interface SessionEvents {
  opened(session: Session): void;
  changed(session: Session, before: Principal): void;
  closed(session: Session): void;
}

/** As `randomUUID` writes them. */
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class SessionTable {
  readonly #sessions: Map<string, HttpSession> = new Map();
  /** The same sessions by principal. */
  readonly #owners: Map<string, Set<HttpSession>> = new Map();
  readonly #limits: SessionLimits;
  readonly #events: SessionEvents;
  readonly now: () => number;

  readonly #store: SessionStore | undefined;

  /** With a store, sessions of the process before are found too. */
  constructor(limits: SessionLimits, events: SessionEvents, now: () => number, store?: SessionStore) {
    this.#limits = limits;
    this.#events = events;
    this.now = now;
    this.#store = store;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Undefined when the table is full and nobody's session may give way. */
  open(seed: SessionSeed): HttpSession | undefined {
    if (this.#sessions.size >= this.#limits.max && !this.#evict()) return undefined;
    const session = new HttpSession(seed, this.now(), this.#kept(randomUUID()));
    this.#enter(session);
    this.#save(session);
    return session;
  }

  #kept(id: string): KeptSession | undefined {
    return this.#store && { store: this.#store, id, key: hash('sha256', id) };
  }

  #enter(session: HttpSession): void {
    this.#sessions.set(session.id, session);
    const owned = this.#owners.get(session.owner);
    if (owned === undefined) this.#owners.set(session.owner, new Set([session]));
    else owned.add(session);
    this.#events.opened(session);
  }

  #save(session: HttpSession): void {
    session.savedMs = session.lastUsedMs;
    this.#store?.put(hash('sha256', session.id), session.stored());
  }

  /** One of the process before, for who comes back to it; somebody else's is left alone. */
  #restore(id: string, endpoint: string, principal: Principal): HttpSession | undefined {
    const kept = ID.test(id) ? this.#kept(id) : undefined;
    const before = kept?.store.get(kept.key);
    if (kept === undefined || before === undefined) return undefined;
    if (before.endpoint !== endpoint || before.owner !== principalKey(principal)) return undefined;
    const now = this.now();
    const { absoluteMs, idleMs, max } = this.#limits;
    if (now - before.createdMs > absoluteMs || now - before.lastUsedMs > idleMs) {
      kept.store.delete(kept.key);
      return undefined;
    }
    if (this.#sessions.size >= max && !this.#evict()) return undefined;
    const { client, revision } = before;
    const session = new HttpSession({ endpoint, principal, revision, client }, now, { ...kept, before });
    this.#enter(session);
    return session;
  }

  /** A session of this principal at this endpoint. Another principal's is as unknown as none. */
  find(id: string, endpoint: string, principal: Principal): HttpSession | undefined {
    const session = this.#sessions.get(id) ?? (this.#store && this.#restore(id, endpoint, principal));
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
    if (this.#store !== undefined && session.lastUsedMs - session.savedMs >= SAVE_MS) this.#save(session);
  }

  end(session: HttpSession): void {
    if (!this.#leave(session)) return;
    this.#store?.delete(hash('sha256', session.id));
  }

  /** What is kept of it stays. */
  #leave(session: HttpSession): boolean {
    if (!this.#sessions.delete(session.id)) return false;
    const owned = this.#owners.get(session.owner);
    owned?.delete(session);
    if (owned?.size === 0) this.#owners.delete(session.owner);
    session.end();
    this.#events.closed(session);
    return true;
  }

  /** Ends what has expired. */
  sweep(): void {
    const now = this.now();
    for (const session of this.#sessions.values()) {
      if (this.#expired(session, now)) {
        this.end(session);
        continue;
      }
      session.prune(now, this.#limits.resumeMs);
      // One that is in use must not expire where it is kept because nobody says anything.
      if (session.busy) this.touch(session);
    }
    this.#store?.expire(now - this.#limits.idleMs, now - this.#limits.absoluteMs);
  }

  /** Ends those at places that are no more, for their principal or for anybody. */
  endWhere(isGone: (visitor: Visitor) => boolean): void {
    for (const session of this.#sessions.values()) if (isGone(session)) this.end(session);
  }

  /** Ends all; with a store their clients may come back to them in the next process. */
  close(): void {
    for (const session of this.#sessions.values()) {
      if (this.#store !== undefined) this.#save(session);
      this.#leave(session);
    }
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
