/**
 * The author's session store, of which sessions are kept besides being in memory: when it fails, or does not answer at once,
 * that is logged, sessions go on as if nothing were kept, and no timer and no request ends the process.
 */

import type { SessionStore } from '../session-store.ts';
import { askAuthor } from '../framework/author.ts';
import type { Log } from './log.ts';

export function guardStore(store: SessionStore, log: Log): SessionStore {
  const asked = <T>(what: keyof SessionStore, ask: () => T): T | undefined =>
    askAuthor(ask, (error) => log('error', 'the session store failed', { what, error }));
  return {
    // Of a driver of a database, also null.
    get: (key) => asked('get', () => store.get(key)) ?? undefined,
    put: (key, session) => asked('put', () => store.put(key, session)),
    delete: (key) => asked('delete', () => store.delete(key)),
    expire: (usedBeforeMs, createdBeforeMs) => asked('expire', () => store.expire(usedBeforeMs, createdBeforeMs)),
    addEvent: (key, stream, event) => asked('addEvent', () => store.addEvent(key, stream, event)),
    events: (key, stream) => {
      const events = asked('events', () => store.events(key, stream));
      return Array.isArray(events) ? events : [];
    },
    dropEvents: (key, stream, upTo) => asked('dropEvents', () => store.dropEvents(key, stream, upTo)),
  };
}
