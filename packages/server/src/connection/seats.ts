/** How many streams and connections each principal holds open, over all transports together, and how many it may hold. */

import { wireError, type WireError } from '@sallyport/wire';
import { principalKey, type Principal } from '../exchange.ts';

/** How many a principal may hold, unless it is told otherwise. */
export const CONNECTIONS_PER_PRINCIPAL = 64;

export interface Seats {
  /** May be changed at any time. What is held already is kept. */
  maxPerPrincipal: number;
  /** Why a principal may not have another now. */
  refusal(principal: Principal): WireError | undefined;
  /** Takes one. What is returned gives it back; it is called once. */
  take(principal: Principal): () => void;
}

export function createSeats(maxPerPrincipal: number): Seats {
  const held = new Map<string, number>();
  return {
    maxPerPrincipal,
    refusal(principal) {
      const taken = held.get(principalKey(principal)) ?? 0;
      return taken < this.maxPerPrincipal ? undefined : wireError('rate_limited', TOO_MANY);
    },
    take: (principal) => {
      const owner = principalKey(principal);
      held.set(owner, (held.get(owner) ?? 0) + 1);
      return () => {
        const left = (held.get(owner) ?? 1) - 1;
        if (left === 0) held.delete(owner);
        else held.set(owner, left);
      };
    },
  };
}

const TOO_MANY = 'Too many streams and connections are open.';
