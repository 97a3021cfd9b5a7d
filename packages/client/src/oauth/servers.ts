/** Which of the authorization servers of a resource is used, with its metadata, which is kept for a few minutes. */

import type { AuthorizationServer } from 'oauth4webapi';
import type { AuthorizationError } from './error.ts';
import { shown, type Requests } from './requests.ts';
import { asProblem, joined, type ProtectedResource } from './resource-metadata.ts';
import { discoverServer } from './server-metadata.ts';

export interface Servers {
  /** Throws `unavailable` or `unusable`. */
  metadata(issuer: string): Promise<AuthorizationServer>;
  /** The one that was used before, while the resource still names it; else the first that can be used. */
  choose(resource: ProtectedResource, before: string | undefined): Promise<AuthorizationServer>;
}

const FRESH_MS = 5 * 60_000;
/** As many as a resource may name, and then some. */
const MAX_KEPT = 16;

export function createServers(requests: Requests, now: () => number): Servers {
  const kept = new Map<string, { readonly server: AuthorizationServer; readonly readMs: number }>();
  const metadata = async (issuer: string): Promise<AuthorizationServer> => {
    const known = kept.get(issuer);
    if (known !== undefined && now() - known.readMs < FRESH_MS) return known.server;
    const server = await discoverServer(issuer, requests);
    kept.delete(issuer);
    kept.set(issuer, { server, readMs: now() });
    for (const oldest of kept.keys()) if (kept.size > MAX_KEPT) kept.delete(oldest);
    return server;
  };
  return {
    metadata,
    choose: async ({ authorizationServers, resource }, before) => {
      const failures: AuthorizationError[] = [];
      // Going elsewhere because it is down for a moment would lose what it granted.
      const named = authorizationServers.includes(before ?? '') ? [before ?? ''] : authorizationServers;
      for (const issuer of named) {
        try {
          return await metadata(issuer);
        } catch (error) {
          failures.push(asProblem(error));
        }
      }
      throw joined(`None of the authorization servers of ${shown(resource)} can be used`, failures);
    },
  };
}
