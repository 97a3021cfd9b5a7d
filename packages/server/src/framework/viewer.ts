/** Whoever asks, as handlers and rules of visibility see them. */

import type { Exchange, Principal, Session } from '../exchange.ts';
import type { User, Viewer } from './context.ts';

export function userOf({ subject, roles, groups = [], scopes = [], claims = {} }: Principal): User {
  return { id: subject, roles, groups, scopes, claims };
}

/** Of a request that no handler has been called for, or of a session as it stands. */
export function viewerOf(
  facts: Pick<Exchange | Session, 'principal' | 'transport' | 'endpoint' | 'client'>,
  session: Session | undefined,
): Viewer {
  const { client, endpoint, principal, transport } = facts;
  return { client, endpoint, principal, transport, session, user: userOf(principal) };
}
