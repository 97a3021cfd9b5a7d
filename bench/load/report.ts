/** What one run of the load generator is asked, and what it reports. */

import type { Era } from './connection.ts';

/** A measurement takes at most so many times as long as was ordered. */
export const LONGEST_TIMES = 10;

export interface LoadOrder {
  /** Where the server under test listens; undefined: `command` is started and spoken to over stdio. */
  readonly url?: string;
  readonly command?: readonly string[];
  readonly transport: 'streamable-http' | 'http+sse' | 'web-socket' | 'stdio';
  readonly headers: Readonly<Record<string, string>>;
  readonly era: Era;
  readonly connections: number;
  readonly bytes: number;
  readonly warmUpMs: number;
  /** At least: it goes on for up to `LONGEST_TIMES` as long until two calls of each connection have begun and ended meanwhile. */
  readonly measureMs: number;
  /** Process trees whose CPU time is measured, and memory afterwards; the child of a stdio run is added. */
  readonly pid?: number;
}

export interface LoadReport {
  /** Calls that were answered rightly while measuring; 0 when none of them began meanwhile. */
  readonly calls: number;
  /** Calls answered wrongly or not at all, from the first on. */
  readonly wrong: number;
  readonly complaints: readonly string[];
  readonly reconnects: number;
  readonly requestsPerSecond: number;
  /** Microseconds. */
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** CPU time per call of the process tree under test, in µs; null where the system does not tell. */
  readonly cpuUs: number | null;
}
