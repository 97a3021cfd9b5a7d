/**
 * Sessions of 2025-11-25 whose clients were told to open a page, and are told when that has led to a login
 * (`notifications/elicitation/complete`). Kept for as long as such a page is good, in this process alone.
 */

import type { Session } from '@sallyport/server';
import { ownerKey, type Owner } from './types.ts';

export interface AnnouncementsOptions {
  readonly randomId: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Announcements {
  /** The id of an elicitation, which the session is told when the owner has logged in at the server. */
  add(session: Session, server: string, owner: Owner): string;
  /** An owner has logged in at a server. */
  tell(server: string, owner: Owner): void;
  sessionClosed(session: Session): void;
}

const KEPT_MS = 10 * 60_000;
const MAX_KEPT = 1000;

interface Waiting {
  readonly session: Session;
  readonly key: string;
  readonly untilMs: number;
}

export function createAnnouncements({ now, randomId }: AnnouncementsOptions): Announcements {
  // By the id of the elicitation, the oldest first.
  const waiting = new Map<string, Waiting>();
  return {
    add: (session, server, owner) => {
      const nowMs = now();
      for (const [id, { untilMs }] of waiting) if (untilMs <= nowMs || waiting.size >= MAX_KEPT) waiting.delete(id);
      const id = randomId();
      waiting.set(id, { session, key: ownerKey(server, owner), untilMs: nowMs + KEPT_MS });
      return id;
    },
    tell: (server, owner) => {
      const key = ownerKey(server, owner);
      for (const [elicitationId, { key: of, session }] of waiting) {
        if (of !== key) continue;
        waiting.delete(elicitationId);
        session.notify({ jsonrpc: '2.0', method: 'notifications/elicitation/complete', params: { elicitationId } });
      }
    },
    sessionClosed: (session) => {
      for (const [id, each] of waiting) if (each.session === session) waiting.delete(id);
    },
  };
}
