/**
 * The body of a JSON reply: gathered up to a limit, or, when it is large and its head has been recognised, handed on as
 * it comes with back-pressure. It does not parse.
 */

import type { ResultScan } from '@sallyport/wire';
import type { Clock } from '../clock.ts';
import { UpstreamError, type BodyRest, type BodySink } from '../leg.ts';
import { transportError, type BodyReader, type Exchange } from './exchange.ts';

export interface GatherOptions {
  readonly maxBytes: number;
  /** The whole body. */
  readonly onWhole: (bytes: Buffer) => void;
  /** More than `maxBytes` came; nothing is called after it. */
  readonly onOversize: () => void;
  readonly onFail: (error: Error) => void;
  /** Looks at the bytes so far while more are awaited; a reader takes the body over. */
  readonly early: ((bytes: Buffer) => BodyReader | undefined) | undefined;
}

/** The head of a response is found in so many bytes, or not at all. */
const HEAD_BYTES = 96;

export class Gather implements BodyReader {
  readonly #options: GatherOptions;
  #parts: Buffer[] = [];
  #bytes = 0;
  #next: BodyReader | undefined;
  #looks: boolean;

  constructor(options: GatherOptions) {
    this.#options = options;
    this.#looks = options.early !== undefined;
  }

  data(chunk: Buffer): void {
    if (this.#next !== undefined) return this.#next.data(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.maxBytes) {
      this.#parts = [];
      return this.#options.onOversize();
    }
    this.#parts.push(chunk);
    if (this.#looks) this.#look();
  }

  end(): void {
    if (this.#next === undefined) this.#options.onWhole(this.#whole());
    else this.#next.end();
  }

  fail(error: Error): void {
    if (this.#next === undefined) this.#options.onFail(error);
    else this.#next.fail(error);
  }

  #look(): void {
    const bytes = this.#whole();
    this.#parts = [bytes];
    this.#next = this.#options.early?.(bytes);
    this.#looks = this.#next === undefined && this.#bytes < HEAD_BYTES;
    if (this.#next !== undefined) this.#parts = [];
  }

  #whole(): Buffer {
    return this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
  }
}

export interface LargeBodyOptions {
  readonly exchange: Exchange;
  /** The server's address for messages. */
  readonly where: string;
  /** Bytes still to come. */
  readonly bytes: number;
  readonly clock: (onTimeout: () => void) => Clock;
  /** Has seen what came so far: nothing but the result may follow. */
  readonly scan: ResultScan;
  /** Called once, when nothing more will happen. */
  readonly onClosed: () => void;
}

/** What is still to come of a large body. A reader that takes nothing for the clock's time loses the rest. */
export class LargeBody implements BodyReader, BodyRest {
  readonly bytes: number;
  readonly #exchange: Exchange;
  readonly #where: string;
  readonly #clock: Clock;
  readonly #scan: ResultScan;
  readonly #onClosed: () => void;
  #waiting: Buffer[] = [];
  #sink: BodySink | undefined;
  #over: 'end' | 'cancel' | Error | undefined;

  constructor({ exchange, where, bytes, clock, scan, onClosed }: LargeBodyOptions) {
    this.bytes = bytes;
    this.#exchange = exchange;
    this.#where = where;
    this.#scan = scan;
    this.#onClosed = onClosed;
    this.#clock = clock(() =>
      this.break(new UpstreamError('timeout', 'The rest of a large answer did not come in time.')),
    );
    exchange.pause();
  }

  pipe(sink: BodySink): void {
    if (this.#sink !== undefined || this.#over === 'cancel') return;
    this.#sink = sink;
    let wantsMore = true;
    for (const chunk of this.#waiting) wantsMore = this.#write(sink, chunk) && wantsMore;
    this.#waiting = [];
    if (this.#over !== undefined) this.#tell();
    else if (wantsMore) this.#exchange.resume();
  }

  resume(): void {
    this.#clock.renew();
    this.#exchange.resume();
  }

  cancel(): void {
    this.#finish('cancel');
    this.#exchange.abort();
  }

  /** Ends it from this side. */
  break(error: UpstreamError): void {
    this.#exchange.abort();
    this.#finish(error);
  }

  data(chunk: Buffer): void {
    if (!this.#scan.push(chunk)) return this.break(this.#notAlone());
    this.#clock.renew();
    if (this.#sink === undefined) this.#waiting.push(chunk);
    else if (this.#write(this.#sink, chunk)) return;
    this.#exchange.pause();
  }

  end(): void {
    this.#finish(this.#scan.ended ? 'end' : this.#notAlone());
  }

  #notAlone(): UpstreamError {
    return new UpstreamError('protocol', `${this.#where} answered with something else than one result.`);
  }

  fail(error: Error): void {
    this.#finish(transportError(error, this.#where));
  }

  #write(sink: BodySink, chunk: Buffer): boolean {
    try {
      return this.#over !== 'cancel' && sink.write(chunk);
    } catch {
      // Whoever cannot take it does not want the rest.
      this.cancel();
      return false;
    }
  }

  #finish(how: 'end' | 'cancel' | Error): void {
    if (this.#over !== undefined) return;
    this.#over = how;
    if (how !== 'end') this.#waiting = [];
    this.#clock.stop();
    this.#onClosed();
    if (this.#sink !== undefined) this.#tell();
  }

  #tell(): void {
    try {
      if (this.#over === 'end') this.#sink?.end();
      else if (this.#over !== 'cancel') this.#sink?.fail(this.#over as Error);
    } catch {
      // Nothing is left that could be taken back.
    }
  }
}
