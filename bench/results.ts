/** What a run has measured, as it is written to `results/`, and the figures that are computed from it. */

import { median, medianDifference, medianRatio, type Maybe } from './statistics.ts';

/** One run of the load generator against one system. */
export interface Round {
  readonly calls: number;
  readonly wrong: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** CPU time per call of the system's process tree; null for a direct connection, and where /proc is missing. */
  readonly cpuUs: number | null;
  readonly rssMiB: number | null;
  readonly peakMiB: number | null;
}

export type Figure = Exclude<keyof Round, 'calls' | 'wrong'>;

/** All rounds of one system at one size and number of connections; null: the round failed, or nothing was answered while it lasted. */
export interface Series {
  readonly system: string;
  readonly bytes: number;
  readonly connections: number;
  readonly rounds: readonly (Round | null)[];
}

export interface Facts {
  /** ISO time of the end of the run. */
  readonly at: string;
  readonly machine: string;
  readonly node: string;
}

export interface MeasuredSystem {
  readonly name: string;
  readonly about: string;
  readonly readyMs: number | null;
  readonly idleMiB: number | null;
}

export interface NotRun {
  readonly name: string;
  readonly reason: string;
}

export interface CallResults extends Facts {
  readonly part: string;
  readonly systems: readonly MeasuredSystem[];
  readonly notRun: readonly NotRun[];
  readonly series: readonly Series[];
  /** What went wrong, replies and rounds alike; empty in a good run. */
  readonly problems: readonly string[];
}

export interface Starts {
  readonly system: string;
  readonly upstreams: number;
  readonly readyMs: readonly (number | null)[];
  readonly idleMiB: readonly (number | null)[];
}

export interface Lists {
  readonly system: string;
  readonly tools: number;
  readonly bytes: number;
  readonly ms: readonly (number | null)[];
}

export interface Sessions {
  readonly system: string;
  readonly sessions: number;
  readonly kibEach: readonly (number | null)[];
}

export interface ScaleResults extends Facts {
  readonly part: 'scale';
  readonly notRun: readonly NotRun[];
  readonly starts: readonly Starts[];
  readonly lists: readonly Lists[];
  readonly sessions: readonly Sessions[];
  readonly problems: readonly string[];
}

/** The parts of the bench that were run; a document may show parts of different days. */
export interface Results {
  readonly calls: readonly CallResults[];
  readonly scale: ScaleResults | undefined;
}

/** Which of the measured series is meant. */
export interface Cell {
  readonly bytes: number;
  readonly connections: number;
}

export function part(results: Results, name: string): CallResults | undefined {
  return results.calls.find((each) => each.part === name);
}

/** A figure of every round; empty when the system was not measured there. */
export function rounds(from: CallResults | undefined, system: string, cell: Cell, figure: Figure): Maybe[] {
  const found = from?.series.find(
    (each) => each.system === system && each.bytes === cell.bytes && each.connections === cell.connections,
  );
  return (found?.rounds ?? []).map((round) => round?.[figure]);
}

export function typical(from: CallResults | undefined, system: string, cell: Cell, figure: Figure): number | undefined {
  return median(rounds(from, system, cell, figure));
}

/** The median over the rounds of `system`'s figure against `other`'s. */
export function against(
  from: CallResults | undefined,
  system: string,
  other: string,
  cell: Cell,
  figure: Figure,
): number | undefined {
  return medianRatio(rounds(from, system, cell, figure), rounds(from, other, cell, figure));
}

/** Median latency that `system` adds to a direct connection, in µs. */
export function addedP50(from: CallResults | undefined, system: string, cell: Cell): number | undefined {
  return medianDifference(rounds(from, system, cell, 'p50Us'), rounds(from, 'direct', cell, 'p50Us'));
}

/** Sizes and connections in the order in which they were measured. */
export function cells(from: CallResults): Cell[] {
  const seen = new Map<string, Cell>();
  for (const { bytes, connections } of from.series) seen.set(`${bytes}/${connections}`, { bytes, connections });
  return [...seen.values()];
}

/** Calls that were checked, and those that were wrong or lost. */
export function replies(from: readonly CallResults[]): { readonly checked: number; readonly wrong: number } {
  const all = from.flatMap((each) => each.series.flatMap((series) => series.rounds));
  return {
    checked: all.reduce((sum, round) => sum + (round?.calls ?? 0), 0),
    wrong: all.reduce((sum, round) => sum + (round?.wrong ?? 0), 0),
  };
}
