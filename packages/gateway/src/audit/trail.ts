/**
 * From records to the disk: they are gathered, given their places in the chain, and written in batches, one at a time. What
 * cannot be written is kept and tried again, up to a bound; beyond it nothing more is taken, and a record says how much was
 * missed. Where the trail is strict, who asks is told when a record is on the disk.
 */

import type { ChainFile, Linked } from './chain-file.ts';

export interface TrailOptions {
  readonly file: Pick<ChainFile, 'append' | 'link'>;
  readonly isStrict: boolean;
  /** Calls `fire` after so many milliseconds; need not keep the process alive. Gives the way to take it back. */
  readonly setTimer: (fire: () => void, ms: number) => () => void;
  /** The members of a record that says how many are missing. */
  readonly gapText: (gap: Gap) => string;
  /** It cannot be written, or can again. */
  readonly onFailure: (isOver: boolean) => void;
  /** A batch is on the disk. */
  readonly onWritten: (records: readonly Linked[]) => void;
  readonly log: (level: 'info' | 'error', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What happened and was not recorded. */
export interface Gap {
  readonly count: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What becomes a record off the path of the call. */
export interface Entry {
  /** The members of the record as JSON, without its number and without braces. */
  text(): string;
  /** Set by who waits for it. */
  done?: ((isWritten: boolean) => void) | undefined;
}

/** A record is on the disk no later than this, and what the disk takes for it. */
const BATCH_MS = 500;
/** Records that are made into text at once. */
const MAX_GATHERED = 128;
/** Characters that are written without waiting for more. */
const EAGER_CHARS = 256 * 1024;
/** Characters that wait to be written: what happens beyond is refused. */
export const MAX_WAITING_CHARS: number = 8 * 1024 * 1024;
/** Until what failed is tried again. */
const RETRY_MS = 1000;
/** Between two lines of the log that say so. */
const QUIET_MS = 60_000;

interface Waiter {
  readonly seq: number;
  readonly done: (isWritten: boolean) => void;
}

export class Trail {
  readonly #options: TrailOptions;
  /** Not text yet. */
  #gathered: Entry[] = [];
  /** In their places, not on the disk. */
  #waiting: Linked[] = [];
  #waitingChars = 0;
  #waiters: Waiter[] = [];
  #writing: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #failure: { readonly sinceMs: number; readonly error: string } | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #gap: { count: number; fromMs: number } | undefined;
  #closed = false;

  constructor(options: TrailOptions) {
    this.#options = options;
  }

  /** Why nothing can be taken now. Each call that is not made for that is counted by `missed`. */
  blocked(): string | undefined {
    const { isStrict } = this.#options;
    if (this.#failure === undefined) return this.#isFull ? 'the disk is too slow for the audit trail' : undefined;
    return isStrict || this.#isFull ? `the audit trail cannot be written: ${this.#failure.error}` : undefined;
  }

  /** What is wrong, for the operator. */
  get failure(): string | undefined {
    if (this.#failure === undefined) return undefined;
    const { error, sinceMs } = this.#failure;
    return `cannot be written since ${new Date(sinceMs).toISOString()}: ${error}`;
  }

  /** Something happened and is not recorded. */
  missed(): void {
    this.#gap ??= { count: 0, fromMs: this.#options.now() };
    this.#gap.count++;
  }

  /** Takes a record. What does not fit is counted. */
  add(entry: Entry): void {
    if (this.#closed || this.#isFull) {
      this.missed();
      return entry.done?.(false);
    }
    this.#gathered.push(entry);
    if (this.#gathered.length >= MAX_GATHERED) this.#settle();
    if (this.#failure !== undefined) return;
    if (entry.done !== undefined) void this.#soon();
    else if (this.#waitingChars >= EAGER_CHARS) void this.flush();
    else this.#cancelTimer ??= this.#options.setTimer(() => this.#due(), BATCH_MS);
  }

  /** The same; resolves with whether it is on the disk. */
  commit(entry: Entry): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    entry.done = resolve;
    this.add(entry);
    return promise;
  }

  /** Writes what is there. Resolves when it was tried. */
  async flush(): Promise<void> {
    this.#settle();
    await this.#write();
  }

  async close(): Promise<void> {
    await this.flush();
    // What came while it was written.
    await this.flush();
    this.#closed = true;
    this.#cancelTimer?.();
    for (const { done } of this.#waiters) done(false);
  }

  get #isFull(): boolean {
    return this.#waitingChars >= MAX_WAITING_CHARS;
  }

  /** Those who ask in the same turn share a batch, and those who ask while one is written the next. */
  async #soon(): Promise<void> {
    if (this.#writing === undefined) {
      await Promise.resolve();
      await this.flush();
    }
  }

  #due(): void {
    this.#cancelTimer = undefined;
    void this.flush();
  }

  #settle(): void {
    const gathered = this.#gathered;
    if (gathered.length > 0) this.#gathered = [];
    if (this.#gap !== undefined && this.#failure === undefined && !this.#isFull) {
      const { count, fromMs } = this.#gap;
      this.#gap = undefined;
      this.#link(this.#options.gapText({ count, fromMs, toMs: this.#options.now() }));
    }
    for (const entry of gathered) this.#place(entry);
  }

  #place(entry: Entry): void {
    const { done } = entry;
    let members: string;
    try {
      members = entry.text();
    } catch (error) {
      this.#options.log('error', 'something could not be recorded', { error: String(error) });
      this.missed();
      return done?.(false);
    }
    const { seq } = this.#link(members);
    if (done !== undefined) this.#waiters.push({ seq, done });
  }

  #link(members: string): Linked {
    const linked = this.#options.file.link(members);
    this.#waiting.push(linked);
    this.#waitingChars += linked.line.length;
    return linked;
  }

  /** One batch at a time, until nothing is left. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      if (this.#failure === undefined && this.#gathered.some(({ done }) => done !== undefined)) void this.#soon();
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice();
      try {
        await this.#options.file.append(batch);
      } catch (error) {
        return this.#failed(error);
      }
      this.#written(batch);
      this.#settle();
    }
  }

  #written(batch: readonly Linked[]): void {
    const count = batch.length;
    this.#waiting = this.#waiting.slice(count);
    for (const { line } of batch) this.#waitingChars -= line.length;
    const { log, onFailure, onWritten } = this.#options;
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#toldMs = Number.NEGATIVE_INFINITY;
      log('info', 'the audit trail is written again', { missed: this.#gap?.count ?? 0 });
      onFailure(true);
    }
    const last = batch.at(-1)?.seq ?? 0;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ seq }) => seq > last);
    for (const { done, seq } of waiters) if (seq <= last) done(true);
    onWritten(batch);
  }

  #failed(error: unknown): void {
    const { log, now, onFailure, setTimer } = this.#options;
    if (this.#failure === undefined) onFailure(false);
    const text = error instanceof Error ? error.message : String(error);
    this.#failure = { sinceMs: this.#failure?.sinceMs ?? now(), error: text };
    if (now() - this.#toldMs >= QUIET_MS) {
      this.#toldMs = now();
      log('error', 'the audit trail cannot be written', { error: text, waiting: this.#waiting.length });
    }
    // Their calls are over as far as they are concerned; that they happened is still to be written.
    for (const { done } of this.#waiters.splice(0)) done(false);
    if (!this.#closed) this.#cancelTimer ??= setTimer(() => this.#due(), RETRY_MS);
  }
}
