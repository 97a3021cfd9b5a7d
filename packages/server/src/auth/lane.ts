/**
 * Work that costs so much that strangers must not cause it freely: one piece at a time, and each address (of IPv6, each network:
 * see `networkOf`) has a line of its own, of which the first ones take turns. So nobody waits for what others have in line behind
 * their first. What is in line altogether is bounded: beyond, the last of the longest line makes room for who has fewer. What finds
 * no place is never begun.
 */

import { networkOf } from '../network.ts';

export interface LaneLimits {
  /** Pieces of work that wait or are under way. */
  readonly places: number;
  readonly placesPerAddress: number;
}

export interface Place<T> {
  /** What comes of work that had to make room before it was begun. */
  readonly displaced: T;
  /** Places that the address may have now, where these are fewer than otherwise. */
  readonly places?: number;
}

export interface Lane {
  /** Begins the work when its turn comes. Undefined: no place. */
  run<T>(address: string | undefined, work: () => Promise<T>, place: Place<T>): Promise<T> | undefined;
}

/** Told whether its turn has come, or it has to go. */
type Waiting = (hasTurn: boolean) => void;

export function createLane({ places, placesPerAddress }: LaneLimits): Lane {
  /** By network, the one whose turn is next first. None is empty. */
  const lines = new Map<string, Waiting[]>();
  /** By network, what waits or is under way. */
  const taken = new Map<string, number>();
  let inAll = 0;

  const take = (network: string, by: 1 | -1): void => {
    const left = (taken.get(network) ?? 0) + by;
    if (left === 0) taken.delete(network);
    else taken.set(network, left);
    inAll += by;
  };
  const next = (): void => {
    const [first] = lines;
    if (first === undefined) return;
    const [network, line] = first;
    lines.delete(network);
    const waiting = line.shift();
    if (line.length > 0) lines.set(network, line);
    waiting?.(true);
  };
  const makeRoom = (network: string): boolean => {
    const [longest, line] = [...lines].reduce<readonly [string, Waiting[]]>(
      (a, b) => (b[1].length > a[1].length ? b : a),
      ['', []],
    );
    if (line.length <= (lines.get(network)?.length ?? 0) + 1) return false;
    line.pop()?.(false);
    take(longest, -1);
    return true;
  };

  const run = <T>(address: string | undefined, work: () => Promise<T>, place: Place<T>): Promise<T> | undefined => {
    const network = networkOf(address);
    if ((taken.get(network) ?? 0) >= (place.places ?? placesPerAddress)) return undefined;
    if (inAll >= places && !makeRoom(network)) return undefined;
    const isFree = inAll === 0;
    take(network, 1);
    const begin = async (): Promise<T> => {
      try {
        return await work();
      } finally {
        take(network, -1);
        next();
      }
    };
    if (isFree) return begin();
    const line = lines.get(network) ?? [];
    lines.set(network, line);
    const turn = new Promise<boolean>((resolve) => line.push(resolve));
    return turn.then((hasTurn) => (hasTurn ? begin() : place.displaced));
  };
  return { run };
}
