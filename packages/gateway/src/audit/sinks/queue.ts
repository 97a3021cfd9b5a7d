/**
 * What waits for a sink: bounded, sent in batches, one at a time, tried again after a while that grows. Of what does not fit
 * the oldest is dropped; a batch that is refused for good is dropped too. Both are counted.
 */

import type { QueueParts, Sink } from './types.ts';

/** A sink will never take this batch. */
export class Unacceptable extends Error {
  override readonly name = 'Unacceptable';
}

export interface Queue {
  add(lines: readonly string[]): void;
  /** What the operator should know. */
  note(): string | undefined;
  close(): Promise<void>;
}

/** Records that wait for one sink. */
export const MAX_QUEUED: number = 10_000;
/** Characters of them. */
const MAX_QUEUED_CHARS = 16 * 1024 * 1024;
const BATCH = 200;
const NAMES = { sink: 'an audit sink', lines: 'records' };
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;
/** Between two lines of the log about a sink. */
const QUIET_MS = 60_000;
/** For what is left at the end. */
const CLOSE_MS = 2000;

export function openQueue(sink: Sink, parts: QueueParts): Queue {
  return new SinkQueue(sink, parts);
}

class SinkQueue implements Queue {
  readonly #sink: Sink;
  readonly #parts: QueueParts;
  #lines: string[] = [];
  #chars = 0;
  #dropped = 0;
  /** Somebody knows of it. */
  #isLossTold = false;
  #retryMs = FIRST_RETRY_MS;
  #problem: string | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #sending: Promise<void> | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(sink: Sink, parts: QueueParts) {
    this.#sink = sink;
    this.#parts = parts;
  }

  add(lines: readonly string[]): void {
    for (const line of lines) {
      this.#lines.push(line);
      this.#chars += line.length;
    }
    const before = this.#dropped;
    while (this.#lines.length > MAX_QUEUED || this.#chars > MAX_QUEUED_CHARS) this.#drop(1);
    if (this.#dropped > before) {
      this.#tell();
      this.#lost();
    }
    if (this.#cancelRetry === undefined) void this.#send();
  }

  note(): string | undefined {
    const { lines } = this.#names;
    const problem = this.#problem === undefined ? '' : ` does not take ${lines} (${this.#problem})`;
    const dropped = this.#dropped === 0 ? '' : ` ${this.#dropped} ${lines} were dropped`;
    if (problem === '' && dropped === '') return undefined;
    return `${this.#names.sink.replace(/^an? /, 'the ')} ${this.#sink.name}${[problem, dropped].filter((part) => part !== '').join(',')}`;
  }

  async close(): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.setTimer(resolve, CLOSE_MS);
    this.#cancelRetry?.();
    await Promise.race([this.#send(), over]);
    cancel();
    this.#drop(this.#lines.length);
    const { lines, sink } = this.#names;
    if (this.#dropped > 0) this.#parts.log('warn', `${lines} did not reach ${sink}`, this.#facts);
    this.#sink.close();
  }

  get #names(): NonNullable<QueueParts['names']> {
    return this.#parts.names ?? NAMES;
  }

  get #facts(): Readonly<Record<string, unknown>> {
    return {
      sink: this.#sink.name,
      dropped: this.#dropped,
      ...(this.#problem !== undefined && { error: this.#problem }),
    };
  }

  #drop(count: number): void {
    for (const line of this.#lines.splice(0, count)) {
      this.#chars -= line.length;
      this.#dropped++;
    }
  }

  #send(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (this.#lines.length > 0) {
      const batch = this.#lines.splice(0, this.#parts.batch ?? BATCH);
      for (const line of batch) this.#chars -= line.length;
      try {
        await this.#sink.send(batch);
        this.#recovered();
      } catch (error) {
        if (!this.#failed(batch, error)) return;
      }
    }
  }

  #recovered(): void {
    this.#retryMs = FIRST_RETRY_MS;
    if (this.#isLossTold) {
      this.#isLossTold = false;
      this.#parts.onLost?.(this.#sink.name, undefined);
    }
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#toldMs = Number.NEGATIVE_INFINITY;
    this.#parts.log('info', `${this.#names.sink} takes ${this.#names.lines} again`, this.#facts);
  }

  /** True: go on with the next batch. */
  #failed(batch: readonly string[], error: unknown): boolean {
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#tell();
    if (error instanceof Unacceptable) {
      this.#dropped += batch.length;
      this.#lost();
      return true;
    }
    this.#lines = [...batch, ...this.#lines];
    for (const line of batch) this.#chars += line.length;
    this.#cancelRetry = this.#parts.setTimer(() => {
      this.#cancelRetry = undefined;
      void this.#send();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    return false;
  }

  #tell(): void {
    const nowMs = this.#parts.now();
    if (nowMs - this.#toldMs < QUIET_MS) return;
    this.#toldMs = nowMs;
    this.#parts.log('warn', `${this.#names.sink} does not take ${this.#names.lines}`, this.#facts);
  }

  #lost(): void {
    this.#isLossTold = true;
    this.#parts.onLost?.(this.#sink.name, this.#dropped);
  }
}
