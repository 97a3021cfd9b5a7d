/** What a sink is, and what it needs of the rest. Types alone. */

/** Rejects when it should be tried again, with `Unacceptable` (queue.ts) when that would be in vain. */
export type Send = (lines: readonly string[]) => Promise<void>;

/** A way to somewhere else. */
export interface Sink {
  /** For the operator; without credentials. */
  readonly name: string;
  readonly send: Send;
  close(): void;
}

export interface QueueParts {
  /** What the log calls the sink and its lines. Default: an audit sink, records. */
  readonly names?: { readonly sink: string; readonly lines: string };
  /** Lines that are sent at once. Default: 200. */
  readonly batch?: number;
  /** Lines were lost on the way to a sink, so many until now; undefined: it takes them again. */
  readonly onLost?: (sink: string, dropped: number | undefined) => void;
  readonly setTimer: (fire: () => void, ms: number) => () => void;
  readonly log: (level: 'info' | 'warn' | 'error', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface SinkParts extends QueueParts {
  /** A line of the trail as it leaves this machine. */
  readonly outward: (line: string) => string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Aborts after so many milliseconds; `AbortSignal.timeout`. */
  readonly timeout: (ms: number) => AbortSignal;
  readonly hostname: string;
  readonly pid: number;
}
