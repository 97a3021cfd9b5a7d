/** What admission is given: the limits of the configuration as far as it keeps them, and a timer. Types only. */

import type { Rate } from '@sallyport/server/limits';

export interface CallLimits {
  /** Calls over time; absent: no such limit. */
  readonly rate: {
    readonly perPrincipal?: Rate;
    readonly perServer?: Rate;
    readonly perTool?: Rate;
    readonly perSession?: Rate;
    readonly global?: Rate;
  };
  /** Calls of a principal per day and per calendar month (UTC). */
  readonly quota: { readonly day?: number; readonly month?: number };
  /** Calls that a principal may have under way. */
  readonly concurrency: number;
  /** Calls under way at one server, and how many may wait for their turn. */
  readonly serverConcurrency: number;
  readonly serverQueue: number;
}

/** Calls `fire` once after `ms`; returns what takes it back. Need not keep the process alive. */
export type SetTimer = (fire: () => void, ms: number) => () => void;
