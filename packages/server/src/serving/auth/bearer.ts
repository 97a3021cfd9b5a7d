/**
 * Bearer tokens that a function of the author verifies. The token is read from the `Authorization` header alone; the function
 * is asked for each request, so it remembers what is costly to know.
 */

import { bearerOf } from '../../auth/bearer.ts';
import type { Verified } from '../../auth/authenticate.ts';
import type { Principal } from '../../exchange.ts';
import { principalFrom } from './principal.ts';
import type { AuthProvider } from './provider.ts';

/** Whose token it is. */
export interface BearerHolder extends Partial<Omit<Principal, 'subject'>> {
  readonly subject: string;
}

export interface BearerAsked {
  /** The path that is asked for. */
  readonly path: string;
  /** The audiences of which a token that has one needs one here (RFC 8707). */
  readonly audiences: readonly string[];
  readonly address: string | undefined;
}

/** Longer ones are not looked at. */
const MAX_LENGTH = 8192;

/** `verify`: undefined for a token that is not good. What it throws is logged, and answered with 503. */
export function bearer(
  verify: (token: string, asked: BearerAsked) => BearerHolder | undefined | Promise<BearerHolder | undefined>,
): AuthProvider {
  return {
    kind: 'bearer',
    open: ({ resources, scopes }) => ({
      prove: async ({ address, authorization, path }): Promise<Verified> => {
        const token = bearerOf(authorization);
        if (token === undefined || token.length > MAX_LENGTH) return undefined;
        const holder = await verify(token, { path, audiences: resources.audiences(path), address });
        // Of a store, also null.
        if ((holder ?? undefined) === undefined) return undefined;
        const principal = principalFrom({ issuer: 'bearer', roles: [], ...holder });
        if (scopes.every((scope) => principal.scopes?.includes(scope) === true)) return principal;
        return { problem: 'insufficient_scope', detail: 'the token lacks a scope that every token needs' };
      },
    }),
  };
}
