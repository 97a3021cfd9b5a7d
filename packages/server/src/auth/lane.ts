/**
 * Work that costs so much that strangers must not cause it freely: one piece at a time, the others wait in a short line, of
 * which an address has a part. What finds no place is never begun.
 */

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
  const take = (address: string, by: 1 | -1): void => {
    const left = (taken.get(address) ?? 0) + by;
    if (left === 0) taken.delete(address);
    else taken.set(address, left);
  };
  return {
    run: (address = '', work) => {
      if ((taken.get(address) ?? 0) >= placesPerAddress) return undefined;
      const done = turns.take(work);
      if (done === undefined) return undefined;
      take(address, 1);
      return done.finally(() => take(address, -1));
    },
  };
}
