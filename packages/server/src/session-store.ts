/**
 * Where sessions of the session era over HTTP, and what their streams said, can be kept so that they survive a restart of the
 * process. It is asked in the midst of a request, so it answers at once: a file of this machine, not a server elsewhere. The
 * id of a session is kept as its hash: whoever reads the store learns no id that could be used. One process at a time.
 */

import type { JsonObject, LogLevel, SessionRevision } from '@sallyport/wire';

/** A session without what its requests bring along. Times are milliseconds since 1970. */
export interface StoredSession {
  readonly endpoint: string;
  /** `principalKey` of whose it is. */
  readonly owner: string;
  readonly revision: SessionRevision;
  readonly client: { readonly info: JsonObject | undefined; readonly capabilities: JsonObject };
  readonly logLevel: LogLevel | undefined;
  readonly createdMs: number;
  readonly lastUsedMs: number;
}

export interface StoredEvent {
  readonly sequence: number;
  readonly data: string;
}

/** `key` is the hash of a session's id. Nothing of it may throw for what is not there. */
export interface SessionStore {
  get(key: string): StoredSession | undefined;
  /** Files a session, in place of what was filed under the key. A store that is full drops the one unused for longest. */
  put(key: string, session: StoredSession): void;
  /** With all of its events. */
  delete(key: string): void;
  /** Drops those that were unused, or created, before these times. */
  expire(usedBeforeMs: number, createdBeforeMs: number): void;
  addEvent(key: string, stream: string, event: StoredEvent): void;
  /** In order; none where the stream is unknown. */
  events(key: string, stream: string): readonly StoredEvent[];
  /** Drops those of a stream up to a number. */
  dropEvents(key: string, stream: string, upTo: number): void;
}
