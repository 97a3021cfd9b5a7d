/** What is to be known of a server while it serves: who is connected, and how much there was. Counts and copies alone. */

import type { Principal, Session } from '../exchange.ts';
import type { Doors } from './doors.ts';
import type { Watched } from './watched.ts';

/** A session that is open, or a connection with one. */
export interface ConnectionInfo {
  readonly transport: Session['transport'];
  readonly principal: Pick<Principal, 'issuer' | 'subject'>;
  /** The place that was asked: a path, with what `query` made of its query, or `stdio`. */
  readonly endpoint: string;
  readonly revision: string;
  /** As the client calls itself. */
  readonly client: unknown;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

export interface ServingStats {
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** Sockets over HTTP, without those of WebSocket and SSE. */
  readonly http: number;
  readonly ws: number;
  readonly sse: number;
  readonly stdio: number;
  /** Sessions of the session era over HTTP. */
  readonly sessions: number;
  /** Responses of the MCP endpoint that are not ended. */
  readonly underWay: number;
  /** Requests that were calls, since the start, and those of them that a limit refused. */
  readonly calls: number;
  readonly limited: number;
  /** Requests that were refused before they became calls, by the code of the error. */
  readonly refused: Readonly<Record<string, number>>;
}

export function connectionsOf({ sessions }: Watched): readonly ConnectionInfo[] {
  return [...sessions].map(([session, sinceMs]) => {
    const { client, endpoint, principal, revision, transport } = session;
    const { issuer, subject } = principal;
    return { transport, principal: { issuer, subject }, endpoint, revision, client: client.info, sinceMs };
  });
}

export interface Counted {
  readonly startedMs: number;
  readonly watched: Watched;
  /** Undefined: nothing is served over HTTP. */
  readonly doors: Doors | undefined;
  readonly stdio: number;
}

export function statsOf({ doors, startedMs, stdio, watched }: Counted): ServingStats {
  return { startedMs, ...httpStats(doors), stdio, ...watched.counts };
}

type HttpStats = Pick<ServingStats, 'http' | 'refused' | 'sessions' | 'sse' | 'underWay' | 'ws'>;

function httpStats(doors: Doors | undefined): HttpStats {
  if (doors === undefined) return { http: 0, ws: 0, sse: 0, sessions: 0, underWay: 0, refused: {} };
  const { connections, listener, refused, sessions, underWay } = doors;
  const { sse, ws } = connections.counts();
  const http = Math.max(0, listener.sockets - ws - sse);
  return { http, ws, sse, sessions: sessions.size, underWay, refused: Object.fromEntries(refused) };
}
