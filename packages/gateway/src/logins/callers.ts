/**
 * The tokens with which callers came or signed in last, for servers at which they are exchanged: in memory, found by whose they are. What
 * works on behalf of a principal without a request of it, and an older connection of it, finds its newest one too.
 */

import { principalKey, subjectTokenOf, type Principal, type SubjectToken } from '@sallyport/server';
import { keep } from './kept.ts';
import type { LoginServer, Owner } from './types.ts';

export interface Callers {
  /** From now on these are the servers. */
  use(servers: readonly Pick<LoginServer, 'exchange' | 'name'>[]): void;
  /** Whether a server gets tokens that those of callers are exchanged for: nobody logs in there. */
  exchanges(server: string): boolean;
  /** Somebody calls, or has signed in. A token that has ended takes the place of none that is good. */
  came(principal: Principal): void;
  /** Undefined: this owner has shown none, or it has ended. */
  tokenOf(owner: NonNullable<Owner>): SubjectToken | undefined;
}

export function createCallers(now: () => number): Callers {
  let exchanging: ReadonlySet<string> = new Set();
  /** By `principalKey`; the token hangs at the principal. */
  const newest = new Map<string, Principal>();
  const goodTokenOf = (principal: Principal | undefined): SubjectToken | undefined => {
    const shown = principal && subjectTokenOf(principal);
    return shown !== undefined && now() < shown.expiresAtMs ? shown : undefined;
  };
  return {
    use: (servers) => {
      exchanging = new Set(servers.flatMap(({ exchange, name }) => (exchange === undefined ? [] : [name])));
      if (exchanging.size === 0) newest.clear();
    },
    exchanges: (server) => exchanging.has(server),
    came: (principal) => {
      if (exchanging.size === 0) return;
      const key = principalKey(principal);
      if (newest.get(key) === principal || goodTokenOf(principal) === undefined) return;
      keep(newest, key, principal);
    },
    tokenOf: ({ issuer, subject }) => {
      const key = principalKey({ issuer, subject, roles: [] });
      const token = goodTokenOf(newest.get(key));
      if (token === undefined) newest.delete(key);
      return token;
    },
  };
}
