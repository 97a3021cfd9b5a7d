/**
 * Work that costs so much that strangers must not cause it freely: one piece at a time, the others wait in a short line, of
 * which an address has a part (of IPv6, a network: see `networkOf`). What finds no place is never begun.
 */

import { networkOf } from '../network.ts';
import { createTurns } from './turns.ts';

export interface LaneLimits {
  /** Pieces of work that wait or are under way. */
  readonly places: number;
  readonly placesPerAddress: number;
}

export interface Lane {
  /** Begins the work when its turn comes. Undefined: no place. */
  run<T>(address: string | undefined, work: () => Promise<T>): Promise<T> | undefined;
}

export function createLane({ places, placesPerAddress }: LaneLimits): Lane {
  const turns = createTurns(1, places - 1);
  const taken = new Map<string, number>();
  const take = (network: string, by: 1 | -1): void => {
    const left = (taken.get(network) ?? 0) + by;
    if (left === 0) taken.delete(network);
    else taken.set(network, left);
  };
  return {
    run: (address, work) => {
      const network = networkOf(address);
      if ((taken.get(network) ?? 0) >= placesPerAddress) return undefined;
      const done = turns.take(work);
      if (done === undefined) return undefined;
      take(network, 1);
      return done.finally(() => take(network, -1));
    },
  };
}
