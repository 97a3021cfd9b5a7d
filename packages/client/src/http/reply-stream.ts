/**
 * A reply that is an event stream (Streamable HTTP, Server-Sent Events): its events as messages, in any chunking. It does
 * not know what the messages mean, nor whether the stream may be resumed.
 */

import { createSseReader, type SseReader } from '@sallyport/wire';
import { UpstreamError } from '../leg.ts';
import type { BodyReader } from './exchange.ts';

export interface EventStreamOptions {
  readonly maxEventBytes: number;
  /** The data of one event that has any. */
  readonly onMessage: (bytes: Buffer) => void;
  /** It ended, was cut, or held too large an event. Called once; nothing is called after it. */
  readonly onEnd: (error: Error | undefined) => void;
}

export class EventStream implements BodyReader {
  readonly #reader: SseReader;
  readonly #onEnd: (error: Error | undefined) => void;
  #onClosed: (() => void) | undefined;
  #over = false;

  constructor({ maxEventBytes, onMessage, onEnd }: EventStreamOptions) {
    this.#onEnd = onEnd;
    this.#reader = createSseReader({
      maxEventBytes,
      onEvent: ({ event, data }) => {
        if (!this.#over && event === 'message' && data.length > 0) onMessage(data);
      },
      onOversize: () => {
        this.#finish(new UpstreamError('too_large', `An event was larger than ${maxEventBytes} bytes.`));
      },
    });
  }

  /** What the next request may name in `Last-Event-ID`; undefined when there is nothing that fits in a header. */
  get lastId(): string | undefined {
    const { lastId } = this.#reader;
    return lastId !== undefined && EVENT_ID.test(lastId) ? lastId : undefined;
  }

  /** Milliseconds that the server asks for before the stream is opened again. */
  get retryMs(): number | undefined {
    return this.#reader.retryMs;
  }

  /** Nothing is called any more, but `onClosed` when the stream is over. */
  stop(onClosed?: () => void): void {
    this.#over = true;
    this.#onClosed = onClosed;
  }

  data(chunk: Buffer): void {
    if (!this.#over) this.#reader.push(chunk);
  }

  end(): void {
    this.#finish(undefined);
  }

  fail(error: Error): void {
    this.#finish(error);
  }

  #finish(error: Error | undefined): void {
    this.#onClosed?.();
    if (this.#over) return;
    this.#over = true;
    this.#onEnd(error);
  }
}

const EVENT_ID = /^[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/;
