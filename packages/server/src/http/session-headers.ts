/** The session that a session-era request names in its headers (2025-11-25, transports, "Session management"). */

import {
  isSessionRevision,
  isStatelessRevision,
  singleHeader,
  UNSTATED_REVISION,
  unsupportedVersion,
  wireError,
  type WireError,
} from '@sallyport/wire';
import type { HttpSession, SessionTable } from '../sessions.ts';
import type { Arrival } from './arrival.ts';

/** True when the version header names a stateless revision. */
export function saysStateless({ request }: Arrival): boolean {
  return isStatelessRevision(singleHeader(request.headers, 'mcp-protocol-version'));
}

/** The revision that the version header states, or stands for by its absence. */
export function statedVersion({ request }: Arrival): string {
  return singleHeader(request.headers, 'mcp-protocol-version') ?? UNSTATED_REVISION;
}

/** The session, or why there is none: 404 only for one that is not there, because a client then begins anew. */
export function findSession(arrival: Arrival, sessions: SessionTable): HttpSession | WireError {
  const version = statedVersion(arrival);
  if (!isSessionRevision(version)) return unsupportedVersion(version);
  const id = singleHeader(arrival.request.headers, 'mcp-session-id');
  if (id === undefined) return wireError('invalid_request', 'The Mcp-Session-Id header is missing.');
  // node:http joins what was sent twice.
  if (id.includes(',')) return wireError('invalid_request', 'The Mcp-Session-Id header was sent twice.');
  return sessions.find(id, arrival.endpoint, arrival.principal) ?? wireError('no_session');
}
